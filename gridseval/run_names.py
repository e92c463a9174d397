"""What the files and folders of a run directory are called."""

from __future__ import annotations

MANIFEST = "run.yaml"
EPISODES = "episodes.jsonl"
LOCK = ".lock"
TABLE_MARKDOWN = "table.md"
TABLE_CSV = "table.csv"
SUMMARY = "summary.json"
REPORT = "report.html"
VIDEOS = "videos"
ACTIONS = "actions"
TRACES = "traces"
MAP = "map.jsonl"
MAP_MARKDOWN = "map.md"
