"""Curves as SVG: success with its interval against an option, or against a cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from gridseval.sweeping.curves import Curve, CurvePoint

_WIDTH, _HEIGHT = 640, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 16, 16, 62
COLOURS = ("#1f6feb", "#b4541a", "#2a7d4f", "#8250df", "#b0307a", "#57606a")
"""Of the first curve, the second, …; all have a contrast of 3 and more on white and on #161b22."""
_STYLE = (
    "text{font:13px system-ui,'DejaVu Sans',Arial,sans-serif;fill:#333}"
    ".g{stroke:#ddd}.a{stroke:#888}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.g{stroke:#444}}"
)
_LOGARITHMIC = 16.0


@dataclass(frozen=True)
class _Scale:
    """Where values lie on the drawing, and which of them have a tick."""

    ticks: tuple[tuple[float, str], ...]
    low: float
    high: float
    logarithmic: bool = False

    def x(self, value: float) -> float:
        share = 0.5
        if self.high > self.low:
            low, high, here = self.low, self.high, value
            if self.logarithmic:
                low, high, here = math.log(low), math.log(high), math.log(value)
            share = (here - low) / (high - low)
        return _LEFT + 12 + (_WIDTH - _LEFT - _RIGHT - 24) * share


def draw_curves(curves: Sequence[Curve], standalone: bool = True) -> str:
    """Return a drawing of success against the option as SVG.

    Numbers lie on a line, or on a logarithmic one if they are positive and span a factor of 16;
    other values stand side by side.

    Args:
        curves: Of one axis, at least one.
        standalone: Whether the drawing brings its own style and colours, for a file.
    """
    values = list(dict.fromkeys(point.value for curve in curves for point in curve.points))
    numbers = [point.number for curve in curves for point in curve.points]
    known = [number for number in numbers if number is not None and math.isfinite(number)]
    places: dict[str, float]
    if len(known) == len(numbers) and known:
        low, high = min(known), max(known)
        scale = _Scale(
            tuple((float(value), value) for value in values),
            low,
            high,
            logarithmic=low > 0 and high / low >= _LOGARITHMIC,
        )
        places = {value: scale.x(float(value)) for value in values}
    else:
        scale = _Scale(
            tuple((float(at), value) for at, value in enumerate(values)), 0, len(values) - 1
        )
        places = {value: scale.x(at) for at, value in enumerate(values)}
    parts = [*_frame(scale, curves[0].axis), *_legend(curves)]
    for number, curve in enumerate(curves):
        drawn = [(places[point.value], point) for point in curve.points if point.counts.counted]
        parts += _line(drawn, number)
    return _svg(parts, f"success against {curves[0].axis}", standalone)


def draw_costs(curves: Sequence[Curve], cost: str, title: str, standalone: bool = True) -> str:
    """Return a drawing of success against a cost as SVG; empty if it does not vary.

    Args:
        curves: At least one.
        cost: ``"tflops"``, ``"latency_ms"`` or ``"completion_s"``.
        title: What the cost is called.
        standalone: Whether the drawing brings its own style and colours, for a file.
    """
    found = [
        [(float(value), point) for point in curve.points if (value := getattr(point, cost))]
        for curve in curves
    ]
    values = [value for points in found for value, point in points if point.counts.counted]
    low, high = min(values, default=0.0), max(values, default=0.0)
    if low == high:
        return ""
    logarithmic = high / low >= _LOGARITHMIC
    steps = [index / 4 for index in range(5)]
    marks = [
        low * (high / low) ** share if logarithmic else low + (high - low) * share
        for share in steps
    ]
    scale = _Scale(tuple((mark, f"{mark:.3g}") for mark in marks), low, high, logarithmic)
    parts = [*_frame(scale, title), *_legend(curves)]
    for number, points in enumerate(found):
        drawn = [(scale.x(value), point) for value, point in points if point.counts.counted]
        parts += _line(sorted(drawn, key=lambda each: each[0]), number)
    return _svg(parts, f"success against {title}", standalone)


def _line(drawn: Sequence[tuple[float, CurvePoint]], number: int) -> list[str]:
    """Return a curve with an interval at each of its points."""
    colour = COLOURS[number % len(COLOURS)]
    parts = []
    places = " ".join(f"{x:.1f},{_y(point.counts.rate or 0.0):.1f}" for x, point in drawn)
    parts.append(
        f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="2" '
        'stroke-linejoin="round"/>'
    )
    for x, point in drawn:
        interval = point.counts.interval
        assert interval is not None  # there are counted episodes
        low, high = _y(interval.lower), _y(interval.upper)
        said = (
            f"{point.value}: {100 * (point.counts.rate or 0):.1f} % "
            f"({100 * interval.lower:.1f}–{100 * interval.upper:.1f}), "
            f"{point.counts.successes} of {point.counts.counted}"
        )
        parts.append(
            f'<g><title>{escape(said)}</title><path d="M{x:.1f} {low:.1f}V{high:.1f}'
            f'M{x - 4:.1f} {low:.1f}h8M{x - 4:.1f} {high:.1f}h8" stroke="{colour}"/>'
            f'<circle cx="{x:.1f}" cy="{_y(point.counts.rate or 0.0):.1f}" r="3.5" '
            f'fill="{colour}"/></g>'
        )
    return parts


def _y(share: float) -> float:
    return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * share


def _frame(scale: _Scale, title: str) -> list[str]:
    parts = []
    for number in range(5):
        y = _y(number / 4)
        parts.append(
            f'<path class="g" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}"/>'
            f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{25 * number} %</text>'
        )
    last = -math.inf
    for value, text in scale.ticks:
        x = scale.x(value)
        shown = text if len(text) <= 14 else f"{text[:13]}…"
        if x - last < 6 + 7 * len(shown):
            continue  # it would lie on its neighbour
        last = x
        parts.append(
            f'<path class="a" d="M{x:.1f} {_HEIGHT - _BOTTOM}v5"/><text x="{x:.1f}" '
            f'y="{_HEIGHT - _BOTTOM + 20}" text-anchor="middle">{escape(shown)}</text>'
        )
    middle = (_LEFT + _WIDTH - _RIGHT) // 2
    parts.append(
        f'<text x="{middle}" y="{_HEIGHT - _BOTTOM + 38}" text-anchor="middle">'
        f"{escape(title)}</text>"
    )
    return parts


def _legend(curves: Sequence[Curve]) -> list[str]:
    if len(curves) < 2:
        return []
    room = (_WIDTH - _LEFT - _RIGHT) / len(curves)
    letters = max(4, int(room / 7) - 5)
    parts = []
    for number, curve in enumerate(curves):
        x, colour = _LEFT + room * number, COLOURS[number % len(COLOURS)]
        label = curve.label if len(curve.label) <= letters else f"{curve.label[: letters - 1]}…"
        parts.append(
            f'<g><title>{escape(curve.label)}</title><path d="M{x:.1f} {_HEIGHT - 9}h18" '
            f'stroke="{colour}" stroke-width="2"/><text x="{x + 24:.1f}" y="{_HEIGHT - 5}">'
            f"{escape(label)}</text></g>"
        )
    return parts


def _svg(parts: Sequence[str], title: str, standalone: bool) -> str:
    style = [f"<style>{_STYLE}</style>"] if standalone else []
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(title, quote=True)}">'
    )
    return "\n".join([head, *style, *parts, "</svg>", ""])
