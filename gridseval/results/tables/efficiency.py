"""What a policy's tokens and time cost, where its records say so.

Such figures stand in a record's ``extra``. A value is a number, the mean over the episode's queries
unless said otherwise, or a list with one number per query:

* ``kept_tokens``, ``dense_tokens``: visual tokens after and before pruning, all cameras;
  ``retention``: their quotient.
* ``tflops``: 10¹² floating-point operations (two per multiply-accumulate) by the convention
  ``full``, counted from the model's description and the tokens that were kept.
* ``latency_ms``, ``latency_p95_ms``: median and 95th percentile of how long the policy took to
  answer, measured, for ``latency_batch`` slots at once.
* ``delays``: policy steps until an answer was there, of runs with ``--delay``.
* ``skipped``: the share of queries that the policy answered without its model, where it may. They
  count in ``tflops`` (with 0) and in latency, and not in figures of kept tokens.
* ``peak_memory_mb``: the most memory held during a query (10⁶ bytes), measured: torch's on a GPU,
  else the resident set of the whole process. The largest of the episode.
* Every other number whose key begins with ``kept``: ``kept_agentview``, ``kept_wrist`` (tokens of a
  camera), ``kept_sd`` (of ``kept_tokens`` over the queries), and shares and distances: see
  :mod:`gridseval.tokens.diagnostics`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from gridseval.results.run.record import EpisodeRecord
from gridseval.results.tables.record_group import DENSE, KEPT, RETENTION, grouped

TFLOPS = "tflops"
LATENCY = "latency_ms"

_TITLES: Mapping[str, str] = {
    KEPT: "visual tokens",
    DENSE: "dense tokens",
    RETENTION: "retention",
    TFLOPS: "TFLOPs/query",
    "skipped": "skipped queries",
    LATENCY: "ms/query",
    "latency_p95_ms": "ms/query, p95",
    "latency_batch": "slots/query",
    "delays": "delay/query",
    "peak_memory_mb": "peak MB",
    "kept_sd": "sd over queries",
    "kept_border": "at border",
    "kept_duplicates": "duplicates",
    "kept_movement": "cells moved",
    "kept_turnover": "new cells",
}
"""Figures that are known here, in the order of columns."""
_SHARES = (RETENTION, "skipped", "kept_border", "kept_duplicates", "kept_turnover")


class Spread(NamedTuple):
    """Mean and standard deviation over episodes; ``None`` without values, or fewer than two."""

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
    group = grouped(records)
    known = group.numbers.cached
    name = f"spread of {key}"
    if name not in known:
        known[name] = _spread(group.numbers.extra.get(key, ()))
    found: Spread = known[name]
    return found


def _spread(values: Sequence[float]) -> Spread:
    if not values:
        return Spread(None, None)
    mean = math.fsum(values) / len(values)
    # Not statistics.stdev, whose exact fractions take seconds for a long run.
    squares = math.fsum((value - mean) ** 2 for value in values)
    return Spread(mean, math.sqrt(squares / (len(values) - 1)) if len(values) > 1 else None)


def title_of(key: str) -> str:
    """Return a figure's heading for people."""
    return _TITLES.get(key, key.replace("_", " "))


def is_detail(key: str) -> bool:
    """Return whether a figure is about kept tokens, rather than the cost of a query."""
    return key.startswith("kept") and key != KEPT


def text_of(spread: Spread, key: str) -> str | None:
    """Return a figure for people, e.g. ``"96.0 ± 4.2"`` or ``"18.8 ± 0.8 %"``."""
    if spread.mean is None:
        return None
    factor, unit = (100, " %") if key in _SHARES else (1, "")
    # A small model's operations are thousandths, a large one's are tens.
    digits = 1 if key != TFLOPS or spread.mean >= 10 else 2 if spread.mean >= 0.1 else 4
    around = "" if spread.sd is None else f" ± {factor * spread.sd:.{digits}f}"
    return f"{factor * spread.mean:.{digits}f}{around}{unit}"


def _counts(key: str) -> bool:
    return key.startswith("kept") or key in _TITLES


def _order(key: str) -> int:
    """Return a key's place: known ones first, then kept ones that are not."""
    known = tuple(_TITLES)
    return known.index(key) if key in known else len(known)
