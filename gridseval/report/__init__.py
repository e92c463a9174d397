"""One HTML file about a run, or about several side by side. It needs only the videos beside it."""

from gridseval.report.page import render_report, write_report
from gridseval.report.source import ReportRun, read_runs

__all__ = ["ReportRun", "read_runs", "render_report", "write_report"]
