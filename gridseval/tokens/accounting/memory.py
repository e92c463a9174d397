"""The most memory that one call of a policy held, measured and never inferred.

On a GPU, what torch's allocator handed out at most (``max_memory_allocated``, all devices). On the
CPU the peak of this process's resident set, which Linux can set back to the present size; it counts
the interpreter, the weights and all else in the process. Elsewhere nothing is measured.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

_RESET = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")
_MB = 1e6


class PeakMemory:
    """Measures from its making to :meth:`peak_mb`.

    Attributes:
        kind: ``"cuda"``, ``"rss"``, or ``None`` where nothing can be measured.
    """

    def __init__(self) -> None:
        self._cuda = _cuda_in_use()
        self.kind: str | None = None
        if self._cuda is not None:
            self.kind = "cuda"
            for device in range(self._cuda.device_count()):
                self._cuda.reset_peak_memory_stats(device)
            return
        with contextlib.suppress(OSError):  # no /proc, or one that may not be written to
            _RESET.write_text("5")  # sets the peak back to the present resident set
            self.kind = "rss"

    def peak_mb(self) -> float | None:
        """Return the peak since then in megabytes (10⁶ bytes), ``None`` if it is not known."""
        if self._cuda is not None:
            devices = range(self._cuda.device_count())
            return float(sum(map(self._cuda.max_memory_allocated, devices))) / _MB
        if self.kind is None:
            return None
        with contextlib.suppress(OSError, LookupError, ValueError):
            return peak_resident_mb()
        return None


def peak_resident_mb() -> float:
    """Return the largest resident set of this process in megabytes (10⁶ bytes).

    Not ``getrusage``'s, which counts the process that started this one, too.

    Raises:
        OSError: The system has no ``/proc``.
        LookupError: It has one that does not say it.
        ValueError: It has one that says something else there.
    """
    told = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines() if ":" in line)
    return int(told["VmHWM"].split()[0]) * 1024 / _MB


def _cuda_in_use() -> Any:
    """Return ``torch.cuda`` if the process uses a GPU; does not load it or start a CUDA context."""
    torch = sys.modules.get("torch")
    cuda = getattr(torch, "cuda", None)
    return cuda if cuda is not None and cuda.is_initialized() else None
