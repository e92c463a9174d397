"""What the files and folders of a run directory are called."""

from __future__ import annotations

MANIFEST = "run.yaml"
EPISODES = "episodes.jsonl"
CUT = "episodes.jsonl.cut"
LOCK = ".lock"
OWNER = ".owner"
SHARDS = "shards"
TABLE_MARKDOWN = "table.md"
TABLE_CSV = "table.csv"
SUMMARY = "summary.json"
REPORT = "report.html"
VIDEOS = "videos"
ACTIONS = "actions"
TRACES = "traces"
START_STATES = "starts"
MAP = "map.jsonl"
MAP_MARKDOWN = "map.md"

OWN_FILES = frozenset(
    {
        *(MANIFEST, EPISODES, CUT, LOCK, OWNER, TABLE_MARKDOWN, TABLE_CSV, SUMMARY, REPORT),
        *(MAP, MAP_MARKDOWN),
    }
)
"""Files of a run that no other output may replace."""
OWN_FOLDERS = frozenset({VIDEOS, ACTIONS, TRACES, START_STATES, SHARDS})
"""Folders of a run whose files no other output may replace."""
