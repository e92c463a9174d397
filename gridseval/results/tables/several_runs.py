"""Several runs in one table, and published rates beside what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from gridseval.errors import UsageError, did_you_mean
from gridseval.results.run.protocols import mixed_protocols, protocol_notes, row_differences
from gridseval.results.run.published import PublishedRow, load_published
from gridseval.results.run.reading import Run
from gridseval.results.stats.rates import tally
from gridseval.results.tables.document import Document
from gridseval.results.tables.efficiency_sections import efficiency_sections
from gridseval.results.tables.execution import execution_section
from gridseval.results.tables.leaderboard_text import leaderboard_notes, leaderboard_section
from gridseval.results.tables.markup import as_latex, as_markdown
from gridseval.results.tables.one_run import MOST_TASK_ROWS, counts_line, render_runs_csv
from gridseval.results.tables.sections import (
    is_excluded,
    overview,
    pivot_section,
    published_section,
    source_notes,
    success_of_one,
    success_of_several,
)
from gridseval.results.tables.suites_mean import suites_mean_section
from gridseval.results.tables.summary import Summary, summarise
from gridseval.results.tables.summary_json import summary_data, to_json
from gridseval.results.tables.text import as_text

TABLE_SCHEMA = 1

Rows = Literal["task", "suite", "dimension"]
Motion: TypeAlias = "Sequence[str] | None"
"""Figures of motion to show, ``None`` for the default ones."""


@dataclass(frozen=True)
class RunsTable:
    """What is known of several runs.

    Args:
        runs: With distinct labels, at least one.
        summaries: By label, in the order of ``runs``.
        published: Rates to show beside theirs, of suites that any of them has.
    """

    runs: tuple[Run, ...]
    summaries: Mapping[str, Summary]
    published: tuple[PublishedRow, ...]


def tabulate(runs: Sequence[Run], families: Sequence[str] | None = None) -> RunsTable:
    """Sum up runs.

    Args:
        runs: As ``arrange_runs`` returns them.
        families: Policies whose published rates are shown, ``"all"`` for every one; default:
            those of a run's card, or that bear the name of its policy.

    Raises:
        UsageError: A family has no published rates (names the nearest).
    """
    suites = {suite for run in runs for suite in run.suites}
    rows = _published(runs, families)
    return RunsTable(
        runs=tuple(runs),
        summaries={run.label: summarise(run.records, run.manifest) for run in runs},
        published=tuple(row for row in rows if row.suite in suites),
    )


def table_text(table: RunsTable, rows: Rows | None = None, motion: Motion = None) -> str:
    """Return the table for a terminal of 80 columns, without a line feed at the end."""
    return as_text(describe_runs(table, rows, motion))


def table_markdown(table: RunsTable, rows: Rows | None = None, motion: Motion = None) -> str:
    """Return the table as Markdown."""
    return as_markdown(describe_runs(table, rows, motion))


def table_latex(table: RunsTable, rows: Rows | None = None, motion: Motion = None) -> str:
    """Return the table as LaTeX with booktabs."""
    return as_latex(describe_runs(table, rows, motion))


def table_csv(table: RunsTable) -> str:
    """Return ``table.csv`` with a first column ``run``; published rates are separate rows.

    Those have the level ``published``, the source as ``task_name``, and a ``success_rate`` only.
    """
    return render_runs_csv(table.summaries, table.published)


def table_json(table: RunsTable) -> str:
    """Return all figures, as ``table.schema.json`` beside this file says.

    Keys (schema 1; rates are fractions)::

        schema      1
        runs        list of: label, paths, and summary, which is the content of summary.json
        published   list of: suite, label, rate, trials (or null), source, protocol (or
                    null), differs (label of a run to how its protocol differs), excluded_by (labels
                    of those runs whose 95 % interval does not hold the rate)
        notes       list of sentences on how the runs were put together
    """
    data = {
        "schema": TABLE_SCHEMA,
        "runs": [_run_data(run, table.summaries[run.label]) for run in table.runs],
        "published": [_published_data(row, table.summaries) for row in table.published],
        "notes": [note for run in table.runs for note in run.notes],
    }
    return to_json(data)


def describe_runs(table: RunsTable, rows: Rows | None = None, motion: Motion = None) -> Document:
    """Return what the table says: one row per task, per suite only, or per dimension only.

    Args:
        table: The runs.
        rows: Which; ``None``: per task, or per suite if a run has very many tasks.
        motion: Figures of motion.
    """
    most = max(len(summary.tasks) for summary in table.summaries.values())
    rows = rows or ("task" if most <= MOST_TASK_ROWS else "suite")
    several = len(table.runs) > 1
    labelled = table.summaries if several else {"": _only(table)}
    pivots = [
        pivot_section(summary, label if several else "")
        for label, summary in table.summaries.items()
    ]
    sections = [] if rows == "dimension" else [_success(table, rows == "task")]
    sections += [] if rows == "dimension" else [suites_mean_section(labelled)]
    sections += [*pivots, leaderboard_section(labelled)]
    if rows != "dimension":
        sections += [
            overview(table.summaries, {run.label: run.policy for run in table.runs})
            if several
            else None,
            *efficiency_sections(table.summaries, rows == "task"),
            execution_section(table.summaries, motion),
            published_section(table.summaries, table.published),
        ]
    return Document(
        title=", ".join(table.summaries) if several else _title(table),
        sections=tuple(section for section in sections if section is not None),
        notes=(
            *(["no record has a dimension and a level"] if not any(sections) else []),
            *_notes(table),
            *leaderboard_notes(labelled),
            *source_notes(table.published),
            *protocol_notes({run.label: run.manifest for run in table.runs}, table.published),
        ),
    )


def _success(table: RunsTable, tasks: bool) -> Any:
    if len(table.runs) == 1:
        return success_of_one(_only(table), tasks)
    return success_of_several(table.summaries, tasks)


def _title(table: RunsTable) -> str:
    return _only(table).title if table.runs[0].manifest else table.runs[0].label


def _only(table: RunsTable) -> Summary:
    return next(iter(table.summaries.values()))


def _notes(table: RunsTable) -> Iterable[str]:
    """Yield notes that hold for all runs once, and others with the names of their runs."""
    several = len(table.runs) > 1
    mixed = mixed_protocols({run.label: run.manifest for run in table.runs})
    if mixed is not None:
        yield mixed
    for run in table.runs:
        yield from run.notes
    if not several:
        yield counts_line(_only(table))
    by_note: dict[str, list[str]] = {}
    for label, summary in table.summaries.items():
        for note in summary.notes:
            by_note.setdefault(note, []).append(label)
    for note, labels in by_note.items():
        yield note if len(labels) == len(table.runs) else f"{', '.join(labels)}: {note}"


def _run_data(run: Run, summary: Summary) -> dict[str, Any]:
    return {
        "label": run.label,
        "paths": [str(path) for path in run.paths],
        "summary": summary_data(summary),
    }


def _published(runs: Sequence[Run], families: Sequence[str] | None) -> list[PublishedRow]:
    if families is not None and not families:
        return []
    rows = load_published()
    if families is not None and "all" in families:
        return list(rows)
    known = {_typed(row.family): row.family for row in rows}
    for family in families or ():
        if _typed(family) not in known:
            hint = did_you_mean(family, sorted(known.values()))
            raise UsageError(f"no published rates of {family!r}", hint)
    given = [name for run in runs for name in _names(run)] if families is None else families
    wanted = set(map(_typed, given))
    return [row for row in rows if _typed(row.family) in wanted]


def _names(run: Run) -> tuple[str, ...]:
    """Return a run's policy, and its names in tables of published rates."""
    listed = run.manifest.get("published")
    names = listed if isinstance(listed, list) else []
    return (run.policy, *(str(name) for name in names))


def _typed(family: str) -> str:
    """Return a name as people type it, without capitals and Greek letters."""
    return family.lower().replace("π", "pi")


def _published_data(row: PublishedRow, summaries: Mapping[str, Summary]) -> dict[str, Any]:
    measured = {
        label: tally([record for record in summary.records if record.suite == row.suite])
        for label, summary in summaries.items()
    }
    return {
        "suite": row.suite,
        "label": row.family,
        "rate": row.fraction,
        "trials": row.trials,
        "source": row.source,
        "protocol": row.protocol,
        "differs": {
            label: list(differences)
            for label, summary in summaries.items()
            if summary.manifest and (differences := row_differences(summary.manifest, row))
        },
        "excluded_by": [
            label for label, counts in measured.items() if is_excluded(counts, row.fraction)
        ],
    }
