"""The gate's findings in words."""

from __future__ import annotations

from collections.abc import Sequence

from gridseval.results.gate.holm import Check
from gridseval.results.stats.paired import Difference

MISSING = "–"
_NAMED = 5


def regression_sentence(checks: Sequence[Check], against: str, alpha: float) -> str:
    """Name what regressed: suites with numbers, then tasks."""
    regressed = [check for check in checks if check.regressed]
    suites = [check for check in regressed if check.task is None]
    parts = [f"{check.suite} {_fell(check, against, alpha)}" for check in suites]
    tasks = sorted(
        (check for check in regressed if check.task is not None), key=lambda check: -check.drop
    )
    if tasks:
        parts.append(_tasks(tasks, against, alpha, alone=not suites))
    else:
        parts += [_weakest(checks, suite.suite) for suite in suites]
    return "Regression: " + "; ".join(filter(None, parts)) + "."


def pass_sentence(checks: Sequence[Check], against: str, max_drop: float) -> str:
    """Say how near the run is to what it was compared with."""
    parts = [
        f"{check.suite} {percent(check.after)} against {percent(check.before)} of {against} "
        f"({change(check.difference)}, {check.episodes} episodes)"
        for check in checks
        if check.task is None
    ]
    tolerated = f" beyond {points(max_drop)} points" if max_drop else ""
    return f"Pass: no drop{tolerated} is shown: " + "; ".join(parts) + "."


def points(fraction: float) -> str:
    """Return a fraction as a number of percent or points, without needless zeros."""
    return f"{round(100 * fraction, 1):g}"


def percent(rate: float | None) -> str:
    """Return a rate as percent."""
    return MISSING if rate is None else f"{100 * rate:.1f} %"


def change(difference: Difference | None) -> str:
    """Return a difference in points with its interval."""
    if difference is None:
        return MISSING
    estimate, lower, upper = (
        _signed(value) for value in (difference.estimate, difference.lower, difference.upper)
    )
    return f"{estimate} points, 95 % interval {lower} to {upper}"


def p_text(p_value: float | None) -> str:
    """Return a p-value with as many digits as matter."""
    if p_value is None:
        return MISSING
    return "< 0.0001" if p_value < 0.0001 else f"{p_value:.2g}"


def _signed(value: float) -> str:
    return f"{100 * value:+.1f}".replace("-", "−")


def _fell(check: Check, against: str, alpha: float) -> str:
    p = p_text(check.adjusted)
    p = f"p {p}" if p.startswith("<") else f"p = {p}"
    return (
        f"is at {percent(check.after)} against {percent(check.before)} of {against} "
        f"({change(check.difference)}; {p}, α = {alpha:g})"
    )


def _tasks(tasks: Sequence[Check], against: str, alpha: float, alone: bool) -> str:
    more = f" and {len(tasks) - _NAMED} more" if len(tasks) > _NAMED else ""
    if alone:
        named = [f"{_name(check)} {_fell(check, against, alpha)}" for check in tasks[:_NAMED]]
        return ", ".join(named) + more + ", though the suite's average shows no drop"
    named = [f"{_name(check)} ({_rates(check)})" for check in tasks[:_NAMED]]
    return f"worst: {', '.join(named)}{more}"


def _weakest(checks: Sequence[Check], suite: str) -> str:
    """Name the task that fell most, where no task alone is shown to have fallen."""
    tasks = [c for c in checks if c.suite == suite and c.task is not None and c.after is not None]
    if not tasks:
        return ""
    lowest = min(tasks, key=lambda check: (-check.drop, check.after or 0.0))
    return f"lowest: {_name(lowest)} ({_rates(lowest)})"


def _name(check: Check) -> str:
    return f"task {check.task} ({check.name}) of {check.suite}"


def _rates(check: Check) -> str:
    before = "" if check.before is None else f"{percent(check.before)} → "
    return f"{before}{percent(check.after)}"
