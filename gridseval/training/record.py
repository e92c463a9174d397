"""``train.yaml``: everything needed to repeat a training, and what came out of it."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from gridseval import __version__
from gridseval.errors import OutputError
from gridseval.policies.identity import checkpoint_sha256
from gridseval.policies.nano.model import NanoModel
from gridseval.training.config import TrainConfig
from gridseval.training.dataset import Dataset
from gridseval.training.snapshot import TrainingState
from gridseval.versions import versions_of

RECORD = "train.yaml"
SCHEMA = 1
_PACKAGES = ("numpy", "pillow", "pyarrow", "mujoco")
_MAY_DIFFER = {"device": "--device", "precision": "--precision", "threads": "--threads"}
_DECIDING = ("arguments", "shape", "data", "init")


def begun(
    config: TrainConfig, model: NanoModel, datasets: Sequence[Dataset], device: str, precision: str
) -> dict[str, Any]:
    """Return what is known when a training begins, of plain values."""
    shape = asdict(model.config)
    shape["cameras"] = list(shape["cameras"])
    init = None
    if config.init is not None:
        init = {"path": str(config.init), "sha256": checkpoint_sha256(str(config.init))}
    return {
        "schema": SCHEMA,
        "model": "nano",
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "arguments": config.deciding(),
        "shape": shape,
        "data": [dataset.describe() for dataset in datasets],
        "init": init,
        "device": device,
        "precision": precision,
        "threads": config.threads,
        "versions": {
            "python": platform.python_version(),
            "gridseval": __version__,
            "torch": str(torch.__version__),
            **versions_of(*_PACKAGES),
        },
        "machine": {
            "name": platform.node(),
            "system": platform.platform(),
            "processor": _processor(),
            "cpu_cores": os.cpu_count(),
        },
        "command": config.command,
    }


def results(state: TrainingState, batch: int, finished: bool) -> dict[str, Any]:
    """Return what has come out of a training so far, of plain values."""
    validated = [row for row in state.rows if row["validation"] is not None]
    return {
        "started": state.started,
        "finished": finished,
        "steps": state.step,
        "samples": state.step * batch,
        "minutes": round(state.seconds / 60, 3),
        "cpu_minutes": round(state.cpu_seconds / 60, 3),
        "loss": {
            "first": state.rows[0]["loss"] if state.rows else None,
            "last": state.rows[-1]["loss"] if state.rows else None,
            "validation": validated[-1]["validation"] if validated else None,
            "translation": validated[-1]["translation"] if validated else None,
            "rotation": validated[-1]["rotation"] if validated else None,
            "gripper": validated[-1]["gripper"] if validated else None,
        },
        "evaluations": [dict(each) for each in state.evaluations],
        "dagger": [dict(each) for each in state.rounds],
    }


def check_same(out: Path, stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Refuse to go on with other arguments or data than a training began with.

    Raises:
        OutputError: Names the first key that differs.
    """
    for part in _DECIDING:
        has, wants = _flat(stored.get(part), part), _flat(wanted[part], part)
        for key in (*wants, *has):
            # Data and checkpoints may be moved; hashes stand for all that is said of them.
            if part in ("data", "init") and not key.endswith((".sha256", ".count")):
                continue
            if has.get(key) != wants.get(key):
                raise OutputError(
                    f"{out} holds another training: its {key} is {has.get(key)}, "
                    f"now it is {wants.get(key)}",
                    "name another folder with --out",
                )


def changes_of(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what has changed since a training began and may, but changes the last bits."""
    return tuple(
        f"began with {name} {stored[key]}, goes on with {wanted[key]}: not to the bit what it "
        "would have been"
        for key, name in _MAY_DIFFER.items()
        if key in stored and stored[key] != wanted[key]
    )


def _flat(tree: Any, name: str) -> dict[str, str]:
    if isinstance(tree, Mapping):
        return {k: v for key, part in tree.items() for k, v in _flat(part, f"{name}.{key}").items()}
    if isinstance(tree, list) and tree and isinstance(tree[0], Mapping):
        found = {f"{name}.count": repr(len(tree))}
        for number, part in enumerate(tree):
            found |= _flat(part, f"{name}[{number}]")
        return found
    return {name: repr(tree)}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
