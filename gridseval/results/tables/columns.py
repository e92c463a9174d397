"""The figures of a task or suite, as functions of its records.

To add a figure, add a line to COLUMNS: all outputs read that list. After those come a mean and a
standard deviation of every figure of ``efficiency`` that any record has, and means of ``motion``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from gridseval.results.run.record import EpisodeRecord
from gridseval.results.stats.rates import Interval, mean, mean_over_tasks, tally
from gridseval.results.tables.column import Column, Figure, Records
from gridseval.results.tables.document import MISSING
from gridseval.results.tables.efficiency import efficiency_keys, spread, title_of
from gridseval.results.tables.execution import COMPLETION_COLUMNS, motion_columns
from gridseval.results.tables.record_group import grouped

__all__ = ["COLUMNS", "Column", "Figure", "columns_of", "figures", "shown_columns"]


def columns_of(records: Iterable[EpisodeRecord]) -> tuple[Column, ...]:
    """Return COLUMNS and those of the figures of cost and motion that any of the records has."""
    given = list(records)
    costs = (column for key in efficiency_keys(given) for column in _efficiency_columns(key))
    return (*COLUMNS, *costs, *motion_columns(given))


def figures(
    records: Sequence[EpisodeRecord], columns: Sequence[Column] | None = None
) -> dict[str, Figure]:
    """Return the figures of ``columns`` by name; default: those of COLUMNS."""
    group = grouped(records)  # once for all columns
    return {column.name: column.value(group) for column in columns or COLUMNS}


def shown_columns() -> tuple[Column, ...]:
    """Return the columns that tables for people have, from left to right."""
    shown = (column for column in COLUMNS if column.header is not None)
    return tuple(sorted(shown, key=lambda column: column.place))


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
    # Here, since it loads numpy, which listing and reading records do not need.
    from gridseval.results.stats.task_means import suite_interval

    return suite_interval(records)


def _interval_cell(records: Iterable[EpisodeRecord]) -> str:
    interval = tally(records).interval
    if interval is None:
        return MISSING
    return f"{100 * interval.lower:.1f}–{100 * interval.upper:.1f}"


def _solved_cell(records: Iterable[EpisodeRecord]) -> str:
    counts = tally(records)
    return f"{counts.successes}/{counts.counted}"


def _efficiency_columns(key: str) -> tuple[Column, Column]:
    title = title_of(key)
    return (
        Column(f"{key}_mean", lambda records: spread(records, key).mean, "", f"{title}: mean"),
        Column(f"{key}_sd", lambda records: spread(records, key).sd, "", f"{title}: sd"),
    )


def _count(name: str) -> Callable[[Records], Figure]:
    return lambda records: int(getattr(tally(records), name))


def _total(name: str) -> Callable[[Records], Figure]:
    return lambda records: sum(getattr(record, name) for record in records)


COLUMNS: tuple[Column, ...] = (
    Column(
        "successes",
        _count("successes"),
        description="episodes that succeeded",
        header="solved",
        text=_solved_cell,
        place=3,
    ),
    Column("failures", _count("failures"), "count", "episodes that failed"),
    Column(
        "errors",
        _count("errors"),
        description="episodes that ended in a technical error; they enter no rate",
        header="errors",
    ),
    Column("counted", _count("counted"), "count", "`successes` + `failures`"),
    Column(
        "success_rate",
        lambda records: tally(records).rate,
        "fraction",
        "`successes` / `counted`",
        header="success",
        place=1,
        label="",
    ),
    Column(
        "success_lower",
        success_lower,
        "fraction",
        "lower end of its 95 % Wilson interval",
        header="95 % interval",
        text=_interval_cell,
        place=2,
        label="",
    ),
    Column("success_upper", success_upper, "fraction", "upper end of its 95 % Wilson interval"),
    Column(
        "success_mean_over_tasks",
        mean_over_tasks,
        "fraction",
        "mean of the tasks' success rates",
        label="mean over tasks",
    ),
    Column(
        "success_mean_lower", mean_over_tasks_lower, "fraction", "lower end of its 95 % interval"
    ),
    Column(
        "success_mean_upper", mean_over_tasks_upper, "fraction", "upper end of its 95 % interval"
    ),
    Column(
        "mean_steps",
        mean_steps,
        "steps",
        "mean policy steps of the counted episodes",
        header="steps",
        label="",
    ),
    Column(
        "mean_steps_to_success",
        mean_steps_to_success,
        "steps",
        "mean policy steps of the successful episodes",
        label="steps to success",
    ),
    *COMPLETION_COLUMNS,
    Column("queries", _total("queries"), "count", "calls of the policy", label="policy queries"),
    Column("retries", _total("retries"), "count", "starts anew after a technical error"),
    Column("wall_s", _total("wall_s"), "s", "seconds from reset to the end", label="episode time"),
)
