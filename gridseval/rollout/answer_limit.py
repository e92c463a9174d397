"""A time limit for a policy that acts in this process, as far as there can be one.

Code in Python is interrupted by an exception. Code of a library cannot be: while it runs, another
thread can only say so, which the command line does, and ends the process. Not even that is possible
while a library holds Python's interpreter lock.
"""

from __future__ import annotations

import contextlib
import ctypes
import threading
from collections.abc import Callable, Iterator

GRACE_S = 10.0
"""Time that code has for ending after the exception, before it counts as stuck."""

ANSWER_TIMES = 5
"""How many times a worker's time a policy has: a first answer may compile, and a batch be large."""

_LONGEST_S = 1e6  # what a thread can wait for is limited


def answer_seconds(timeout_s: float) -> float:
    """Return how many seconds a policy has for an answer, by a worker's time limit."""
    return ANSWER_TIMES * timeout_s


class OverdueError(Exception):
    """The policy has not answered in time."""


class AnswerLimit:
    """Interrupts calls that take too long.

    Args:
        seconds: How long one may take, above 0.
        stuck: Called in another thread where a call cannot be interrupted.
    """

    def __init__(self, seconds: float, stuck: Callable[[], None] | None = None) -> None:
        self.seconds, self._stuck = seconds, stuck

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Interrupt the body if it takes too long.

        Raises:
            OverdueError: It did.
        """
        watch = _Watch(min(self.seconds, _LONGEST_S), threading.get_ident(), self._stuck)
        watch.start()
        try:
            yield
        finally:
            overdue = watch.end()
        if overdue:  # the exception came too late, or was caught
            raise OverdueError


class _Watch(threading.Thread):
    def __init__(self, seconds: float, thread: int, stuck: Callable[[], None] | None) -> None:
        super().__init__(name="answer limit", daemon=True)
        self._seconds, self._watched, self._stuck = seconds, thread, stuck
        self._ended, self._lock, self._overdue = threading.Event(), threading.Lock(), False

    def run(self) -> None:
        if self._ended.wait(self._seconds):
            return
        with self._lock:
            if self._ended.is_set():
                return
            self._overdue = True
            _raise_in(self._watched, OverdueError)
        if not self._ended.wait(GRACE_S) and self._stuck is not None:
            self._stuck()

    def end(self) -> bool:
        """Stop watching; return whether the time was over."""
        self._ended.set()
        with self._lock:
            if self._overdue:
                _raise_in(self._watched, None)  # what is still to be raised would find other code
            return self._overdue


def _raise_in(thread: int, error: type[Exception] | None) -> None:
    """Have an exception raised in another thread, or take that back."""
    raised = None if error is None else ctypes.py_object(error)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), raised)
