"""The loss over a training as SVG, with success in the simulator."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

_WIDTH, _HEIGHT = 720, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 56, 28, 44
_STYLE = (
    "text{font:13px system-ui,'DejaVu Sans',Arial,sans-serif;fill:#333}"
    ".g{stroke:#ddd}.l{fill:none;stroke-width:1.8;stroke-linejoin:round}"
    ".t{stroke:#8aa4b8}.v{stroke:#b4541a}.s{fill:#2a7d4f}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.g{stroke:#444}}"
)


def draw_loss(
    rows: Sequence[Mapping[str, float | None]], evaluations: Sequence[Mapping[str, Any]]
) -> str:
    """Return a drawing as SVG.

    Args:
        rows: Of ``loss.csv``: ``step``, ``loss`` and ``validation``.
        evaluations: ``step``, ``successes`` and ``episodes``; one point each.
    """
    lines = {
        name: [(row["step"], row[name]) for row in rows if row[name] is not None]
        for name in ("loss", "validation")
    }
    losses = [float(loss) for line in lines.values() for _, loss in line if loss]
    steps = max([1.0, *(float(each["step"] or 0) for each in (*rows, *evaluations))])
    low, high = _bounds(losses)
    axes = _Axes(steps, math.log(low), math.log(high))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">',
        "<title>Loss and success over the steps of a training</title>",
        f"<style>{_STYLE}</style>",
        *axes.grid(low, high),
    ]
    for name, letter in (("loss", "t"), ("validation", "v")):
        points = " ".join(axes.place(step, loss) for step, loss in lines[name] if loss)
        parts.append(f'<polyline class="l {letter}" points="{points}"/>')
    for each in evaluations:
        if each["episodes"]:
            rate = each["successes"] / each["episodes"]
            x, y = axes.x(each["step"]), axes.share(rate)
            title = f"{each['suite']}: {each['successes']} of {each['episodes']}"
            parts.append(f'<circle class="s" cx="{x:.1f}" cy="{y:.1f}" r="4">')
            parts.append(f"<title>{title}</title></circle>")
    parts.append(_legend(bool(lines["validation"]), bool(evaluations)))
    return "\n".join([*parts, "</svg>", ""])


class _Axes:
    """Where steps and losses lie on the drawing."""

    def __init__(self, steps: float, low: float, high: float) -> None:
        self._steps, self._low, self._high = steps, low, high

    def x(self, step: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * step / self._steps

    def share(self, share: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * share

    def place(self, step: float | None, loss: float) -> str:
        share = (math.log(loss) - self._low) / (self._high - self._low)
        return f"{self.x(step or 0):.1f},{self.share(share):.1f}"

    def grid(self, low: float, high: float) -> list[str]:
        parts = []
        for number in range(5):
            share = number / 4
            y = self.share(share)
            loss = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
            parts.append(
                f'<path class="g" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}"/>'
                f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{loss:.3g}</text>'
                f'<text x="{_WIDTH - _RIGHT + 8}" y="{y + 4:.1f}">{100 * share:.0f} %</text>'
            )
            step = self._steps * share
            parts.append(
                f'<text x="{self.x(step):.1f}" y="{_HEIGHT - _BOTTOM + 18}" '
                f'text-anchor="middle">{step:.0f}</text>'
            )
        return parts


def _bounds(losses: Sequence[float]) -> tuple[float, float]:
    if not losses:
        return 0.01, 1.0
    low, high = min(losses), max(losses)
    return (low, high) if high > 1.05 * low else (low / 1.5, high * 1.5)


def _legend(validated: bool, evaluated: bool) -> str:
    names = [("t", "loss (training)")]
    names += [("v", "held-out episodes")] if validated else []
    parts = []
    for number, (letter, text) in enumerate(names):
        x = _LEFT + 170 * number
        parts.append(f'<path class="l {letter}" d="M{x} 14h24"/><text x="{x + 30}" y="18">')
        parts.append(f"{text}</text>")
    if evaluated:
        x = _LEFT + 170 * len(names)
        parts.append(f'<circle class="s" cx="{x + 12}" cy="14" r="4"/>')
        parts.append(f'<text x="{x + 30}" y="18">success (right)</text>')
    middle = (_LEFT + _WIDTH - _RIGHT) // 2
    parts.append(f'<text x="{middle}" y="{_HEIGHT - 6}" text-anchor="middle">step</text>')
    return "".join(parts)
