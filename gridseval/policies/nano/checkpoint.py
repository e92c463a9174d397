"""Checkpoints of ``nano``: a folder with ``config.json`` and ``model.safetensors``.

Both are data: nothing in them can run. Loading is strict, for a tensor that is silently left out
is another model.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from gridseval.errors import PolicyError, did_you_mean
from gridseval.files import write_atomically
from gridseval.os_errors import os_errors
from gridseval.plain_files import check_regular
from gridseval.policies.nano.config import NanoConfig, config_text, read_config
from gridseval.policies.nano.model import NanoModel

CONFIG, WEIGHTS = "config.json", "model.safetensors"
MOST_PARAMETERS = 500_000_000
_SHOWN = 3
_FLOATS = (torch.float32, torch.float16, torch.bfloat16)


def new_nano(config: NanoConfig | None = None, seed: int = 0) -> NanoModel:
    """Return a freshly initialised model, the same for the same seed.

    Args:
        config: Its shape; default: :class:`NanoConfig`'s.
        seed: At least 0.

    Raises:
        PolicyError: The model would have more than 500 million parameters, or its pruner does not
            fit it.
    """
    config = config or NanoConfig()
    _check_size(config)
    with torch.random.fork_rng(devices=[]):  # other users of torch's generator are not disturbed
        torch.manual_seed(seed)
        return NanoModel(config).eval()


def save_nano(
    path: str | os.PathLike[str], config: NanoConfig | None = None, seed: int = 0
) -> None:
    """Write a freshly initialised checkpoint.

    Args:
        path: The folder; made if it does not exist.
        config: The model's shape; default: :class:`NanoConfig`'s.
        seed: At least 0.

    Raises:
        PolicyError: The configuration makes no model.
        OutputError: The folder cannot be written to.
    """
    save_model(path, new_nano(config, seed))


def save_model(path: str | os.PathLike[str], model: NanoModel, half: bool = False) -> None:
    """Write a model's checkpoint, trained or not.

    Args:
        path: The folder; made if it does not exist, its files replaced.
        model: The model.
        half: Whether weights are rounded to float16, which halves the file. What states are
            normalised by is not rounded, nor is a tensor that would not be finite then.

    Raises:
        OutputError: The folder cannot be written to.
    """
    folder = Path(path)
    tensors = {key: _stored(key, value, half) for key, value in model.state_dict().items()}
    contents = {
        CONFIG: config_text(model.config).encode(),
        WEIGHTS: save(tensors, {"format": "pt"}),
    }
    with os_errors(f"cannot write to {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        write_atomically(folder / name, content)


def load_nano(path: str | os.PathLike[str]) -> NanoModel:
    """Load a checkpoint.

    Args:
        path: The folder.

    Raises:
        PolicyError: A file is missing or damaged, a key is missing or unknown, a tensor has another
            shape than the configuration says, its numbers are not floats or not finite, or a
            deviation is not positive.

    Weights in float16 and bfloat16 become float32.
    """
    folder = Path(path)
    model = new_nano(read_config(folder / CONFIG))
    file = folder / WEIGHTS
    try:
        check_regular(file)
        with safe_open(file, framework="pt") as opened:
            tensors = _tensors(file, opened, model.state_dict())
    except OSError as error:
        raise PolicyError(
            f"cannot read {file}: {error.strerror}", f"a nano checkpoint has {CONFIG} and {WEIGHTS}"
        ) from error
    except (SafetensorError, ValueError, MemoryError) as error:
        raise PolicyError(f"{file} is not a safetensors file: {error}", "copy it again") from error
    if not bool((tensors["state_std"] > 0).all()):
        raise PolicyError(f"{file}: state_std has values that are not positive")
    model.load_state_dict(tensors)
    return model


def _stored(key: str, value: Tensor, half: bool) -> Tensor:
    """Return a tensor as a file has it."""
    value = value.detach().cpu().contiguous()
    rounded = value.half()
    fits = key not in ("state_mean", "state_std") and bool(rounded.isfinite().all())
    return rounded if half and fits else value


def _check_size(config: NanoConfig) -> None:
    """Refuse a model that fills the memory, before it does; a draft on ``meta`` has no storage."""
    with torch.device("meta"):
        draft = NanoModel(config)
    count = sum(parameter.numel() for parameter in draft.parameters())
    if count > MOST_PARAMETERS:
        raise PolicyError(
            f"this nano would have {count / 1e6:.0f} million parameters, more than "
            f"{MOST_PARAMETERS // 1_000_000}",
            "make it narrower or shallower",
        )


def _tensors(file: Path, opened: Any, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a file's tensors; what does not fit is refused before it fills the memory."""
    _check_keys(file, list(opened.keys()), expected)
    for key, wanted in expected.items():
        shape = tuple(opened.get_slice(key).get_shape())
        if shape != wanted.shape:
            raise _misfit(file, f"{key} has shape {shape}, expected {tuple(wanted.shape)}")
    tensors = {key: opened.get_tensor(key) for key in expected}
    for key, found in tensors.items():
        if found.dtype not in _FLOATS:
            raise _misfit(file, f"{key} is {found.dtype}, expected {expected[key].dtype}")
        if not bool(found.isfinite().all()):
            raise PolicyError(f"{file}: {key} has values that are not finite")
    return tensors


def _misfit(file: Path, reason: str) -> PolicyError:
    return PolicyError(f"{file}: {reason}", f"does {CONFIG} belong to it?")


def _check_keys(file: Path, found: Sequence[str], expected: Mapping[str, Any]) -> None:
    missing = [key for key in expected if key not in found]
    unknown = [key for key in found if key not in expected]
    if unknown:
        hint = did_you_mean(unknown[0], missing or list(expected))
        raise PolicyError(f"{file} has keys that {CONFIG} does not describe: {_few(unknown)}", hint)
    if missing:
        raise PolicyError(f"{file} lacks {_few(missing)}", f"does {CONFIG} belong to it?")


def _few(keys: list[str]) -> str:
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return ", ".join(keys[:_SHOWN]) + more
