"""The figures of a task or suite, as functions of its records.

To add a figure, add a line to COLUMNS: ``table.csv`` and ``summary.json`` read that list. After
those come a mean and a standard deviation of every figure of ``efficiency`` that any record has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from gridseval.results.run.record import EpisodeRecord
from gridseval.results.stats.rates import Interval, mean, mean_over_tasks, tally
from gridseval.results.tables.efficiency import efficiency_keys, spread

Figure: TypeAlias = "int | float | None"


@dataclass(frozen=True)
class Column:
    """One figure.

    Args:
        name: Its key in both files; ends with the unit where it has one.
        value: Computes it from records; ``None`` where there is nothing to compute it from.
    """

    name: str
    value: Callable[[Sequence[EpisodeRecord]], Figure]


def columns_of(records: Iterable[EpisodeRecord]) -> tuple[Column, ...]:
    """Return COLUMNS and those of the efficiency figures that any of the records has."""
    return COLUMNS + tuple(
        column for key in efficiency_keys(records) for column in _efficiency_columns(key)
    )


def figures(
    records: Sequence[EpisodeRecord], columns: Sequence[Column] | None = None
) -> dict[str, Figure]:
    """Return the figures of ``columns`` by name; default: those of COLUMNS."""
    return {column.name: column.value(records) for column in columns or COLUMNS}


def success_lower(records: Iterable[EpisodeRecord]) -> float | None:
    """Return the lower end of the success rate's 95 % interval."""
    interval = tally(records).interval
    return interval.lower if interval else None


def success_upper(records: Iterable[EpisodeRecord]) -> float | None:
    """Return the upper end of the success rate's 95 % interval."""
    interval = tally(records).interval
    return interval.upper if interval else None


def mean_over_tasks_lower(records: Sequence[EpisodeRecord]) -> float | None:
    """Return the lower end of the 95 % interval of the mean over tasks."""
    interval = _mean_interval(records)
    return interval.lower if interval else None


def mean_over_tasks_upper(records: Sequence[EpisodeRecord]) -> float | None:
    """Return the upper end of the 95 % interval of the mean over tasks."""
    interval = _mean_interval(records)
    return interval.upper if interval else None


def mean_steps(records: Iterable[EpisodeRecord]) -> float | None:
    """Return the mean policy steps of the episodes that ended in success or failure."""
    return mean(record.steps for record in records if record.status != "error")


def mean_steps_to_success(records: Iterable[EpisodeRecord]) -> float | None:
    """Return the mean policy steps of the successful episodes."""
    return mean(record.steps for record in records if record.status == "success")


def _mean_interval(records: Sequence[EpisodeRecord]) -> Interval | None:
    if len({(record.suite, record.task) for record in records}) == 1:
        return tally(records).interval  # the same, without a search
    # Here, since it loads numpy, which nobody needs to list or read records.
    from gridseval.results.stats.task_means import suite_interval

    return suite_interval(records)


def _efficiency_columns(key: str) -> tuple[Column, Column]:
    return (
        Column(f"{key}_mean", lambda records: spread(records, key).mean),
        Column(f"{key}_sd", lambda records: spread(records, key).sd),
    )


COLUMNS: tuple[Column, ...] = (
    Column("successes", lambda records: tally(records).successes),
    Column("failures", lambda records: tally(records).failures),
    Column("errors", lambda records: tally(records).errors),
    Column("counted", lambda records: tally(records).counted),
    Column("success_rate", lambda records: tally(records).rate),
    Column("success_lower", success_lower),
    Column("success_upper", success_upper),
    Column("success_mean_over_tasks", mean_over_tasks),
    Column("success_mean_lower", mean_over_tasks_lower),
    Column("success_mean_upper", mean_over_tasks_upper),
    Column("mean_steps", mean_steps),
    Column("mean_steps_to_success", mean_steps_to_success),
    Column("queries", lambda records: sum(record.queries for record in records)),
    Column("retries", lambda records: sum(record.retries for record in records)),
    Column("wall_s", lambda records: sum(record.wall_s for record in records)),
)
