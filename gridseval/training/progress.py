"""What a training tells its display."""

from __future__ import annotations

import contextlib
from typing import Protocol

from gridseval.evaluation import Progress
from gridseval.training.snapshot import TrainingState


class TrainingProgress(Protocol):
    """Shows how far a training is."""

    def on_image(self, done: int, of: int) -> None:
        """Learn that images of a query were decoded."""

    def on_step(self, state: TrainingState, share: float, loss: float) -> None:
        """Learn that a step was made, and which share of the training is done."""

    def on_note(self, text: str) -> None:
        """Learn what else happened, in words."""

    def episodes(self) -> contextlib.AbstractContextManager[Progress | None]:
        """Return what shows the episodes of a run in the simulator."""


class Quiet:
    """Shows nothing."""

    def on_image(self, done: int, of: int) -> None:
        """Show nothing."""

    def on_step(self, state: TrainingState, share: float, loss: float) -> None:
        """Show nothing."""

    def on_note(self, text: str) -> None:
        """Show nothing."""

    def episodes(self) -> contextlib.AbstractContextManager[Progress | None]:
        """Show nothing."""
        return contextlib.nullcontext()
