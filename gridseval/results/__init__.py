"""What came out: records of episodes, the run directory, statistics and tables."""

from gridseval.results.columns import COLUMNS, Column
from gridseval.results.jsonl import read_records
from gridseval.results.manifest import manifest_differences, read_manifest
from gridseval.results.record import EpisodeKey, EpisodeRecord
from gridseval.results.run_dir import RunDirectory
from gridseval.results.statistics import Interval, Tally, mean_over_tasks, tally, wilson_interval
from gridseval.results.summary import Row, Summary, summarise
from gridseval.results.tables import render_csv, render_json, render_markdown, render_terminal

__all__ = [
    "COLUMNS",
    "Column",
    "EpisodeKey",
    "EpisodeRecord",
    "Interval",
    "Row",
    "RunDirectory",
    "Summary",
    "Tally",
    "manifest_differences",
    "mean_over_tasks",
    "read_manifest",
    "read_records",
    "render_csv",
    "render_json",
    "render_markdown",
    "render_terminal",
    "summarise",
    "tally",
    "wilson_interval",
]
