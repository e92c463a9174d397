"""A sweep as curves: success and cost of each point, and which points no other one dominates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gridseval.errors import UsageError
from gridseval.results.run.reading import label_and_folder, read_run
from gridseval.results.stats.rates import Tally, mean, tally
from gridseval.results.tables.efficiency import LATENCY, TFLOPS, spread
from gridseval.results.tables.execution import completion
from gridseval.results.tables.record_group import KEPT
from gridseval.run_names import EPISODES
from gridseval.sweeping.record import SWEEP, read_sweep


@dataclass(frozen=True)
class CurvePoint:
    """A run of a sweep.

    Attributes:
        value: Of the axis, as it was given.
        counts: Its episodes.
        state: As ``sweep.yaml`` has it.
        steps: Mean policy steps of its successes.
        completion_s: Mean completion time of its successes.
        tokens: Mean visual tokens after pruning.
        tflops: Mean per query.
        latency_ms: Mean over episodes of the median query.
    """

    value: str
    counts: Tally
    state: str
    steps: float | None = None
    completion_s: float | None = None
    tokens: float | None = None
    tflops: float | None = None
    latency_ms: float | None = None

    @property
    def number(self) -> float | None:
        """The value, if it is a number."""
        try:
            return float(self.value)
        except ValueError:
            return None


@dataclass(frozen=True)
class Curve:
    """Points that differ in one option only.

    Attributes:
        label: What they have in common, or the sweep's name.
        axis: The option's name.
        points: In the order of its values: by number where all are numbers.
    """

    label: str
    axis: str
    points: tuple[CurvePoint, ...]


def are_sweeps(named: Sequence[str]) -> bool:
    """Return whether these are sweeps rather than runs.

    Args:
        named: Each a folder, or ``NAME=FOLDER``.

    Raises:
        UsageError: Some are sweeps, and some are not.
    """
    found = [(label_and_folder(name)[1] / SWEEP).is_file() for name in named]
    if any(found) and not all(found):
        other = named[found.index(False)]
        raise UsageError(f"{other} is not a sweep, and others are", "give runs, or sweeps")
    return any(found)


def curve_of(named: str | Path) -> tuple[Curve, ...]:
    """Return the curves of a sweep, over its last axis; one for each combination of the others.

    Args:
        named: The sweep's folder, or ``NAME=FOLDER``.

    Raises:
        UsageError: There is no sweep.
        OutputError: A run's file cannot be read.
    """
    label, folder = label_and_folder(str(named))
    record = read_sweep(folder)
    axis = record.axes[-1].name
    groups: dict[str, list[CurvePoint]] = {}
    for point in record.points:
        others = zip(record.axes, point.values[:-1], strict=False)
        rest = ", ".join(f"{each.name} {value}" for each, value in others)
        name = " · ".join(filter(None, (label, rest))) or folder.resolve().name
        run = folder / point.run
        groups.setdefault(name, []).append(_point(point.values[-1], point.state, run))
    return tuple(Curve(name, axis, _sorted(points)) for name, points in groups.items())


def front(curves: Sequence[Curve]) -> set[tuple[str, str]]:
    """Return label and value of the points that no other dominates, of those with a cost.

    A point dominates another if its success is not lower, its operations and its latency are not
    higher, and one of the three is better.
    """
    known = [
        (curve.label, point.value, point.counts.rate, point.tflops, point.latency_ms)
        for curve in curves
        for point in curve.points
    ]
    figures = {
        (label, value): (-rate, tflops or 0.0, latency or 0.0)
        for label, value, rate, tflops, latency in known
        if rate is not None and (tflops is not None or latency is not None)
    }
    return {
        key
        for key, own in figures.items()
        if not any(_dominates(other, own) for other in figures.values())
    }


def _dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


def _point(value: str, state: str, run: Path) -> CurvePoint:
    if not (run / EPISODES).is_file():
        return CurvePoint(value, tally([]), state)
    records = read_run(run).records
    time = completion(records)
    return CurvePoint(
        value,
        tally(records),
        state,
        steps=mean(record.steps for record in records if record.status == "success"),
        completion_s=None if time is None else time.value,
        tokens=spread(records, KEPT).mean,
        tflops=spread(records, TFLOPS).mean,
        latency_ms=spread(records, LATENCY).mean,
    )


def _sorted(points: Sequence[CurvePoint]) -> tuple[CurvePoint, ...]:
    if all(point.number is not None for point in points):
        return tuple(sorted(points, key=lambda point: point.number or 0.0))
    return tuple(points)


def check_one_axis(curves: Sequence[Curve]) -> str:
    """Return the axis of curves that are to be drawn together.

    Raises:
        UsageError: They have different ones.
    """
    axes = list(dict.fromkeys(curve.axis for curve in curves))
    if len(axes) > 1:
        raise UsageError(
            f"the sweeps are over different options: {', '.join(axes)}",
            "give those of one option at a time",
        )
    return axes[0]
