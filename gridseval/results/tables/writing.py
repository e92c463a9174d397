"""Writes a run's tables beside its records."""

from __future__ import annotations

from gridseval.files import write_atomically
from gridseval.results.run.directory import RunDirectory
from gridseval.results.tables.one_run import render_csv, render_markdown
from gridseval.results.tables.summary import Summary, summarise
from gridseval.results.tables.summary_json import render_json
from gridseval.run_names import SUMMARY, TABLE_CSV, TABLE_MARKDOWN


def write_tables(run: RunDirectory) -> Summary:
    """Write ``table.md``, ``table.csv`` and ``summary.json``; return what they say.

    Raises:
        OutputError: One cannot be written; the earlier one is kept.
    """
    summary = summarise(run.records(), run.manifest)
    write_atomically(run.path / TABLE_MARKDOWN, render_markdown(summary))
    write_atomically(run.path / TABLE_CSV, render_csv(summary))
    write_atomically(run.path / SUMMARY, render_json(summary))
    return summary
