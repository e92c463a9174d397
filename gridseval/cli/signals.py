"""Signals that a scheduler or a lost terminal sends before the end finish a run as Ctrl-C does."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import NoReturn

ENDING = tuple(
    signal.Signals[name]
    for name in ("SIGHUP", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGXCPU")
    if name in signal.Signals.__members__
)
"""A lost terminal, a scheduler's end, its warnings before that (Slurm's ``--signal``, Grid Engine's
``-notify``, LSF), and a limit on processor time. Each would end the process at once."""


class Terminated(KeyboardInterrupt):
    """One of these signals arrived.

    Attributes:
        number: Which.
    """

    def __init__(self, number: int = signal.SIGTERM) -> None:
        super().__init__()
        self.number = signal.Signals(number)

    @property
    def how(self) -> str:
        """Says how the run ended, for people."""
        return "terminated" if self.number == signal.SIGTERM else f"ended by {self.number.name}"

    @property
    def exit_code(self) -> int:
        """The exit code by the shell's rule, 128 + n."""
        return 128 + int(self.number)


def unignored() -> tuple[signal.Signals, ...]:
    """Return those of the signals that the process does not ignore, as ``nohup`` lets it."""
    return tuple(number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN)


@contextlib.contextmanager
def signals_raise() -> Iterator[None]:
    """Raise Terminated where one of them finds the block; afterwards the old handlers are back.

    Does nothing outside the main thread, and leaves signals that are ignored or handled already.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    defaults = [each for each in ENDING if signal.getsignal(each) is signal.SIG_DFL]
    numbers = defaults if in_main_thread else []
    for number in numbers:
        signal.signal(number, _raise)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def _raise(number: int, _: object) -> NoReturn:
    # A second one, of any kind, must not interrupt the cleaning up.
    for each in ENDING:
        if signal.getsignal(each) is _raise:
            signal.signal(each, signal.SIG_IGN)
    raise Terminated(number)
