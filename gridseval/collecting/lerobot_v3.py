"""Writes collected episodes as a LeRobot dataset, format v3.0.

A frame is a query: what the policy saw, the first action that was executed, and the chunk that the
labelling policy chose. The layout is LeRobot 0.4's to 0.6's (``codebase_version`` v3.0): several
episodes per file of ``data/``, a row per episode in ``meta/episodes/``.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridseval.collecting.feature_statistics import FeatureStatistics
from gridseval.collecting.lerobot_meta import (
    ABOUT,
    FILE,
    FILE_MB,
    FILES_PER_CHUNK,
    INFO,
    Place,
    episode_table,
    info,
    task_table,
)
from gridseval.collecting.parquet import pyarrow, write_whole
from gridseval.collecting.staging import IMAGE_KEYS, decoded, read_staged, staged_path
from gridseval.envs.scene import CONTROL_HZ
from gridseval.files import write_atomically
from gridseval.os_errors import RUN_HINTS, os_errors
from gridseval.results import EpisodeRecord
from gridseval.run_names import EPISODES


def write_dataset(
    root: Path,
    staged: Path,
    records: Sequence[EpisodeRecord],
    replan: int,
    about: Mapping[str, Any],
) -> None:
    """Write the dataset of some staged episodes; an interrupted one is written anew.

    Args:
        root: Its folder.
        staged: Folder of the episodes' files.
        records: Of the episodes, in the dataset's order, at least one.
        replan: Policy steps between frames.
        about: What else ``meta/gridseval.json`` says, of plain values.

    Raises:
        OutputError: A file cannot be read or written.
    """
    with os_errors(f"cannot write {root}", hint=RUN_HINTS):
        for name in ("data", "meta"):
            if (root / name).exists():
                shutil.rmtree(root / name)
    tasks = list(dict.fromkeys(record.instruction for record in records))
    statistics = FeatureStatistics()
    places, shapes = _write_data(root, staged, records, tasks, replan, statistics)
    write_whole(root / "meta/tasks.parquet", task_table(tasks))
    episodes = FILE.format(chunk_index=0, file_index=0)
    write_whole(root / "meta/episodes" / episodes, episode_table(places))
    _write_json(root / "meta/stats.json", statistics.table())
    _write_json(root / ABOUT, {**about, "replan": replan})
    # Last, for it says that the dataset is whole.
    _write_json(root / INFO, info(shapes, places, replan))


def _write_data(
    root: Path,
    staged: Path,
    records: Sequence[EpisodeRecord],
    tasks: Sequence[str],
    replan: int,
    statistics: FeatureStatistics,
) -> tuple[list[Place], dict[str, tuple[int, ...]]]:
    arrow = pyarrow()
    places: list[Place] = []
    shapes: dict[str, tuple[int, ...]] = {}
    writer, file, first = None, 0, 0
    try:
        for number, record in enumerate(records):
            path = staged_path(staged, record.suite, record.task, record.trial)
            rows = read_staged(
                path, f"delete its line in {root / EPISODES}, then run the command again"
            )
            path = (
                root
                / "data"
                / FILE.format(
                    chunk_index=file // FILES_PER_CHUNK, file_index=file % FILES_PER_CHUNK
                )
            )
            place = Place(
                record, number, tasks.index(record.instruction), first, rows.num_rows, file
            )
            table = _frames(rows, place, replan)
            with os_errors(f"cannot write {path}", hint=RUN_HINTS):
                if writer is None:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    writer = arrow.parquet.ParquetWriter(
                        path, _with_metadata(table.schema), write_page_checksum=True
                    )
                writer.write_table(table.cast(_with_metadata(table.schema)))
                if path.stat().st_size > FILE_MB * 1e6:
                    writer.close()
                    writer, file = None, file + 1
            places.append(place)
            first += rows.num_rows
            shapes = shapes or _shapes(rows)
            _count(statistics, table)
    finally:
        if writer is not None:
            with os_errors(f"cannot write {root}", hint=RUN_HINTS):
                writer.close()
    return places, shapes


def _frames(rows: Any, place: Place, replan: int) -> Any:
    """Return an episode's frames with the columns that every LeRobot dataset has."""
    arrow, length = pyarrow(), place.length
    steps = rows["step"].to_numpy()
    success = np.full(length, bool(place.record.success))
    columns = {name: rows[name] for name in rows.column_names if name != "step"}
    columns |= {
        "step": arrow.array(steps, arrow.int64()),
        "success": arrow.array(success),
        "timestamp": arrow.array((np.arange(length) * replan / CONTROL_HZ).astype(np.float32)),
        "frame_index": arrow.array(np.arange(length), arrow.int64()),
        "episode_index": arrow.array(np.full(length, place.episode), arrow.int64()),
        "index": arrow.array(np.arange(length) + place.first, arrow.int64()),
        "task_index": arrow.array(np.full(length, place.task), arrow.int64()),
    }
    return arrow.table(columns)


def _with_metadata(schema: Any) -> Any:
    """Return a schema that tells Hugging Face's ``datasets`` which columns are images."""
    features: dict[str, Any] = {}
    for field in schema:
        if field.name in IMAGE_KEYS.values():
            features[field.name] = {"_type": "Image"}
        elif str(field.type).startswith("fixed_size_list"):
            value = {"dtype": "float32", "_type": "Value"}
            features[field.name] = {
                "feature": value,
                "length": field.type.list_size,
                "_type": "Sequence",
            }
        else:
            names = {"float": "float32", "double": "float64"}
            kind = names.get(str(field.type), str(field.type))
            features[field.name] = {"dtype": kind, "_type": "Value"}
    return schema.with_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def _count(statistics: FeatureStatistics, table: Any) -> None:
    numbers: dict[str, NDArray[Any]] = {}
    for name in table.column_names:
        if name not in IMAGE_KEYS.values():
            numbers[name] = np.array(table[name].to_pylist())
    images = {
        name: [row["bytes"] for row in table[name].to_pylist()] for name in IMAGE_KEYS.values()
    }
    statistics.add(numbers, images)


def _shapes(rows: Any) -> dict[str, tuple[int, ...]]:
    """Return the shape of each feature that is not a plain number."""
    found: dict[str, tuple[int, ...]] = {}
    for name in IMAGE_KEYS.values():
        found[name] = decoded(rows[name][0].as_py()["bytes"]).shape
    for name in ("observation.state", "action", "label"):
        found[name] = (rows.schema.field(name).type.list_size,)
    return found


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    write_atomically(path, json.dumps(content, indent=2) + "\n")
