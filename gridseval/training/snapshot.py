"""The state of a training on disk, from which it goes on after it was killed."""

from __future__ import annotations

import io
import pickle
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from gridseval.errors import OutputError
from gridseval.files import write_atomically
from gridseval.os_errors import RUN_HINTS, os_errors

STATE = "training/state.pt"


_DAMAGE = (
    *(RuntimeError, pickle.UnpicklingError, EOFError, TypeError, KeyError, ValueError),
    *(AttributeError, IndexError),
)
"""What loading a file raises that is not one of torch's, or not of a training's."""


@dataclass
class TrainingState:
    """All that a training remembers besides tensors.

    Attributes:
        step: Optimiser steps done.
        seconds: Of training, evaluations not counted.
        cpu_seconds: Of the processor, in the same time.
        loss_sum: Of the steps since the last row.
        loss_count: Of the same steps.
        rows: Of ``loss.csv``.
        evaluations: Results in the simulator.
        rounds: Results of DAgger's rounds, with their datasets.
        segment_step: Step at which the present set of samples began.
        evaluated_seconds: ``seconds`` at the last evaluation.
        started: When the training began, ISO 8601.
    """

    step: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    loss_sum: float = 0.0
    loss_count: int = 0
    rows: list[dict[str, float | None]] = field(default_factory=list)
    evaluations: list[dict[str, Any]] = field(default_factory=list)
    rounds: list[dict[str, Any]] = field(default_factory=list)
    segment_step: int = 0
    evaluated_seconds: float = 0.0
    started: str = ""


def save_state(out: Path, state: TrainingState, tensors: dict[str, Any]) -> None:
    """Write a training's state.

    Args:
        out: The training's folder.
        state: What it remembers.
        tensors: State dictionaries of model, average and optimiser.

    Raises:
        OutputError: It cannot be written.
    """
    # In memory first: on a full disk, torch's own errors would not say so.
    held = io.BytesIO()
    torch.save({"state": asdict(state), **tensors}, held)
    with os_errors(f"cannot write to {out}", hint=RUN_HINTS):
        (out / STATE).parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out / STATE, held.getvalue())


def load_state(out: Path) -> tuple[TrainingState, dict[str, Any]] | None:
    """Return a training's state and its tensors, on the CPU; ``None`` where there is none.

    Nothing in the file can run.

    Raises:
        OutputError: It is damaged.
    """
    path = out / STATE
    if not path.is_file():
        return None
    try:
        with os_errors(f"cannot read {path}"):
            loaded = torch.load(path, map_location="cpu", weights_only=True)
        return TrainingState(**loaded.pop("state")), loaded
    except _DAMAGE as e:
        reason = " ".join(str(e).split())[:80]
        raise OutputError(
            f"{path} is damaged: {reason}", f"remove {out} and start the training anew"
        ) from e
