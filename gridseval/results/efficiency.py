"""What a policy's tokens and time cost, where its records say so.

Such figures stand in a record's ``extra``: every number whose key begins with ``kept`` (such as
``kept_tokens``, the visual tokens kept per query), ``dense_tokens`` (per query before pruning),
``retention`` (kept per dense token), ``latency_ms`` (per query). A value is a number, the mean over
the episode's queries, or a list with one number per query.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from gridseval.results.record import EpisodeRecord

KEPT = "kept_tokens"
DENSE = "dense_tokens"
RETENTION = "retention"
LATENCY = "latency_ms"

_TITLES = {
    KEPT: "visual tokens",
    DENSE: "dense tokens",
    RETENTION: "retention",
    LATENCY: "ms/query",
}


class Spread(NamedTuple):
    """Mean and standard deviation over episodes; ``None`` of too few (none; fewer than two)."""

    mean: float | None
    sd: float | None


def efficiency_keys(records: Iterable[EpisodeRecord]) -> tuple[str, ...]:
    """Return which such figures any of the records has, tokens first, time last."""
    keys = {key for record in records for key in record.extra}
    found = {key for key in keys if _counts(key)}
    if {KEPT, DENSE} <= keys:
        found.add(RETENTION)
    return tuple(sorted(found, key=lambda key: (_order(key), key)))


def spread(records: Iterable[EpisodeRecord], key: str) -> Spread:
    """Return mean and standard deviation (n − 1) over the episodes that have the figure.

    Episodes that ended in an error are left out, as they are of the success rate.
    """
    given = (value_of(record.extra, key) for record in records if record.status != "error")
    values = [value for value in given if value is not None]
    if not values:
        return Spread(None, None)
    mean = math.fsum(values) / len(values)
    # Not statistics.stdev, whose exact fractions take seconds for a long run.
    squares = math.fsum((value - mean) ** 2 for value in values)
    return Spread(mean, math.sqrt(squares / (len(values) - 1)) if len(values) > 1 else None)


def value_of(extra: Mapping[str, Any], key: str) -> float | None:
    """Return an episode's figure, or ``None`` if it has none that is a finite number."""
    value = _mean(extra[key]) if key in extra else None
    if value is None and key == RETENTION:
        kept, dense = _mean(extra.get(KEPT)), _mean(extra.get(DENSE))
        return kept / dense if kept is not None and dense else None
    return value


def title_of(key: str) -> str:
    """Return a figure's heading for people."""
    return _TITLES.get(key, key.replace("_", " "))


def text_of(spread: Spread, key: str) -> str | None:
    """Return a figure for people, e.g. ``"96.0 ± 4.2"`` or ``"18.8 ± 0.8 %"``."""
    if spread.mean is None:
        return None
    factor, unit = (100, " %") if key == RETENTION else (1, "")
    around = "" if spread.sd is None else f" ± {factor * spread.sd:.1f}"
    return f"{factor * spread.mean:.1f}{around}{unit}"


def _counts(key: str) -> bool:
    return key.startswith("kept") or key in (DENSE, RETENTION, LATENCY)


def _order(key: str) -> int:
    known = (KEPT, DENSE, RETENTION)
    if key in known:
        return known.index(key)
    return len(known) + (key == LATENCY)


def _mean(value: object) -> float | None:
    if type(value) is float:
        return value if math.isfinite(value) else None
    numbers: Sequence[object] = value if isinstance(value, (list, tuple)) else [value]
    finite = [
        float(number)
        for number in numbers
        if isinstance(number, (int, float))
        and not isinstance(number, bool)
        and math.isfinite(number)
    ]
    return math.fsum(finite) / len(finite) if finite else None
