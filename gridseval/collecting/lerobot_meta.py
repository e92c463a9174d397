"""What LeRobot's ``meta/`` says of a dataset: features, instructions, episodes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gridseval.collecting.parquet import pyarrow
from gridseval.collecting.staging import IMAGE_KEYS
from gridseval.envs.scene import CONTROL_HZ
from gridseval.results import EpisodeRecord

INFO = "meta/info.json"
ABOUT = "meta/gridseval.json"
"""How the dataset was collected."""
FILE_MB = 100
FILES_PER_CHUNK = 1000
FILE = "chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"

_PLAIN = {
    "step": "int64",
    "success": "bool",
    "timestamp": "float32",
    **dict.fromkeys(("frame_index", "episode_index", "index", "task_index"), "int64"),
}
_STATE = ("x", "y", "z", "axis_angle1", "axis_angle2", "axis_angle3", "gripper1", "gripper2")
_ACTION = ("dx", "dy", "dz", "droll", "dpitch", "dyaw", "gripper")


@dataclass(frozen=True)
class Place:
    """Where an episode lies in a dataset.

    Attributes:
        record: The episode's.
        episode: Its number.
        task: The number of its instruction.
        first: Number of its first frame.
        length: Its frames.
        file: Number of its data file.
    """

    record: EpisodeRecord
    episode: int
    task: int
    first: int
    length: int
    file: int


def info(
    shapes: Mapping[str, tuple[int, ...]], places: Sequence[Place], replan: int
) -> dict[str, Any]:
    """Return ``meta/info.json``.

    Args:
        shapes: Of images and vectors, by feature.
        places: All episodes.
        replan: Policy steps between frames.
    """
    features: dict[str, Any] = {}
    for name, shape in shapes.items():
        is_image = name in IMAGE_KEYS.values()
        features[name] = {
            "dtype": "image" if is_image else "float32",
            "shape": shape,
            "names": ["height", "width", "channel"] if is_image else _names(name, shape[0]),
        }
    for name, kind in _PLAIN.items():
        features[name] = {"dtype": kind, "shape": (1,), "names": None}
    return {
        "codebase_version": "v3.0",
        "robot_type": "panda",
        "total_episodes": len(places),
        "total_frames": places[-1].first + places[-1].length,
        "total_tasks": 1 + max(place.task for place in places),
        "chunks_size": FILES_PER_CHUNK,
        "data_files_size_in_mb": FILE_MB,
        "video_files_size_in_mb": 200,
        "fps": CONTROL_HZ // replan,
        "splits": {"train": f"0:{len(places)}"},
        "data_path": f"data/{FILE}",
        "video_path": None,
        "features": features,
    }


def task_table(tasks: Sequence[str]) -> Any:
    """Return ``meta/tasks.parquet``: pandas must find the instruction to be its index."""
    arrow = pyarrow()
    table = arrow.table(
        {"task_index": arrow.array(range(len(tasks)), arrow.int64()), "task": arrow.array(tasks)}
    )
    kinds = {"task_index": ("int64", "int64"), "task": ("unicode", "object")}
    columns = [
        {"name": n, "field_name": n, "pandas_type": p, "numpy_type": k, "metadata": None}
        for n, (p, k) in kinds.items()
    ]
    pandas = {"index_columns": ["task"], "column_indexes": [], "columns": columns}
    return table.replace_schema_metadata({"pandas": json.dumps(pandas)})


def episode_table(places: Sequence[Place]) -> Any:
    """Return ``meta/episodes``: LeRobot's columns, and where each episode came from."""
    rows = [
        {
            "episode_index": place.episode,
            "tasks": [place.record.instruction],
            "length": place.length,
            "data/chunk_index": place.file // FILES_PER_CHUNK,
            "data/file_index": place.file % FILES_PER_CHUNK,
            "dataset_from_index": place.first,
            "dataset_to_index": place.first + place.length,
            "meta/episodes/chunk_index": 0,
            "meta/episodes/file_index": 0,
            "gridseval/suite": place.record.suite,
            "gridseval/task": place.record.task,
            "gridseval/trial": place.record.trial,
            "gridseval/success": bool(place.record.success),
            "gridseval/steps": place.record.steps,
        }
        for place in places
    ]
    return pyarrow().Table.from_pylist(rows)


def _names(feature: str, length: int) -> list[str]:
    if feature == "observation.state":
        return list(_STATE)
    steps = range(length // len(_ACTION))
    return list(_ACTION) if feature == "action" else [f"{a}_{h}" for h in steps for a in _ACTION]
