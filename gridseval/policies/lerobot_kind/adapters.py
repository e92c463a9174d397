"""Loads a LeRobot policy that is an adapter (LoRA and the like) beside another checkpoint."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gridseval.errors import PolicyError
from gridseval.plain_files import read_json
from gridseval.policies.lerobot_kind.places import ADAPTER, find_checkpoint
from gridseval.policies.lerobot_kind.weights import load_whole


def load_adapted(kind: type[Any], where: str, config: Any) -> Any:
    """Return the policy of an adapter's folder, with the adapter in it.

    As LeRobot's own evaluation does: the base checkpoint's weights under the adapter's own
    configuration, then peft.

    Args:
        kind: LeRobot's class of the policy.
        where: A folder with ``adapter_config.json`` and ``adapter_model.safetensors``.
        config: The configuration that lies there.

    Raises:
        PolicyError: peft is not installed, the base checkpoint is not found, or weights do not fit.
    """
    folder = Path(where)
    base = base_checkpoint(folder)
    try:
        peft: Any = importlib.import_module("peft")
    except ImportError as error:
        raise PolicyError(
            f"{folder} is an adapter on {base}, which needs the package peft: {error}",
            "pip install peft, or save the whole policy: PeftModel.merge_and_unload(), then "
            "save_pretrained",
        ) from error
    policy = load_whole(kind, str(find_checkpoint(base).folder), config)
    adapter = peft.PeftConfig.from_pretrained(where)
    try:
        adapted = peft.PeftModel.from_pretrained(policy, where, config=adapter)
    except RuntimeError as error:  # torch's, of shapes
        raise _misfit(folder, " ".join(str(error).split())[:300]) from error
    _check_adapter(folder, peft.get_peft_model_state_dict(adapted))
    # The layers were replaced in the policy itself, which is what LeRobot's methods expect.
    return adapted.get_base_model()


def base_checkpoint(folder: Path) -> str:
    """Return the checkpoint that an adapter was trained on, a folder or a hub id.

    Raises:
        PolicyError: The adapter does not say.
    """
    try:
        told = read_json(folder / ADAPTER)
    except (OSError, ValueError) as error:
        raise PolicyError(f"cannot read {folder / ADAPTER}: {error}") from error
    base = told.get("base_model_name_or_path") if isinstance(told, dict) else None
    if not isinstance(base, str) or not base:
        raise PolicyError(f"{folder / ADAPTER} names no base checkpoint (base_model_name_or_path)")
    return base


def _check_adapter(folder: Path, own: Mapping[str, Any]) -> None:
    """Refuse an adapter whose file does not fill it.

    Raises:
        PolicyError: A weight is missing, unexpected or another one than the file's.
    """
    import torch
    from safetensors.torch import load_file

    file = load_file(folder / "adapter_model.safetensors")
    wrong = sorted(own.keys() ^ file.keys()) + [
        name
        for name in sorted(own.keys() & file.keys())
        if own[name].shape != file[name].shape
        or not torch.equal(own[name].cpu().to(file[name].dtype), file[name])
    ]
    if wrong:
        raise _misfit(folder, f"{len(wrong)} of them: {', '.join(wrong[:3])}")


def _misfit(folder: Path, reason: str) -> PolicyError:
    return PolicyError(
        f"{folder}: weights do not fit the adapter ({reason})",
        "is the file whole, and of this version of peft?",
    )
