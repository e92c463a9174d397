"""What came out: records of episodes, the run directory, statistics and tables."""

from gridseval.results.run.directory import RunDirectory
from gridseval.results.run.jsonl import read_records
from gridseval.results.run.manifest import manifest_differences, read_manifest
from gridseval.results.run.reading import Run, read_run
from gridseval.results.run.record import EpisodeKey, EpisodeRecord
from gridseval.results.stats.rates import Interval, Tally, mean_over_tasks, tally, wilson_interval
from gridseval.results.tables.columns import COLUMNS, Column
from gridseval.results.tables.merging import arrange_runs
from gridseval.results.tables.one_run import render_csv, render_markdown, render_terminal
from gridseval.results.tables.several_runs import RunsTable, tabulate
from gridseval.results.tables.summary import Row, Summary, summarise
from gridseval.results.tables.summary_json import render_json
from gridseval.results.tables.writing import write_tables

__all__ = [
    "COLUMNS",
    "Column",
    "EpisodeKey",
    "EpisodeRecord",
    "Interval",
    "Row",
    "Run",
    "RunDirectory",
    "RunsTable",
    "Summary",
    "Tally",
    "arrange_runs",
    "manifest_differences",
    "mean_over_tasks",
    "read_manifest",
    "read_records",
    "read_run",
    "render_csv",
    "render_json",
    "render_markdown",
    "render_terminal",
    "summarise",
    "tabulate",
    "tally",
    "wilson_interval",
    "write_tables",
]
