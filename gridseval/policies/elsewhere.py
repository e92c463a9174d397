"""Checkpoints that run in their authors' code only: how they are recognised, and what runs them.

A folder that is refused without its name sends people searching; one that is taken for another kind
gives a wrong number. What tells UniVLA's and VLA-Adapter's folders from OpenVLA's is in
``openvla_kind.folder``, for these are refused however they are named.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gridseval.policies.signs import read_config

_RECIPE = "serve it in the model's own environment: gridseval serve --policy examples/policies/{}"


@dataclass(frozen=True)
class ForeignFamily:
    """A family whose checkpoints gridseval does not load itself.

    Args:
        title: Its name, or several names.
        sign: Returns what was found in a file or folder, or ``None``.
        hint: What runs it.
    """

    title: str
    sign: Callable[[Path], str | None]
    hint: str


def _openpi(path: Path) -> str | None:
    found = (path / "params").is_dir() and not (path / "config.json").exists()
    return "a folder params/ without config.json" if found else None


def _nora(path: Path) -> str | None:
    if read_config(path).get("model_type") != "qwen2_5_vl":
        return None
    named = ("added_tokens.json", "tokenizer_config.json", "tokenizer.json")
    return (
        "Qwen2.5-VL with action tokens"
        if any("<robot_action_" in _beginning(path / name) for name in named)
        else None
    )


def _worldvla(path: Path) -> str | None:
    config = read_config(path)
    found = config.get("model_type") == "chameleon" and "z_loss_weight" in config
    return "Chameleon with z_loss_weight in config.json" if found else None


def _internvla(path: Path) -> str | None:
    run = path.parent.parent if path.is_file() and path.suffix == ".pt" else path
    files = ("config.yaml", "dataset_statistics.json")
    steps = any((run / "checkpoints").glob("steps_*_pytorch_model.pt"))
    return "checkpoints/steps_*.pt beside config.yaml" if steps and _has(run, files) else None


FOREIGN = (
    ForeignFamily(
        "openpi",
        _openpi,
        "start openpi's scripts/serve_policy.py with it, then give --ckpt ws://127.0.0.1:8000",
    ),
    ForeignFamily("NORA", _nora, _RECIPE.format("nora.py:Nora --ckpt FOLDER")),
    ForeignFamily("WorldVLA", _worldvla, _RECIPE.format("worldvla.py:WorldVla --ckpt FOLDER")),
    ForeignFamily(
        "InternVLA-M1 or StarVLA",
        _internvla,
        "InternVLA-M1: start its server_policy_M1.py, then examples/policies/internvla_m1.py; "
        "StarVLA: serve it with vla-eval (gridseval policies show internvla_m1, starvla)",
    ),
)
"""One entry per family."""


def _has(folder: Path, names: tuple[str, ...]) -> bool:
    return all((folder / name).is_file() for name in names)


def _beginning(file: Path) -> str:
    """Return a file's text up to a size that tokenizers have; empty where there is none."""
    try:
        with file.open(errors="replace") as stream:
            return stream.read(1 << 25)
    except OSError:
        return ""
