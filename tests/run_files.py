"""Run directories made of records, for readers that see nothing but files."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from gridseval.results import EpisodeRecord

MANIFEST: dict[str, Any] = {
    "schema": 1,
    "suite": "libero_goal",
    "tasks": [0, 1],
    "trials": 5,
    "episodes": 10,
    "seed": 7,
    "protocol": "openvla",
    "env_seed": 0,
    "seeding": "task",
    "image_px": 256,
    "actions": "delta",
    "max_steps": 300,
    "settle_steps": 10,
    "policy": {"name": "oracle", "arguments": {}},
    "assets": {"identity": "libero", "hash": "01" * 32},
    "renderer": None,
    "versions": {"python": "3.11.7", "mujoco": "3.3.2", "robosuite": "1.4.0"},
    "workers": 2,
    "command": "gridseval run",
}


def line_of(record: EpisodeRecord, **changed: Any) -> str:
    """Return a record's line with some keys added or replaced."""
    return json.dumps(json.loads(record.to_json()) | changed)


def write_run(
    path: Path,
    records: Iterable[EpisodeRecord | str],
    manifest: dict[str, Any] | None = None,
    rest: str = "",
) -> Path:
    """Write a run of records or lines; ``rest`` comes last, without a line feed."""
    path.mkdir(parents=True)
    lines = [each if isinstance(each, str) else each.to_json() for each in records]
    text = "".join(f"{line}\n" for line in lines) + rest
    (path / "episodes.jsonl").write_text(text, encoding="utf-8")
    if manifest is None:
        manifest = MANIFEST
    if manifest:
        (path / "run.yaml").write_text(yaml.safe_dump(manifest), encoding="utf-8")
    return path
