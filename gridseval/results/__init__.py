"""What came out: records of episodes, the run directory, statistics and tables."""

from gridseval.results.columns import COLUMNS, Column
from gridseval.results.jsonl import read_records
from gridseval.results.manifest import manifest_differences, read_manifest
from gridseval.results.merging import arrange_runs
from gridseval.results.record import EpisodeKey, EpisodeRecord
from gridseval.results.run_dir import RunDirectory
from gridseval.results.runs import Run, read_run
from gridseval.results.side_by_side import RunsTable, tabulate
from gridseval.results.statistics import Interval, Tally, mean_over_tasks, tally, wilson_interval
from gridseval.results.summary import Row, Summary, summarise
from gridseval.results.summary_json import render_json
from gridseval.results.tables import render_csv, render_markdown, render_terminal

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
]
