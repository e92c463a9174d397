"""Statistics of kept tokens, for records with ``extra`` keys that begin with ``kept``.

A list has one figure per query and becomes a curve. A number is a figure of the whole episode and
becomes a line of a table.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, quantiles
from typing import Any

from gridseval.report.source import ReportRun
from gridseval.report.text import number
from gridseval.results import EpisodeRecord

WIDTH, HEIGHT = 640, 180
"""Size of the plotting area in the SVG's own units."""
_MOST_POINTS = 200


@dataclass(frozen=True)
class Curve:
    """A figure over the queries of an episode: mean over episodes, and where 80 % of them lie.

    Args:
        name: The record's key.
        line: Points of the mean, as SVG has them.
        band: Outline of the band from the 10th to the 90th percentile.
        top: Value at the upper edge, for people; the lower edge is 0.
        queries: Number of the last query.
        said: The curve in one sentence.
    """

    name: str
    line: str
    band: str
    top: str
    queries: int
    said: str


@dataclass(frozen=True)
class TokenStatistics:
    """One run's.

    Args:
        letter: The run's.
        figures: Per key: name, mean, least and greatest over episodes, for people.
        curves: One per key that records hold a list under.
    """

    letter: str
    figures: tuple[tuple[str, str, str, str], ...]
    curves: tuple[Curve, ...]


def token_statistics(run: ReportRun) -> TokenStatistics | None:
    """Return the statistics of a run's kept tokens, or ``None`` if its records have none."""
    numbers: dict[str, list[float]] = {}
    series: dict[str, list[list[float]]] = {}
    for record in run.records:
        for name, value in _kept(record):
            if isinstance(value, list):
                series.setdefault(name, []).append(value)
            numbers.setdefault(name, []).append(fmean(value) if isinstance(value, list) else value)
    if not numbers:
        return None
    figures = tuple(
        (name, number(fmean(values)), number(min(values)), number(max(values)))
        for name, values in sorted(numbers.items())
    )
    curves = tuple(_curve(name, lists) for name, lists in sorted(series.items()))
    return TokenStatistics(run.letter, figures, curves)


def _kept(record: EpisodeRecord) -> Iterator[tuple[str, float | list[float]]]:
    kept = {key: value for key, value in record.extra.items() if key.startswith("kept")}
    for name, value in _leaves(kept):
        if isinstance(value, list) and value and all(map(_is_number, value)):
            yield name, value
        elif _is_number(value):
            yield name, float(value)


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and value >= 0


def _curve(name: str, lists: Sequence[Sequence[float]]) -> Curve:
    longest = max(map(len, lists))
    every = math.ceil(longest / _MOST_POINTS)
    columns = [
        (at, [values[at] for values in lists if at < len(values)])
        for at in range(0, longest, every)
    ]
    top = max(max(values) for _, values in columns) or 1.0

    def point(at: int, value: float) -> str:
        x = WIDTH * at / max(1, longest - 1)
        return f"{x:.1f},{HEIGHT * (1 - value / top):.1f}"

    means = [(at, fmean(values)) for at, values in columns]
    spread = [(at, *_most(values)) for at, values in columns]
    edge = [point(at, high) for at, _, high in spread]
    edge += [point(at, low) for at, low, _ in reversed(spread)]
    said = f"{name}: mean {number(means[0][1])} at the first query, {number(means[-1][1])} at query"
    return Curve(
        name=name,
        line=" ".join(point(at, value) for at, value in means),
        band=" ".join(edge),
        top=number(top),
        queries=longest,
        said=f"{said} {means[-1][0] + 1}",
    )


def _most(values: Sequence[float]) -> tuple[float, float]:
    """Return the 10th and the 90th percentile."""
    if len(values) == 1:
        return values[0], values[0]
    tenths = quantiles(values, n=10, method="inclusive")
    return tenths[0], tenths[-1]
