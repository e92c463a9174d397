"""Progress of a training on standard error: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from gridseval.cli.progress import LINE_EVERY_S, duration, make_progress

if TYPE_CHECKING:
    from gridseval.evaluation import Progress
    from gridseval.training.snapshot import TrainingState

_SMOOTH = 0.98
_BAR = "{desc} {bar:12} {percentage:3.0f} %, {postfix}"


def make_training_progress() -> TrainingLines:
    """Return a bar if standard error is a terminal, else plain lines, which suit logs."""
    return TrainingBar() if sys.stderr.isatty() else TrainingLines()


class TrainingLines:
    """A line per half minute at most, with step, losses, steps per second and time left.

    Args:
        write: Takes a line.
        clock: Returns seconds.
    """

    def __init__(
        self,
        write: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write = write or _to_standard_error
        self._clock = clock
        self._said_s = self._began_s = clock()
        self._first: tuple[int, float] | None = None
        self._loss: float | None = None

    def on_image(self, done: int, of: int) -> None:
        """Say how many queries' images are decoded, now and then."""
        if done == of or self._clock() - self._said_s >= LINE_EVERY_S:
            self._said_s = self._clock()
            self._write(f"images: {done} of {of} queries decoded")

    def on_step(self, state: TrainingState, share: float, loss: float) -> None:
        """Say how far it is, now and then."""
        self._loss = loss if self._loss is None else _SMOOTH * self._loss + (1 - _SMOOTH) * loss
        if self._first is None:
            self._first = (state.step, share)
            self._began_s = self._clock()
        self._show(state, share)

    def on_note(self, text: str) -> None:
        """Say it."""
        self._write(text)

    @contextlib.contextmanager
    def episodes(self) -> Iterator[Progress | None]:
        """Show a run in the simulator as any run."""
        shown = make_progress()
        began_s = self._clock()
        try:
            yield shown
        finally:
            shown.close()
            self._began_s += self._clock() - began_s

    def close(self) -> None:
        """Leave what is said."""

    def _show(self, state: TrainingState, share: float) -> None:
        if share >= 1 or self._clock() - self._said_s >= LINE_EVERY_S:
            self._said_s = self._clock()
            self._write(f"{100 * min(share, 1):.0f} %, {self._text(state, share)}")

    def _text(self, state: TrainingState, share: float) -> str:
        assert self._first is not None
        step, before = self._first
        elapsed_s = self._clock() - self._began_s
        parts = [f"step {state.step}", f"loss {self._loss:.4f}"]
        held = validation_of(state)
        if held is not None:
            parts.append(f"held-out {held:.4f}")
        if state.step > step and elapsed_s > 0:
            parts.append(f"{(state.step - step) / elapsed_s:.2f} steps/s")
        if before < share < 1 and elapsed_s > 0:
            parts.append(f"{duration(elapsed_s * (1 - share) / (share - before))} left")
        return ", ".join(parts)


class TrainingBar(TrainingLines):
    """A tqdm bar with the same."""

    def __init__(self) -> None:
        super().__init__()
        self._bar: Any = None

    def on_note(self, text: str) -> None:
        """Say it above the bar."""
        self.close()
        self._write(text)

    @contextlib.contextmanager
    def episodes(self) -> Iterator[Progress | None]:
        """Show a run in the simulator as any run, in the place of the bar."""
        self.close()
        with super().episodes() as shown:
            yield shown

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _show(self, state: TrainingState, share: float) -> None:
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=1.0, desc="nano", mininterval=0.2, bar_format=_BAR)
        self._bar.set_postfix_str(self._text(state, share), refresh=False)
        self._bar.update(min(share, 1.0) - self._bar.n)


def validation_of(state: TrainingState) -> float | None:
    """Return the last loss on held-out episodes, if there is one."""
    rows = (row["validation"] for row in reversed(state.rows))
    return next((held for held in rows if held is not None), None)


def _to_standard_error(line: str) -> None:
    click.echo(line, err=True)
