"""Reads datasets of ``gridseval collect``: LeRobot's format v3.0 with images in parquet."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridseval.collecting.lerobot_meta import INFO
from gridseval.collecting.staging import IMAGE_KEYS
from gridseval.config import read_yaml
from gridseval.errors import GridsevalError, UsageError
from gridseval.os_errors import os_errors
from gridseval.plain_files import read_json
from gridseval.policies.nano.config import ACTION, STATE
from gridseval.run_names import MANIFEST
from gridseval.training.tables import AGAIN, numbers, read_table

_VECTORS = {"observation.state": STATE, "label": ACTION}


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
        origins: Suite and index of each task in it; empty for datasets of other programs.
        replan: Policy steps between frames; ``None`` for datasets of other programs.
        env_seed: The simulator's; ``None`` for datasets of other programs.
        assets: Hash of the assets; ``None`` for datasets of other programs.
    """

    path: Path
    sha256: str
    files: tuple[Path, ...]
    states: NDArray[np.float32]
    labels: NDArray[np.float32]
    episodes: NDArray[np.int64]
    instructions: tuple[str, ...]
    origins: tuple[tuple[str, int], ...]
    replan: int | None
    env_seed: int | None
    assets: str | None

    @property
    def frames(self) -> int:
        """Samples N."""
        return len(self.states)

    def describe(self) -> dict[str, Any]:
        """Return what ``train.yaml`` says about it, of plain values."""
        return {
            "path": str(self.path),
            "sha256": self.sha256,
            "frames": self.frames,
            "episodes": len(np.unique(self.episodes)),
            "tasks": [f"{suite}:{task}" for suite, task in self.origins],
            "env_seed": self.env_seed,
            "assets": self.assets,
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
    _check_features(path, info, cameras, chunk)
    files = tuple(sorted(path.glob("data/*/*.parquet")))
    columns = {name: [] for name in (*_VECTORS, "episode_index", "task_index")}  # type: ignore[var-annotated]
    for file in files:
        table = read_table(file, list(columns))
        for name in columns:
            columns[name].append(numbers(file, table[name], name))
    found = sum(map(len, columns["task_index"]))
    if not files or found != info.get("total_frames"):
        raise _damaged(path, f"it has {found} frames, {INFO} says {info.get('total_frames')}")
    joined = {name: np.concatenate(parts) for name, parts in columns.items()}
    for name in _VECTORS:
        if not np.isfinite(joined[name]).all():
            raise _damaged(path, f"{name} has values that are not finite")
    texts = _instructions(path)
    manifest = _manifest(path)
    return Dataset(
        path=path,
        sha256=_hash(path, files),
        files=files,
        states=joined["observation.state"].astype(np.float32),
        labels=joined["label"].reshape(found, -1, ACTION)[:, :chunk].astype(np.float32),
        episodes=joined["episode_index"],
        instructions=tuple(_instruction(path, texts, int(task)) for task in joined["task_index"]),
        origins=_origins(path),
        replan=manifest.get("replan"),
        env_seed=manifest.get("env_seed"),
        assets=_assets(manifest),
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
    except ValueError as error:
        raise _damaged(path, f"{INFO} is not JSON") from error
    if not isinstance(info, dict) or not isinstance(info.get("features"), dict):
        raise _damaged(path, f"{INFO} does not name features")
    if info.get("codebase_version") != "v3.0":
        raise UsageError(
            f"{path} is a dataset of version {info.get('codebase_version')!r}, not 'v3.0'",
            "make it with gridseval collect",
        )
    return info


def _check_features(path: Path, info: dict[str, Any], cameras: Sequence[str], chunk: int) -> None:
    features = info["features"]
    for camera in cameras:
        if features.get(IMAGE_KEYS[camera], {}).get("dtype") != "image":
            has = [name for name in features if "image" in name] or ["none"]
            raise UsageError(
                f"{path} has no images {IMAGE_KEYS[camera]}, which nano looks at; it has "
                f"{', '.join(has)}",
                "make it with gridseval collect",
            )
    for name, width in _VECTORS.items():
        if name not in features:
            raise UsageError(f"{path} has no {name}", "make it with gridseval collect")
        (length,) = features[name].get("shape", [0])
        if length % width or not length:
            raise UsageError(f"{path}: {name} has {length} numbers, not a multiple of {width}")
    actions = features["label"]["shape"][0] // ACTION
    if actions < chunk:
        raise UsageError(
            f"{path}: labels have {actions} actions, the model's chunk has {chunk}",
            "give a --shape with a shorter chunk",
        )


def _instructions(path: Path) -> dict[int, str]:
    rows = read_table(path / "meta/tasks.parquet", ["task_index", "task"]).to_pylist()
    return {row["task_index"]: row["task"] for row in rows}


def _instruction(path: Path, texts: dict[int, str], task: int) -> str:
    if task not in texts:
        raise _damaged(path, f"meta/tasks.parquet has no task {task}")
    return texts[task]


def _origins(path: Path) -> tuple[tuple[str, int], ...]:
    names = ["gridseval/suite", "gridseval/task"]
    found = set()
    for file in sorted(path.glob("meta/episodes/*/*.parquet")):
        try:
            rows = read_table(file, names).to_pylist()
        except UsageError:
            return ()
        found |= {tuple(row.get(name) for name in names) for row in rows}
    return tuple(sorted((str(s), int(t)) for s, t in found if s is not None and t is not None))


def _assets(manifest: dict[str, Any]) -> str | None:
    assets = manifest.get("assets")
    return assets.get("hash") if isinstance(assets, dict) else None


def _manifest(path: Path) -> dict[str, Any]:
    """Return how the dataset was collected, as far as it says so."""
    found: dict[str, Any] = {}
    for name in (MANIFEST, "meta/gridseval.json"):  # JSON is YAML, too; the later one is copied
        try:
            said = read_yaml(path / name)
        except GridsevalError:
            continue
        found |= said if isinstance(said, dict) else {}
    return found


def _hash(path: Path, files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for file in (path / INFO, path / "meta/tasks.parquet", *files):
        digest.update(file.relative_to(path).as_posix().encode())
        with os_errors(f"cannot read {file}", UsageError), file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
