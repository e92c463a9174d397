"""What ends a training early."""

from __future__ import annotations

from typing import Any

from gridseval.training.progress import Quiet


class Breaks(Quiet):
    """Ends a training after some steps, as Ctrl-C does."""

    def __init__(self, at: int) -> None:
        self.at = at

    def on_step(self, state: Any, share: float, loss: float) -> None:
        if state.step == self.at:
            raise KeyboardInterrupt
