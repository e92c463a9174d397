"""A run's summary as Markdown, CSV and text for a terminal: all functions of its records."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence

from gridseval.foreign_text import csv_cell
from gridseval.results.run.published import PublishedRow
from gridseval.results.tables.columns import Column, columns_of, figures
from gridseval.results.tables.document import Document
from gridseval.results.tables.efficiency_sections import efficiency_sections
from gridseval.results.tables.execution import execution_section
from gridseval.results.tables.leaderboard_text import (
    leaderboard_lines,
    leaderboard_notes,
    leaderboard_section,
)
from gridseval.results.tables.markup import as_markdown
from gridseval.results.tables.pivot import pivot
from gridseval.results.tables.sections import (
    pivot_section,
    success_of_one,
)
from gridseval.results.tables.suites_mean import suites_mean_lines, suites_mean_section
from gridseval.results.tables.summary import Row, Summary
from gridseval.results.tables.text import as_text

MOST_TASK_ROWS = 100
"""A table for people has no rows for tasks if there are more; LIBERO-Plus has thousands."""

_PLACE = ("level", "suite", "task", "task_name", "dimension", "dimension_level")


def render_markdown(summary: Summary) -> str:
    """Return ``table.md``: a row per task unless there are many, a bold row per suite, notes."""
    return as_markdown(describe(summary))


def render_terminal(summary: Summary) -> str:
    """Return the table for a terminal of 80 columns, without a line feed at the end."""
    return as_text(describe(summary))


def render_csv(summary: Summary) -> str:
    """Return ``table.csv``: rates as fractions, empty where there is no value.

    Columns: ``level`` (``task``, ``suite``, ``mean`` over suites or ``dimension``), ``suite``,
    ``task`` (index, else empty), ``task_name``, ``dimension`` and ``dimension_level`` (empty for
    all, ``none`` for tasks without one), then those of ``COLUMNS`` and of the efficiency figures
    that records have.

    A run of LIBERO-Plus has rows of level ``leaderboard``, weighted by tasks, one per dimension and
    one for the total (whose ``dimension`` is empty), and of level ``published``; their
    ``task_name`` names their source.
    """
    columns = columns_of(summary.records)
    names = _names(columns)
    plus = [line for _, line in leaderboard_lines({"": summary}, names)]
    return _csv([[*_PLACE, *names], *_csv_rows(summary, columns), *plus])


def render_runs_csv(runs: Mapping[str, Summary], published: Sequence[PublishedRow]) -> str:
    """Return several runs as one ``table.csv`` with a first column ``run``.

    Args:
        runs: By label.
        published: Further rows, of level ``published``, with the source as ``task_name`` and no
            figure but ``success_rate``.
    """
    columns = columns_of([record for summary in runs.values() for record in summary.records])
    rows = [[label, *row] for label, summary in runs.items() for row in _csv_rows(summary, columns)]
    names = _names(columns)
    rows += [[label, *line] for label, line in leaderboard_lines(runs, names)]
    for row in published:
        rates = [row.fraction if name == "success_rate" else "" for name in names]
        rows.append([row.family, "published", row.suite, "", row.source, "", "", *rates])
    return _csv([["run", *_PLACE, *names], *rows])


def describe(summary: Summary) -> Document:
    """Return what a run's table says."""
    one = {"": summary}
    tasks = len(summary.tasks) <= MOST_TASK_ROWS
    many = () if tasks else (f"table.csv has a row for each of the {len(summary.tasks)} tasks",)
    sections = [success_of_one(summary, tasks), suites_mean_section(one)]
    sections += [pivot_section(summary), leaderboard_section(one)]
    sections += [*efficiency_sections(one, tasks), execution_section(one)]
    return Document(
        title=summary.title,
        sections=tuple(section for section in sections if section is not None),
        notes=(counts_line(summary), *many, *summary.notes, *leaderboard_notes(one)),
    )


def counts_line(summary: Summary) -> str:
    """Return how many episodes are done, in one sentence."""
    of_expected = "" if summary.expected is None else f" of {summary.expected}"
    seconds = sum(record.wall_s for record in summary.records)
    hours, minutes = divmod(round(seconds / 60), 60)
    duration = f"{hours} h {minutes} min" if hours else f"{seconds / 60:.1f} min"
    errors = f"{summary.tally.errors} error{'s' * (summary.tally.errors != 1)}"
    counts = f"{summary.done}{of_expected} episodes done, {errors}"
    return f"{counts}, {duration} of episode time"


def _csv(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(map(csv_cell, row) for row in rows)
    return text.getvalue()


def _names(columns: Iterable[Column]) -> list[str]:
    return [column.name for column in columns]


def _csv_rows(summary: Summary, columns: Sequence[Column]) -> Iterator[list[object]]:
    for row in (*summary.tasks, *summary.suites):
        level = "suite" if row.task is None else "task"
        place = [level, row.suite, row.task, row.name, "", ""]
        yield [*place, *figures(row.records, columns).values()]
    yield from suites_mean_lines(summary, _names(columns))
    for row in summary.suites:
        yield from _dimension_rows(row, columns)


def _dimension_rows(suite: Row, columns: Sequence[Column]) -> Iterator[list[object]]:
    counted = pivot(suite.records)
    for (dimension, level), records in counted.cells.items() if counted else ():
        place = ["dimension", suite.suite, "", "", dimension, level]
        yield [*place, *figures(records, columns).values()]
