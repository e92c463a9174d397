"""Several transfers at a time, which end together: done, failed, interrupted, or too slow.

It starts its own threads. A program waits for those of ``concurrent.futures`` when it ends, so that
a silent connection would delay Ctrl-C for minutes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from gridseval.assets.hub import PatienceError

Meter = Callable[[int], None]
"""Told of bytes as they come; negative if some have to be fetched again."""

_CONNECTIONS = 8
_TICK_S = 0.1
_GRACE_S = 1.0
# The cost of one request, in bytes. Without it, a folder of small files would look like a slow
# hub.
_ASKING_BYTES = 200_000


@dataclass(frozen=True)
class Transfer:
    """One file's transfer.

    Attributes:
        size: In bytes.
        run: Fetches it; takes a meter, and lets the meter's exceptions through.
    """

    size: int
    run: Callable[[Meter], None]


@dataclass(frozen=True)
class Pace:
    """The speed that an automatic transfer needs.

    Attributes:
        look_s: Seconds between two checks of the speed.
        rest_s: Seconds that the rest may take at the speed since the last check.
    """

    look_s: float = 5.0
    rest_s: float = 300.0

    def is_kept(self, came: int, left: int, elapsed_s: float) -> bool:
        """Return whether the rest arrives in time at the present speed (bytes)."""
        return left * elapsed_s <= came * self.rest_s


def transfer_all(transfers: Sequence[Transfer], meter: Meter, pace: Pace | None = None) -> None:
    """Run transfers, eight at a time. The first failure ends all within about a second.

    Args:
        transfers: What to fetch.
        meter: Called with the number of bytes just received; an exception from it ends all.
        pace: The speed that they need; ``None`` for no limit.

    Raises:
        PatienceError: They are too slow.
        Exception: What the first of them to fail raised.
    """
    team = _Team(transfers, meter)
    threads = [
        threading.Thread(target=team.work, daemon=True)
        for _ in range(min(_CONNECTIONS, len(transfers)))
    ]
    for thread in threads:
        thread.start()
    try:
        team.wait(len(transfers), pace)
    finally:
        team.stopped.set()
        for thread in threads:
            thread.join(_GRACE_S / len(threads))


class _StoppedError(Exception):
    """Ends a transfer whose result is no longer needed."""


class _Team:
    """State that the threads share: transfers to do, outcomes, and bytes received."""

    def __init__(self, transfers: Sequence[Transfer], meter: Meter) -> None:
        self.stopped = threading.Event()
        self._waiting: SimpleQueue[Transfer | None] = SimpleQueue()
        self._ended: SimpleQueue[BaseException | None] = SimpleQueue()
        self._meter = meter
        self._lock = threading.Lock()
        self._left = sum(each.size + _ASKING_BYTES for each in transfers)
        for each in (*transfers, *[None] * _CONNECTIONS):  # each thread ends at its None
            self._waiting.put(each)

    def work(self) -> None:
        """Do one transfer after another, until all are done or another thread has failed."""
        while (transfer := self._waiting.get()) is not None and not self.stopped.is_set():
            self._ended.put(self._outcome(transfer))

    def wait(self, number: int, pace: Pace | None) -> None:
        """Wait until all are done; raise the error of one that failed, or that it is too slow."""
        looked_s, left = time.monotonic(), self._left
        while number:
            try:
                failure = self._ended.get(timeout=_TICK_S)
            except Empty:
                pass
            else:
                number -= 1
                if failure is not None:
                    raise failure
            if pace is not None and time.monotonic() - looked_s >= pace.look_s:
                now_s, left_now = time.monotonic(), self._left
                if not pace.is_kept(left - left_now, left_now, now_s - looked_s):
                    raise _too_slow(pace)
                looked_s, left = now_s, left_now

    def _outcome(self, transfer: Transfer) -> BaseException | None:
        try:
            transfer.run(self._count)
        except BaseException as error:
            return error
        self._came(_ASKING_BYTES)
        return None

    def _count(self, count: int) -> None:
        if self.stopped.is_set():
            raise _StoppedError
        self._came(count)
        self._meter(count)

    def _came(self, count: int) -> None:
        with self._lock:
            self._left -= count


def _too_slow(pace: Pace) -> PatienceError:
    return PatienceError(
        f"fetching them would take more than {pace.rest_s / 60:g} min longer",
        "gridseval assets pull fetches them however long it takes; what came is kept",
    )
