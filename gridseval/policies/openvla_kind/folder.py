"""What lies in a folder of OpenVLA's family, read before anything is loaded.

Many models began as OpenVLA and kept its ``model_type``; run as OpenVLA, each would move the robot
somewhere without a word. What tells them apart are the files beside the weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gridseval.errors import PolicyError
from gridseval.plain_files import read_json

_PARTS = ("action_head--*", "proprio_projector--*", "vision_backbone--*")
"""What OpenVLA-OFT saves beside its model."""

_RECIPE = "gridseval serve --policy examples/policies/{} --ckpt {}"


def read_config(folder: Path) -> dict[str, Any]:
    """Return a checkpoint's ``config.json``.

    Raises:
        PolicyError: It cannot be read.
    """
    file = folder / "config.json"
    try:
        config = read_json(file)
    except FileNotFoundError as error:
        _check_adapter(folder)
        raise PolicyError(
            f"{folder} has no config.json", "name the folder with the model's weights and code"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise PolicyError(f"cannot read {file}: {error}") from error
    if not isinstance(config, dict):
        raise PolicyError(f"{file} holds no object")
    return config


def check_folder(folder: Path, config: dict[str, Any], heads: bool) -> None:
    """Refuse what is not OpenVLA, OpenVLA-OFT or LightVLA, or not whole.

    Args:
        folder: The checkpoint.
        config: Its ``config.json``.
        heads: Whether the kind reads ``action_head--*`` and what else lies beside the model.

    Raises:
        PolicyError: The folder is another model's (says what runs it), or an adapter alone, or the
            kind would ignore files that decide how it acts.
    """
    _check_univla(folder)
    _check_vla_adapter(folder, config)
    _check_diffusion(folder)
    _check_adapter(folder)
    _check_unknown(folder)
    beside = _beside(folder)
    if beside and not heads:
        raise PolicyError(
            f"{folder} has {beside[0].name}, so it is OpenVLA-OFT's; as OpenVLA it would act "
            "without it",
            "give --policy openvla-oft or lightvla, or leave --policy out",
        )


def image_count(folder: Path, config: dict[str, Any], asked: int | None) -> int:
    """Return how many images a checkpoint sees: 1, agentview alone, or 2.

    OpenVLA-OFT does not save it; its instructions put it into the folder's name. Its published
    checkpoints see two.

    Args:
        folder: The checkpoint.
        config: Its ``config.json``.
        asked: The user's choice, which counts.

    Raises:
        PolicyError: It is neither 1 nor 2.
    """
    name = folder.resolve().name
    alone = "3rd_person_img" in name and "wrist_img" not in name
    count = config.get("num_images_in_input", 1 if alone else 2) if asked is None else asked
    if count not in (1, 2):
        raise PolicyError(
            f"{folder} sees {count} images, and LIBERO has two cameras",
            "choose with --policy-arg images=1 or images=2",
        )
    return int(count)


def _check_univla(folder: Path) -> None:
    decoders = sorted(folder.glob("action_decoder*"))
    found = decoders[0].name if decoders else None
    if found is None and any("<ACT_0>" in _text(folder / name) for name in _TOKENS):
        found = "latent action tokens <ACT_0>, …"
    if found is not None:
        raise PolicyError(
            f"{folder} has {found}, so it is UniVLA's: its tokens are latent, and a "
            "separate decoder makes its actions",
            f"serve it where UniVLA is installed: {_RECIPE.format('univla.py:UniVla', folder)}",
        )


_TOKENS = ("added_tokens.json", "special_tokens_map.json", "tokenizer_config.json")


def _check_vla_adapter(folder: Path, config: dict[str, Any]) -> None:
    text = config.get("text_config")
    model = text.get("model_type") if isinstance(text, dict) else None
    named = [str(config.get("llm_backbone_id", "")), str(model)]
    if any(name.lower().startswith("qwen") for name in named) and _beside(folder):
        raise_vla_adapter(folder, "a Qwen language model and " + _beside(folder)[0].name)


def raise_vla_adapter(folder: Path, found: str) -> None:
    """Refuse a folder of VLA-Adapter's, which has OpenVLA-OFT's file names."""
    recipe = _RECIPE.format("vla_adapter.py:VlaAdapter", folder)
    raise PolicyError(
        f"{folder} has {found}, so it is not OpenVLA-OFT's but looks like VLA-Adapter's",
        f"serve VLA-Adapter where it is installed: {recipe}",
    )


def _check_diffusion(folder: Path) -> None:
    for file in sorted(folder.glob("noisy_action_projector--*")):
        raise PolicyError(
            f"{folder} has {file.name}: OpenVLA-OFT with a diffusion head, which is not supported",
            "serve it with a class of your own: gridseval serve --policy file.py:Class",
        )


def _check_unknown(folder: Path) -> None:
    """Refuse a network beside the model that gridseval does not read: the model would lack it."""
    for file in sorted(folder.glob("*--*_checkpoint.pt")):
        if not any(file.match(pattern) for pattern in _PARTS):
            raise PolicyError(
                f"{folder} has {file.name}, a part that neither OpenVLA nor OpenVLA-OFT has",
                "serve it with the code that wrote it: gridseval serve --policy file.py:Class",
            )


def _check_adapter(folder: Path) -> None:
    if any(folder.glob("*.safetensors*")) and not (folder / "adapter_config.json").exists():
        return
    for adapter in (folder, folder / "lora_adapter"):
        if (adapter / "adapter_config.json").exists():
            raise PolicyError(
                f"{adapter} is a LoRA adapter without its base model's weights",
                "merge them first: vla-scripts/merge_lora_weights_and_save.py of openvla-oft "
                "writes the merged model",
            )


def _beside(folder: Path) -> list[Path]:
    return [file for pattern in _PARTS for file in sorted(folder.glob(pattern))]


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""
