"""Tables about records, made of text: one function per table."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from gridseval.results.run.protocols import row_differences
from gridseval.results.run.published import PublishedRow
from gridseval.results.stats.rates import Tally, tally
from gridseval.results.tables.columns import shown_columns
from gridseval.results.tables.document import MISSING, Section
from gridseval.results.tables.pivot import Key, Level, Pivot, pivot
from gridseval.results.tables.summary import Row, Summary

EXCLUDED = "†"
"""Marks a published rate that lies outside a measured 95 % interval."""
OTHERWISE = "≠"
"""Marks a published rate that was measured under another protocol."""

UNAVAILABLE = "×"
"""Stands before the number of tasks of a cell that could not be run."""

_SUCCESS = "success in %, with 95 % interval"
_SAID = ("success_rate", "success_lower", "successes")
"""Columns that a table of several runs shows in one cell per task."""


def success_of_one(summary: Summary, tasks: bool = True) -> Section:
    """Return a row per task, unless ``tasks`` is false, and one per suite."""
    rows = [*(summary.tasks if tasks else ()), *summary.suites]
    several_suites = len(summary.suites) > 1
    return Section(
        title="",
        header=("#", "task", *(column.header or "" for column in shown_columns())),
        rows=tuple(_cells(row, several_suites) for row in rows),
        emphasised=len(summary.suites) if tasks else 0,
        stub=2,
        text_column=1,
    )


def success_of_several(runs: Mapping[str, Summary], tasks: bool = True) -> Section:
    """Return a row per task and per suite of any run, and a column per run."""
    task_rows = _rows_by_place(runs.values(), lambda summary: summary.tasks) if tasks else {}
    suite_rows = _rows_by_place(runs.values(), lambda summary: summary.suites)
    several_suites = len(suite_rows) > 1
    by_run = [
        {(row.suite, row.task): row for row in (*summary.tasks, *summary.suites)}
        for summary in runs.values()
    ]
    rows = []
    for place, row in (*task_rows.items(), *suite_rows.items()):
        index, label = _place(row, several_suites)
        cells = [rate_text(tally(of[place].records if place in of else ())) for of in by_run]
        rows.append((index, label, *cells))
    return Section(
        title=_SUCCESS,
        header=("#", "task", *runs),
        rows=tuple(rows),
        emphasised=len(suite_rows) if tasks else 0,
        stub=2,
        text_column=1,
    )


def overview(runs: Mapping[str, Summary], policies: Mapping[str, str]) -> Section:
    """Return a row per run: policy, seeds, episodes, and what ``success_of_several`` lacks."""
    columns = [column for column in shown_columns() if column.name not in _SAID]
    return Section(
        title="runs",
        header=("run", "policy", "seed", "episodes", *(column.header or "" for column in columns)),
        rows=tuple(
            (
                label,
                policies[label] or MISSING,
                *_run_cells(summary),
                *(column.cell(summary.records) for column in columns),
            )
            for label, summary in runs.items()
        ),
    )


def pivot_section(summary: Summary, label: str = "") -> Section | None:
    """Return success by dimension and level; ``None`` if no record has both."""
    counted = pivot(summary.records, summary.manifest)
    if counted is None:
        return None
    columns = (*counted.levels, None)
    cells = _pivot_cells(counted)
    absent = f" ({UNAVAILABLE} n: n tasks unavailable)" if counted.unavailable else ""
    return Section(
        title=f"{label + ': ' if label else ''}by dimension and level, {_SUCCESS}{absent}",
        header=("dimension", *map(_level_title, counted.levels), "all"),
        rows=tuple(
            (name or "all", *(cells.get((name, column), MISSING) for column in columns))
            for name in (*counted.dimensions, None)
        ),
        emphasised=1,
    )


def published_section(
    runs: Mapping[str, Summary], published: Sequence[PublishedRow]
) -> Section | None:
    """Return published rates beside what was measured on their suites; ``None`` without any."""
    if not published:
        return None
    sources = list(dict.fromkeys(row.source for row in published))
    title = (
        f"published rates ({EXCLUDED}: outside the 95 % interval measured here; "
        f"{OTHERWISE}: measured under another protocol)"
    )
    return Section(
        title=title,
        header=("published", "suite", "rate", *runs),
        rows=tuple(
            (
                f"{row.family} [{sources.index(row.source) + 1}]",
                row.suite,
                f"{row.rate:.1f}",
                *_beside(runs.values(), row),
            )
            for row in published
        ),
        stub=3,
    )


def source_notes(published: Sequence[PublishedRow]) -> list[str]:
    """Return the sources of published rates, by the numbers that ``published_section`` uses."""
    sources = dict.fromkeys(row.source for row in published)
    return [f"[{number}] {source}" for number, source in enumerate(sources, start=1)]


def rate_text(counts: Tally) -> str:
    """Return a rate and its interval in percent, as a cell."""
    rate, interval = counts.rate, counts.interval
    if rate is None or interval is None:
        return MISSING
    return f"{100 * rate:.1f}\n({100 * interval.lower:.1f}–{100 * interval.upper:.1f})"


def is_excluded(counts: Tally, rate: float) -> bool:
    """Return whether the measured interval excludes a rate; false without an interval."""
    interval = counts.interval
    return interval is not None and not interval.lower <= rate <= interval.upper


def _pivot_cells(counted: Pivot) -> dict[Key, str]:
    """Return each cell's rate, interval, counts and unavailable tasks; empty without any."""
    cells: dict[Key, list[str]] = {}
    for key, records in counted.cells.items():
        counts = tally(records)
        shown = [f"{counts.successes}/{counts.counted}"] if counts.counted else []
        cells[key] = [_narrow_rate(counts), *shown]
    for key, tasks in counted.unavailable.items():
        cells.setdefault(key, []).append(f"{UNAVAILABLE} {tasks}")
    return {key: "\n".join(lines) for key, lines in cells.items()}


def _level_title(level: Level) -> str:
    return f"level {level}" if isinstance(level, int) else "no level"


def _narrow_rate(counts: Tally) -> str:
    """Return ``rate_text`` with the interval in whole percents, outwards: levels are many."""
    rate, interval = counts.rate, counts.interval
    if rate is None or interval is None:
        return MISSING
    lower, upper = math.floor(100 * interval.lower), math.ceil(100 * interval.upper)
    return f"{100 * rate:.1f}\n({lower}–{upper})"


def _cells(row: Row, several_suites: bool) -> tuple[str, ...]:
    index, label = _place(row, several_suites)
    return (index, label, *(column.cell(row.records) for column in shown_columns()))


def _place(row: Row, several_suites: bool) -> tuple[str, str]:
    """Return number and name of a row."""
    if row.task is None:
        return "", row.label
    return str(row.task), f"{row.suite}: {row.label}" if several_suites else row.label


def _rows_by_place(
    summaries: Iterable[Summary], rows: Callable[[Summary], Sequence[Row]]
) -> dict[tuple[str, int | None], Row]:
    found: dict[tuple[str, int | None], Row] = {}
    for summary in summaries:
        for row in rows(summary):
            found.setdefault((row.suite, row.task), row)
    return dict(sorted(found.items(), key=lambda item: (item[0][0], item[0][1] or 0)))


def _run_cells(summary: Summary) -> tuple[str, str]:
    seeds = ", ".join(map(str, sorted({record.seed for record in summary.records})))
    expected = "" if summary.expected is None else f"/{summary.expected}"
    return seeds or MISSING, f"{summary.done}{expected}"


def _beside(summaries: Iterable[Summary], row: PublishedRow) -> list[str]:
    cells = []
    for summary in summaries:
        counts = tally([record for record in summary.records if record.suite == row.suite])
        other = bool(summary.manifest) and bool(row_differences(summary.manifest, row))
        marks = (EXCLUDED,) * is_excluded(counts, row.fraction) + (OTHERWISE,) * other
        text = rate_text(counts)
        cells.append(" ".join((text, *marks)) if text != MISSING else text)
    return cells
