"""A sweep as a table."""

from __future__ import annotations

from collections.abc import Sequence

from gridseval.results.tables.document import MISSING, Document, Section
from gridseval.results.tables.sections import rate_text
from gridseval.sweeping.curves import Curve, CurvePoint, check_one_axis, front

FRONT = "★"
"""Marks a point that no other dominates."""


def describe_curves(curves: Sequence[Curve], title: str) -> Document:
    """Return a row per point: success with interval, what it cost, and whether it is on the front.

    Args:
        curves: Of one axis, at least one.
        title: The table's.

    Raises:
        UsageError: The curves have different axes.
    """
    axis = check_one_axis(curves)
    best = front(curves)
    several = len(curves) > 1
    rows = [
        (
            *((curve.label,) if several else ()),
            point.value,
            rate_text(point.counts),
            f"{point.counts.successes}/{point.counts.counted}",
            *_costs(point),
            FRONT if (curve.label, point.value) in best else "",
        )
        for curve in curves
        for point in curve.points
    ]
    costs = ("steps", "completion s", "tokens", "TFLOPs", "ms")
    header = (*(("sweep",) if several else ()), axis, "success", "solved", *costs, "front")
    keep = [
        at
        for at, name in enumerate(header)
        if name in ("sweep", axis, "success", "solved")
        or any(row[at] not in (MISSING, "") for row in rows)
    ]
    section = Section(
        "success in %, with 95 % interval; costs are means",
        tuple(header[at] for at in keep),
        tuple(tuple(row[at] for at in keep) for row in rows),
        stub=2 if several else 1,
    )
    notes = [
        f"{axis} {point.value}{f' of {curve.label}' if several else ''}: {_STATES[point.state]}"
        for curve in curves
        for point in curve.points
        if point.state in _STATES
    ]
    if best:
        notes.append(f"{FRONT}: no other point has more success at no more operations and time")
    return Document(title, (section,), tuple(notes))


_STATES = {
    "waiting": "not run yet",
    "broken": "could not be run to its end; sweep.yaml says why",
    "errors": "some episodes ended in an error",
}


def _costs(point: CurvePoint) -> tuple[str, ...]:
    figures = (
        (point.steps, ".0f"),
        (point.completion_s, ".1f"),
        (point.tokens, ".0f"),
        (point.tflops, ".3g"),
        (point.latency_ms, ".1f"),
    )
    return tuple(MISSING if value is None else format(value, form) for value, form in figures)
