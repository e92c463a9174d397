"""Numbers as people read them."""

from __future__ import annotations

from gridseval.results import Interval

MISSING = "–"
_NO_BREAK = "\u00a0"


def percent(rate: float | None) -> str:
    """Return a rate in [0, 1] as ``94.2 %``, or a dash for ``None``."""
    return MISSING if rate is None else f"{100 * rate:.1f}{_NO_BREAK}%"


def bounds(interval: Interval | None) -> str:
    """Return an interval of a rate as ``91.8–96.0``, in percent."""
    if interval is None:
        return MISSING
    return f"{100 * interval.lower:.1f}–{100 * interval.upper:.1f}"


def number(value: float | None) -> str:
    """Return a figure with at most three significant digits behind a short integer part."""
    if value is None:
        return MISSING
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def duration(seconds: float) -> str:
    """Return a duration of at least 0 s as ``2 h 5 min``, ``4.2 min`` or ``8.1 s``."""
    if seconds < 60:
        return f"{seconds:.1f}{_NO_BREAK}s"
    if seconds < 3600:
        return f"{seconds / 60:.1f}{_NO_BREAK}min"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours}{_NO_BREAK}h {minutes}{_NO_BREAK}min"
