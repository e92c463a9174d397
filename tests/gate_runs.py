"""Makers of synthetic runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from gridseval.results import EpisodeRecord
from gridseval.results.run.reading import Run

MANIFEST: dict[str, Any] = {
    "schema": 1,
    "suite": "libero_goal",
    "tasks": list(range(10)),
    "trials": 50,
    "episodes": 500,
    "seed": 7,
    "protocol": "openvla",
    "env_seed": 0,
    "seeding": "task",
    "image_px": 256,
    "actions": "delta",
    "max_steps": 300,
    "settle_steps": 10,
    "replan": 4,
    "policy": {"name": "oracle"},
    "video": "none",
    "assets": {"identity": "libero", "hash": "0123"},
    "renderer": "egl: llvmpipe",
    "versions": {"python": "3.11.1", "mujoco": "3.3.2", "robosuite": "1.4.0", "hf-libero": "0.1.4"},
    "workers": 2,
    "started": "2026-08-28T10:00:00+00:00",
}


def make_run(outcomes: NDArray[Any], label: str = "new", **changed: Any) -> Run:
    """Return a run whose outcomes are given by task and trial: 1, 0, or -1 for an error."""
    statuses = {1: "success", 0: "failure", -1: "error"}
    records = tuple(
        EpisodeRecord(
            suite="libero_goal",
            task=task,
            task_name=f"task_{task}",
            trial=trial,
            instruction=f"do {task}",
            status=statuses[int(outcome)],  # type: ignore[arg-type]
            success=None if outcome < 0 else bool(outcome),
            steps=100,
            seed=7,
        )
        for (task, trial), outcome in np.ndenumerate(outcomes)
    )
    tasks, trials = outcomes.shape
    own = {"tasks": list(range(tasks)), "trials": trials, "episodes": outcomes.size}
    return Run(label, False, (Path(label),), MANIFEST | own | changed, records)


def write_run(run: Run, folder: Path) -> Path:
    """Write a run's two files."""
    folder.mkdir()
    (folder / "run.yaml").write_text(yaml.safe_dump(dict(run.manifest)))
    lines = [record.to_json() for record in run.records]
    (folder / "episodes.jsonl").write_text("".join(f"{line}\n" for line in lines))
    assert json.loads(lines[0])
    return folder
