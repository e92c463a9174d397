"""A maker of records whose values all differ, so that no column can read another's value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gridseval.results import EpisodeRecord

MakeRecord = Callable[..., EpisodeRecord]


@pytest.fixture(scope="session")
def make_record() -> MakeRecord:
    def make(status: str = "success", **changed: Any) -> EpisodeRecord:
        values: dict[str, Any] = {
            "suite": "libero_goal",
            "task": 7,
            "task_name": "turn_on_the_stove",
            "trial": 3,
            "instruction": "turn on the stove",
            "status": status,
            "success": {"success": True, "failure": False, "error": None}[status],
            "steps": 118,
            "error": "the worker died" if status == "error" else None,
            "seed": 11,
            "queries": 15,
            "retries": 2,
            "wall_s": 4.25,
            "video": "videos/7-3.mp4",
            "extra": {"points": [0.5, None], "place": "Zürich"},
        }
        return EpisodeRecord(**(values | changed))

    return make


@pytest.fixture(scope="session")
def manifest() -> dict[str, Any]:
    return {
        "suite": "libero_goal",
        "policy": {"name": "oracle", "args": {"speed": 1.5, "noise": 1e-06}},
        "assets": {"identity": "libero", "hash": "0123456789abcdef" * 4},
        "episodes": 500,
        "tasks": (0, 7),
        "seed": 7,
        "workers": 2,
        "machine": {"cpu": "two cores", "gl": "osmesa"},
    }
