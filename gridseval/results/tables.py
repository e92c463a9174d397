"""A run's summary as Markdown, CSV, JSON and text for a terminal: all functions of its records."""

from __future__ import annotations

import csv
import io
import json
import math
import textwrap
from collections.abc import Mapping, Sequence

from gridseval.results.columns import COLUMNS, Figure, figures, mean_steps
from gridseval.results.statistics import tally
from gridseval.results.summary import Row, Summary

SUMMARY_SCHEMA = 1
MISSING = "–"

_HEADER = ("#", "task", "success", "95 % interval", "solved", "errors", "steps")
_TEXT_COLUMN = _HEADER.index("task")
_WIDTH = 80
_GAP = "  "


def render_markdown(summary: Summary) -> str:
    """Return ``table.md``: a row per task, a bold row per suite, counts and notes."""
    rows = [_cells(row) for row in summary.tasks]
    rows += [tuple(f"**{cell}**" if cell else "" for cell in _cells(row)) for row in summary.suites]
    aligned = [":--" if i == _TEXT_COLUMN else "--:" for i in range(len(_HEADER))]
    lines = ["| " + " | ".join(map(_escaped, cells)) + " |" for cells in (_HEADER, aligned, *rows)]
    notes = [f"- {_escaped(note)}" for note in (counts_line(summary), *summary.notes)]
    return "\n".join([f"# {_escaped(summary.title)}", "", *lines, "", *notes, ""])


def render_terminal(summary: Summary) -> str:
    """Return the table for a terminal of 80 columns, without a line feed at the end.

    Instructions are wrapped, never cut, because those of a suite often differ in a few words only.
    """
    tasks, suites = [_cells(row) for row in summary.tasks], [_cells(row) for row in summary.suites]
    widths = [max(map(len, column)) for column in zip(_HEADER, *tasks, *suites, strict=True)]
    others = sum(widths) - widths[_TEXT_COLUMN] + len(_GAP) * (len(widths) - 1)
    widths[_TEXT_COLUMN] = max(12, min(widths[_TEXT_COLUMN], _WIDTH - others))
    rule = ["─" * min(_WIDTH, others + widths[_TEXT_COLUMN])]
    lines = _wrapped(summary.title) + _aligned(_HEADER, widths) + rule
    lines += [line for cells in tasks for line in _aligned(cells, widths)]
    lines += rule + [line for cells in suites for line in _aligned(cells, widths)]
    for note in (counts_line(summary), *summary.notes):
        lines += _wrapped(note)
    return "\n".join(lines)


def render_csv(summary: Summary) -> str:
    """Return ``table.csv``: rates as fractions, empty where there is no value.

    Columns: ``level`` (``task`` or ``suite``), ``suite``, ``task`` (index, empty for a suite),
    ``task_name``, then those of ``COLUMNS``.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["level", "suite", "task", "task_name", *(column.name for column in COLUMNS)])
    for row in (*summary.tasks, *summary.suites):
        level = "suite" if row.task is None else "task"
        writer.writerow([level, row.suite, row.task, row.name, *figures(row.records).values()])
    return text.getvalue()


def render_json(summary: Summary) -> str:
    """Return ``summary.json``.

    Keys (schema 1; rates are fractions, ``null`` where there is nothing to compute from)::

        schema     1
        run        suite, policy and assets of run.yaml, as far as given there
        episodes   expected (or null), done, successes, failures, errors, counted
        suites     list of: suite, tasks, and the figures of COLUMNS:
                   successes, failures, errors, counted (successes + failures), success_rate,
                   success_lower, success_upper (95 % Wilson), success_mean_over_tasks, mean_steps,
                   mean_steps_to_success, queries, retries, wall_s (sum over episodes)
        suites[].tasks   list of: task (index), task_name, instruction, and the same figures
        notes      list of sentences
    """
    shown = {key: summary.manifest.get(key) for key in ("suite", "policy", "assets")}
    data = {
        "schema": SUMMARY_SCHEMA,
        "run": {key: _plain(value) for key, value in shown.items() if value is not None},
        "episodes": _counts(summary),
        "suites": [_suite_data(row, summary.tasks) for row in summary.suites],
        "notes": list(summary.notes),
    }
    return json.dumps(data, indent=2, allow_nan=False) + "\n"


def counts_line(summary: Summary) -> str:
    """Return how many episodes are done, in one sentence."""
    of_expected = "" if summary.expected is None else f" of {summary.expected}"
    seconds = sum(record.wall_s for row in summary.suites for record in row.records)
    hours, minutes = divmod(round(seconds / 60), 60)
    duration = f"{hours} h {minutes} min" if hours else f"{seconds / 60:.1f} min"
    errors = f"{summary.tally.errors} error{'s' * (summary.tally.errors != 1)}"
    counts = f"{summary.done}{of_expected} episodes done, {errors}"
    return f"{counts}, {duration} of episode time"


def _cells(row: Row) -> tuple[str, ...]:
    counts = tally(row.records)
    rate, interval, steps = counts.rate, counts.interval, mean_steps(row.records)
    return (
        "" if row.task is None else str(row.task),
        row.label,
        MISSING if rate is None else f"{100 * rate:.1f} %",
        MISSING if interval is None else f"{100 * interval.lower:.1f}–{100 * interval.upper:.1f}",
        f"{counts.successes}/{counts.counted}",
        str(counts.errors),
        MISSING if steps is None else f"{steps:.0f}",
    )


def _escaped(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Lay one row out, in as many lines as its text needs."""
    text = textwrap.wrap(cells[_TEXT_COLUMN], widths[_TEXT_COLUMN]) or [""]
    lines = []
    for number, part in enumerate(text):
        shown = [cell if number == 0 else "" for cell in cells]
        padded = [cell.rjust(width) for cell, width in zip(shown, widths, strict=True)]
        padded[_TEXT_COLUMN] = part.ljust(widths[_TEXT_COLUMN])
        lines.append(_GAP.join(padded).rstrip())
    return lines


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, subsequent_indent="  ")


def _plain(value: object) -> object:
    """Replace what YAML can say and JSON cannot (dates, nan) by its text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value if value is None or isinstance(value, (str, int)) else str(value)


def _counts(summary: Summary) -> dict[str, int | None]:
    counts = summary.tally
    return {
        "expected": summary.expected,
        "done": summary.done,
        "successes": counts.successes,
        "failures": counts.failures,
        "errors": counts.errors,
        "counted": counts.counted,
    }


def _suite_data(suite: Row, tasks: Sequence[Row]) -> dict[str, object]:
    return {
        "suite": suite.suite,
        **figures(suite.records),
        "tasks": [_task_data(row) for row in tasks if row.suite == suite.suite],
    }


def _task_data(row: Row) -> dict[str, Figure | str]:
    named: dict[str, Figure | str] = {
        "task": row.task,
        "task_name": row.name,
        "instruction": row.records[0].instruction,
    }
    return named | figures(row.records)
