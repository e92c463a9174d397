"""A run, or several side by side, as one HTML file that needs nothing beside it but the videos."""

from gridseval.report.page import render_report, write_report
from gridseval.report.source import ReportRun, read_runs

__all__ = ["ReportRun", "read_runs", "render_report", "write_report"]
