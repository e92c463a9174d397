"""Which values of a perturbation go with failure: success over each parameter that records show."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gridseval.report.source import ReportRun
from gridseval.report.text import bounds, number, percent
from gridseval.results import EpisodeRecord, wilson_interval
from gridseval.results.stats.logistic import LogisticFit, fit_logistic

WIDTH, HEIGHT = 320, 120
"""Size of the plotting area in the SVG's own units."""
_BINS = 5
_LEAST_EPISODES = 20
_FITTED_POINTS = 24


@dataclass(frozen=True)
class Bin:
    """Episodes whose values lie next to each other.

    Attributes:
        low: Least value, for people.
        high: Greatest value, for people.
        rate: For people.
        interval: For people.
        solved: ``"47/50"``.
        x: Middle of its values on the drawing.
        y: Its rate on the drawing.
        whisker: Ends of its interval on the drawing.
    """

    low: str
    high: str
    rate: str
    interval: str
    solved: str
    x: float
    y: float
    whisker: tuple[float, float]


@dataclass(frozen=True)
class Sensitivity:
    """Success over one parameter in one run.

    Attributes:
        letter: The run's.
        name: Such as ``"camera azimuth"``; of values with both signs the size, ``"|…|"``.
        bins: With about equal numbers of episodes, from the least value on.
        line: The logistic fit as points of the drawing; empty where there is none.
        finding: The fit in one sentence.
        p_value: Of the fit, 1 where there is none; to order by.
        strong: Whether its 95 % interval, widened for the number of parameters, excludes 0.
    """

    letter: str
    name: str
    bins: tuple[Bin, ...]
    line: str
    finding: str
    p_value: float
    strong: bool


def sensitivities(run: ReportRun) -> tuple[Sensitivity, ...]:
    """Return success over every parameter that varies over the run, strongest first.

    Parameters are the numbers under ``extra.perturb`` of at least 20 counted episodes.
    """
    given: dict[str, list[tuple[float, bool]]] = {}
    for record in run.records:
        if record.success is not None:
            for name, value in _parameters(record):
                given.setdefault(name, []).append((value, record.success))
    varied = {
        name: pairs
        for name, pairs in given.items()
        if len(pairs) >= _LEAST_EPISODES and len({value for value, _ in pairs}) > 1
    }
    found = [_of(run.letter, name, pairs, len(varied)) for name, pairs in varied.items()]
    return tuple(sorted(found, key=lambda each: (each.p_value, each.name)))


def _parameters(record: EpisodeRecord) -> Iterator[tuple[str, float]]:
    drawn = record.extra.get("perturb")
    for kind, values in drawn.items() if isinstance(drawn, Mapping) else ():
        if kind != "applied" and isinstance(values, Mapping):
            for name, value in values.items():
                if _is_number(value):
                    yield f"{kind} {name}", float(value)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _of(letter: str, name: str, pairs: Sequence[tuple[float, bool]], tried: int) -> Sensitivity:
    if any(value < 0 for value, _ in pairs) and any(value > 0 for value, _ in pairs):
        name, pairs = f"|{name}|", [(abs(value), success) for value, success in pairs]
    low, high = min(value for value, _ in pairs), max(value for value, _ in pairs)
    fit = fit_logistic([value for value, _ in pairs], [success for _, success in pairs])
    return Sensitivity(
        letter=letter,
        name=name,
        bins=tuple(_bins(sorted(pairs), low, high)),
        line="" if fit is None else _line(fit, low, high),
        finding=_finding(fit, pairs, low, high),
        p_value=1.0 if fit is None else fit.p_value,
        # Bonferroni: of twenty parameters without effect, one looks strong by chance.
        strong=fit is not None and fit.p_value < 0.05 / tried,
    )


def _bins(pairs: Sequence[tuple[float, bool]], low: float, high: float) -> Iterator[Bin]:
    """Yield bins of about equal size; equal values are in one bin."""
    values = [value for value, _ in pairs]
    edges = [values[len(values) * at // _BINS] for at in range(1, _BINS)]
    groups: dict[int, list[tuple[float, bool]]] = {}
    for value, success in pairs:
        groups.setdefault(sum(value >= edge for edge in edges), []).append((value, success))
    for _, group in sorted(groups.items()):
        solved, count = sum(success for _, success in group), len(group)
        interval = wilson_interval(solved, count)
        assert interval is not None  # no group is empty
        middle = math.fsum(value for value, _ in group) / count
        yield Bin(
            low=number(group[0][0]),
            high=number(group[-1][0]),
            rate=percent(solved / count),
            interval=bounds(interval),
            solved=f"{solved}/{count}",
            x=_x(middle, low, high),
            y=_y(solved / count),
            whisker=(_y(interval.lower), _y(interval.upper)),
        )


def _finding(
    fit: LogisticFit | None, pairs: Sequence[tuple[float, bool]], low: float, high: float
) -> str:
    if fit is None:
        outcomes = {success for _, success in pairs}
        reason = "a threshold separates them" if len(outcomes) > 1 else "all outcomes are equal"
        return f"no fit: {reason}"
    span = high - low
    ends = sorted(_odds(edge * span) for edge in (fit.lower, fit.upper))
    return (
        f"from {number(low)} to {number(high)} the fitted rate goes from {percent(fit.rate(low))} "
        f"to {percent(fit.rate(high))}; the odds change {_odds(fit.slope * span):.2g}-fold "
        f"(95 % interval {ends[0]:.2g}–{ends[1]:.2g}), p = {fit.p_value:.2g}"
    )


def _odds(change: float) -> float:
    return math.exp(min(change, 50.0))


def _line(fit: LogisticFit, low: float, high: float) -> str:
    values = [low + (high - low) * at / _FITTED_POINTS for at in range(_FITTED_POINTS + 1)]
    return " ".join(f"{_x(value, low, high):.1f},{_y(fit.rate(value)):.1f}" for value in values)


def _x(value: float, low: float, high: float) -> float:
    return round(WIDTH * (value - low) / (high - low), 1) if high > low else WIDTH / 2


def _y(share: float) -> float:
    return round(HEIGHT * (1 - share), 1)
