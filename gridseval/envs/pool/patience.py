"""When a worker counts as hanging: simulating has a time limit, importing and compiling have none.

How long it takes to compile depends on how busy the machine is. So while a worker prepares, it must
only go on: it counts as hanging once it uses no processor time.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from gridseval.envs.pool.shared_memory import SharedObservation

LONGEST_S = 900.0
"""Processor time that preparing may take; the largest scene compiles in a few seconds."""

_PROGRESS_S = 0.05  # less is what a thread needs that only waits


class Patience:
    """The time limit of one worker's message.

    Args:
        shared: Says whether the worker prepares.
    """

    def __init__(self, shared: SharedObservation) -> None:
        self._shared = shared
        self._sent_s = self._moved_s = self._first = self._used = 0.0

    def begin(self, pid: int) -> None:
        """Begin to wait for the answer of a process."""
        self._sent_s = self._moved_s = time.monotonic()
        self._first = self._used = processor_seconds(pid) or 0.0

    def left_s(self, pid: int, timeout_s: float) -> float:
        """Return how many seconds are left until the worker counts as hanging.

        Args:
            pid: Its process.
            timeout_s: How long it may simulate, and how long it may prepare without progress.
        """
        now = time.monotonic()
        if not self._shared.preparing:
            return max(self._sent_s, self._shared.prepared_s) + timeout_s - now
        used = processor_seconds(pid)
        if used is None:
            return self._sent_s + max(timeout_s, LONGEST_S) - now
        if used - self._used >= _PROGRESS_S:
            self._used, self._moved_s = used, now
        if used - self._first > max(timeout_s, LONGEST_S):
            return 0.0
        return self._moved_s + timeout_s - now

    def look_again_s(self, pid: int, timeout_s: float) -> float:
        """Return after how many seconds to look again: progress is seen by looking only."""
        left = self.left_s(pid, timeout_s)
        return min(left, timeout_s / 4) if self._shared.preparing else left


def processor_seconds(pid: int) -> float | None:
    """Return the processor time that a process has used; ``None`` where the system cannot tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None
