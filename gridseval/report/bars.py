"""Success by task: a bar with its interval for each run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gridseval.report.heat import heat_map
from gridseval.report.source import ReportRun
from gridseval.report.text import bounds, percent
from gridseval.results import Row, tally

MOST_TASKS = 130
"""The largest LIBERO suites together; of more tasks the page shows those solved least."""


@dataclass(frozen=True)
class Bar:
    """The rate of one task in one run; lengths are in percent of the bar's full width.

    Args:
        letter: The run's.
        rate: For people.
        interval: For people.
        solved: ``"47/50"``.
        errors: Number of episodes that ended in a technical error.
        length: Of the bar, 0 to 100.
        whisker: Both ends of the interval; ``None`` without a counted episode.
    """

    letter: str
    rate: str
    interval: str
    solved: str
    errors: int
    length: float
    whisker: tuple[float, float] | None


@dataclass(frozen=True)
class TaskBars:
    """One task.

    Args:
        key: Suite and index, to link by.
        suite: The suite's name.
        task: The index.
        label: The instruction.
        bars: One per run that has an episode of it.
    """

    key: str
    suite: str
    task: int
    label: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class TaskChart:
    """All bars.

    Args:
        tasks: In order of suite and task; if some are left out, in order of rate.
        left_out: How many tasks with higher rates are not shown.
    """

    tasks: tuple[TaskBars, ...]
    left_out: int


def task_chart(runs: Sequence[ReportRun]) -> TaskChart:
    """Return the bars of all tasks of which a run has an episode.

    Returns no bars if there are too many to read and a heat map shows the same.
    """
    rows: dict[tuple[str, int], list[tuple[str, Row]]] = {}
    for run in runs:
        for row in run.summary.tasks:
            rows.setdefault((row.suite, row.task or 0), []).append((run.letter, row))
    keys = sorted(rows)
    if len(keys) > MOST_TASKS and all(map(heat_map, runs)):
        return TaskChart((), len(keys))
    if len(keys) > MOST_TASKS:
        keys.sort(key=lambda key: _worst(rows[key]))
    tasks = tuple(_task(rows[key]) for key in keys[:MOST_TASKS])
    return TaskChart(tasks, max(0, len(keys) - MOST_TASKS))


def group_key(suite: str, name: object) -> str:
    """Return a text without spaces, as part of an HTML id."""
    return "-".join(f"{suite} {name}".split())


def _worst(rows: Sequence[tuple[str, Row]]) -> float:
    rates = [tally(row.records).rate for _, row in rows]
    return min((rate for rate in rates if rate is not None), default=2.0)


def _task(rows: Sequence[tuple[str, Row]]) -> TaskBars:
    _, first = rows[0]
    task = first.task or 0
    bars = tuple(_bar(letter, row) for letter, row in rows)
    return TaskBars(group_key(first.suite, task), first.suite, task, first.label, bars)


def _bar(letter: str, row: Row) -> Bar:
    counts = tally(row.records)
    interval = counts.interval
    return Bar(
        letter=letter,
        rate=percent(counts.rate),
        interval=bounds(interval),
        solved=f"{counts.successes}/{counts.counted}",
        errors=counts.errors,
        length=_length(counts.rate),
        whisker=None if interval is None else (_length(interval.lower), _length(interval.upper)),
    )


def _length(rate: float | None) -> float:
    return round(100 * (rate or 0.0), 2)
