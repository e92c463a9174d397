"""Renews tables during a run without slowing it down."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from gridseval.errors import OutputError

EVERY_S = 5.0
SHARE = 0.01
"""Largest share of the time that writing tables may take; it grows with the run."""


class LiveTables:
    """Writes a run's tables now and then, so that ``summary.json`` can be watched.

    Args:
        write: Writes all tables from the records in memory.
        clock: Returns seconds.
    """

    def __init__(
        self, write: Callable[[], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write, self._clock = write, clock
        self._next_s = float("-inf")

    def refresh(self) -> None:
        """Write the tables unless they are recent; call it after every episode.

        A table that cannot be written now does not stop the run: the episodes are safe. The final
        tables raise the error.
        """
        began_s = self._clock()
        if began_s < self._next_s:
            return
        with contextlib.suppress(OutputError):
            self._write()
        ended_s = self._clock()
        self._next_s = ended_s + max(EVERY_S, (ended_s - began_s) / SHARE)
