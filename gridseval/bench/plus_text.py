"""What shared models of LIBERO-Plus's tasks took, as a table and as JSON."""

from __future__ import annotations

from typing import Any

from gridseval.bench.plus import DIMENSIONS, PlusMeasured, PlusPlan

MISSING = "–"


def plus_text(plan: PlusPlan, measured: PlusMeasured) -> str:
    """Return the measurement as a table."""
    images = "both images in each" if plan.images else "no images"
    lines = [
        f"{plan.suite}, base task {plan.base}: {', '.join(DIMENSIONS)}; {plan.steps} steps of the "
        f"zero policy, {images}",
        f"{'':20}{'tasks':>7}{'seconds':>10}{'tasks/min':>11}{'CPU s/task':>12}",
    ]
    ways = {"one compiled model": measured.shared, "each built anew": measured.anew}
    if measured.plain is not None:
        ways["plain libero, anew"] = measured.plain
    for name, way in ways.items():
        cpu_s = MISSING if way.cpu_s is None else f"{way.cpu_s / way.tasks:.2f}"
        figures = f"{way.tasks:>7}{way.wall_s:>10.1f}{way.per_minute:>11.1f}{cpu_s:>12}"
        lines.append(f"{name:20}{figures}")
    equal = "equal to the bit" if measured.bits_equal else "NOT EQUAL: a bug"
    times = f"{measured.ratio:.1f} times as fast as built anew"
    if measured.plain is not None:
        faster = measured.shared.per_minute / measured.plain.per_minute
        times += f", {faster:.1f} times as the plain loop"
    return "\n".join([*lines, f"{times}; final states: {equal}"])


def plus_json(plan: PlusPlan, measured: PlusMeasured) -> dict[str, Any]:
    """Return plan and measurement as plain data."""
    ways = {"shared": measured.shared, "anew": measured.anew, "plain": measured.plain}
    return {
        "plan": vars(plan),
        **{
            name: None if way is None else {**vars(way), "per_minute": way.per_minute}
            for name, way in ways.items()
        },
        "ratio": measured.ratio,
        "bits_equal": measured.bits_equal,
    }
