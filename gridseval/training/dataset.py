"""Reads datasets of ``gridseval collect``: LeRobot's format v3.0 with images in parquet."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridseval.collecting.lerobot_meta import INFO
from gridseval.collecting.staging import IMAGE_KEYS
from gridseval.errors import UsageError
from gridseval.os_errors import os_errors
from gridseval.plain_files import read_json
from gridseval.policies.nano.config import ACTION, STATE
from gridseval.training.provenance import Provenance, read_provenance
from gridseval.training.tables import AGAIN, numbers, read_table

_VECTORS = ("observation.state", "label")
_INDICES = ("episode_index", "task_index")
_TASKS = "meta/tasks.parquet"


@dataclass(frozen=True, eq=False)
class Dataset:
    """A dataset without its images.

    Attributes:
        path: Its folder.
        sha256: Hash of all files that samples are read from.
        files: Its parquet files, in order.
        states: float32 (N, 8).
        labels: float32 (N, H, 7).
        episodes: int64 (N,), ascending.
        instructions: Of each sample.
        provenance: How it was collected.
    """

    path: Path
    sha256: str
    files: tuple[Path, ...]
    states: NDArray[np.float32]
    labels: NDArray[np.float32]
    episodes: NDArray[np.int64]
    instructions: tuple[str, ...]
    provenance: Provenance

    @property
    def frames(self) -> int:
        """Samples N."""
        return len(self.states)

    def describe(self) -> dict[str, Any]:
        """Return what ``train.yaml`` says about it, of plain values."""
        origin = self.provenance
        return {
            "path": str(self.path),
            "sha256": self.sha256,
            "frames": self.frames,
            "episodes": len(np.unique(self.episodes)),
            "tasks": [f"{suite}:{task}" for suite, task in origin.tasks],
            "starts": origin.starts,
            "env_seed": origin.env_seed,
            "assets": origin.assets,
        }


def read_dataset(path: Path, cameras: Sequence[str], chunk: int) -> Dataset:
    """Read all of a dataset but its images.

    Args:
        path: The folder.
        cameras: Whose images it must have.
        chunk: Actions that a label must have at least; further ones are left out.

    Raises:
        UsageError: It is not a dataset, is damaged, or lacks what training needs.
        MachineError: ``pyarrow`` is missing.
    """
    info = _read_info(path)
    _check_cameras(path, info, cameras)
    widths = {name: _width(path, info, name) for name in _VECTORS}
    _check_widths(path, widths, chunk)
    files = tuple(sorted(path.glob("data/*/*.parquet")))
    columns: dict[str, list[NDArray[Any]]] = {name: [] for name in (*_VECTORS, *_INDICES)}
    for file in files:
        table = read_table(file, list(columns))
        for name, parts in columns.items():
            parts.append(numbers(file, table[name], name, widths.get(name)))
    found = sum(map(len, columns["task_index"]))
    if not found or found != info.get("total_frames"):
        raise _damaged(path, f"it has {found} frames, {INFO} says {info.get('total_frames')}")
    joined = {name: np.concatenate(parts) for name, parts in columns.items()}
    for name in _VECTORS:
        if not np.isfinite(joined[name]).all():
            raise _damaged(path, f"{name} has values that are not finite")
    texts = _instructions(path)
    provenance = read_provenance(path)
    provenance.check_labels(path)
    return Dataset(
        path=path,
        sha256=_hash(path, files),
        files=files,
        states=joined["observation.state"].astype(np.float32),
        labels=joined["label"].reshape(found, -1, ACTION)[:, :chunk].astype(np.float32),
        episodes=joined["episode_index"],
        instructions=tuple(_instruction(path, texts, int(task)) for task in joined["task_index"]),
        provenance=provenance,
    )


def _damaged(path: Path, reason: str) -> UsageError:
    return UsageError(f"the dataset {path} is damaged: {reason}", AGAIN)


def _read_info(path: Path) -> dict[str, Any]:
    try:
        info = read_json(path / INFO)
    except OSError as error:
        raise UsageError(
            f"{path} is not a dataset: cannot read {INFO}: {error.strerror}",
            "a dataset is a folder of gridseval collect; an interrupted one is not whole yet",
        ) from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"{INFO} is not JSON") from error
    if not isinstance(info, dict) or not isinstance(info.get("features"), dict):
        raise _damaged(path, f"{INFO} does not name features")
    if info.get("codebase_version") != "v3.0":
        raise UsageError(
            f"{path} is a dataset of version {info.get('codebase_version')!r}, not 'v3.0'",
            "make it with gridseval collect",
        )
    return info


def _check_cameras(path: Path, info: dict[str, Any], cameras: Sequence[str]) -> None:
    features = info["features"]
    for camera in cameras:
        feature = features.get(IMAGE_KEYS[camera])
        if not isinstance(feature, dict) or feature.get("dtype") != "image":
            has = [name for name in features if "image" in name] or ["none"]
            raise UsageError(
                f"{path} has no images {IMAGE_KEYS[camera]}, which nano looks at; it has "
                f"{', '.join(has)}",
                "make it with gridseval collect",
            )


def _width(path: Path, info: dict[str, Any], name: str) -> int:
    """Return how many numbers a frame has of a feature."""
    if name not in info["features"]:
        raise UsageError(f"{path} has no {name}", "make it with gridseval collect")
    feature = info["features"][name]
    shape = feature.get("shape") if isinstance(feature, dict) else None
    if not isinstance(shape, list) or len(shape) != 1 or type(shape[0]) is not int:
        raise _damaged(path, f"{INFO} does not describe {name}")
    return shape[0]


def _check_widths(path: Path, widths: Mapping[str, int], chunk: int) -> None:
    state, label = widths["observation.state"], widths["label"]
    if state != STATE:
        raise UsageError(f"{path}: observation.state has {state} numbers, not {STATE}")
    if label % ACTION or label < ACTION:
        raise UsageError(f"{path}: label has {label} numbers, not a multiple of {ACTION}")
    if label // ACTION < chunk:
        raise UsageError(
            f"{path}: labels have {label // ACTION} actions, the model's chunk has {chunk}",
            "give a --shape with a shorter chunk",
        )


def _instructions(path: Path) -> dict[int, str]:
    table = read_table(path / _TASKS, ["task_index", "task"])
    try:
        rows = table.to_pylist()
    except UnicodeDecodeError as error:
        raise _damaged(path, f"{_TASKS} has an instruction that is not UTF-8 text") from error
    return {row["task_index"]: row["task"] for row in rows if isinstance(row["task"], str)}


def _instruction(path: Path, texts: dict[int, str], task: int) -> str:
    if task not in texts:
        raise _damaged(path, f"{_TASKS} has no task {task}")
    return texts[task]


def _hash(path: Path, files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for file in (path / INFO, path / _TASKS, *files):
        digest.update(file.relative_to(path).as_posix().encode())
        with os_errors(f"cannot read {file}", UsageError), file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
