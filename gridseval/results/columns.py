"""The figures of a task or suite, as functions of its records.

To add a figure, add a line to COLUMNS: ``table.csv`` and ``summary.json`` read that list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from gridseval.results.record import EpisodeRecord
from gridseval.results.statistics import mean, mean_over_tasks, tally

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


def figures(records: Sequence[EpisodeRecord]) -> dict[str, Figure]:
    """Return every figure of COLUMNS by name."""
    return {column.name: column.value(records) for column in COLUMNS}


def success_lower(records: Iterable[EpisodeRecord]) -> float | None:
    """Return the lower end of the success rate's 95 % interval."""
    interval = tally(records).interval
    return interval.lower if interval else None


def success_upper(records: Iterable[EpisodeRecord]) -> float | None:
    """Return the upper end of the success rate's 95 % interval."""
    interval = tally(records).interval
    return interval.upper if interval else None


def mean_steps(records: Iterable[EpisodeRecord]) -> float | None:
    """Return the mean policy steps of the episodes that ended in success or failure."""
    return mean(record.steps for record in records if record.status != "error")


def mean_steps_to_success(records: Iterable[EpisodeRecord]) -> float | None:
    """Return the mean policy steps of the successful episodes."""
    return mean(record.steps for record in records if record.status == "success")


COLUMNS: tuple[Column, ...] = (
    Column("successes", lambda records: tally(records).successes),
    Column("failures", lambda records: tally(records).failures),
    Column("errors", lambda records: tally(records).errors),
    Column("counted", lambda records: tally(records).counted),
    Column("success_rate", lambda records: tally(records).rate),
    Column("success_lower", success_lower),
    Column("success_upper", success_upper),
    Column("success_mean_over_tasks", mean_over_tasks),
    Column("mean_steps", mean_steps),
    Column("mean_steps_to_success", mean_steps_to_success),
    Column("queries", lambda records: sum(record.queries for record in records)),
    Column("retries", lambda records: sum(record.retries for record in records)),
    Column("wall_s", lambda records: sum(record.wall_s for record in records)),
)
