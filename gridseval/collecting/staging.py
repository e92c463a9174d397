"""Episodes that were collected and are not in the dataset's files yet, one file each."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gridseval.collecting.parquet import pyarrow, read_table, write_whole
from gridseval.collecting.recorder import IMAGES, Sample
from gridseval.errors import OutputError
from gridseval.suites import Episode

IMAGE_KEYS = {key: f"observation.images.{key}" for key in IMAGES}
"""A camera's name in the dataset."""
_COLUMNS = ("step", *IMAGE_KEYS.values(), "observation.state", "action", "label")


def staged_path(folder: Path, suite: str, task: int, trial: int) -> Path:
    """Return where an episode is kept until the dataset is written."""
    return folder / f"{suite}-{task}-{trial}.parquet"


def stage(folder: Path, episode: Episode, samples: Sequence[Sample]) -> Path:
    """Write an episode's samples, whole or not at all.

    Args:
        folder: Where.
        episode: Which.
        samples: In order, at least one.

    Raises:
        OutputError: The file cannot be written.
    """
    arrow = pyarrow()
    columns: dict[str, Any] = {"step": arrow.array([each.step for each in samples], arrow.int64())}
    for key, name in IMAGE_KEYS.items():
        pngs = [_png(getattr(each, key)) for each in samples]
        rows = [{"bytes": png, "path": None} for png in pngs]
        kind = arrow.struct([("bytes", arrow.binary()), ("path", arrow.string())])
        columns[name] = arrow.array(rows, kind)
    columns["observation.state"] = vectors([each.state for each in samples])
    columns["action"] = vectors([each.executed[0] for each in samples])
    columns["label"] = vectors([each.label.ravel() for each in samples])
    path = staged_path(folder, episode.suite, episode.task, episode.trial)
    write_whole(path, arrow.table(columns))
    return path


def read_staged(path: Path, hint: str) -> Any:
    """Return an episode's samples as a table.

    Args:
        path: Its file.
        hint: What to do where it is not there or damaged.

    Raises:
        OutputError: It cannot be read, or is damaged.
    """
    table = read_table(path, hint)
    if tuple(table.column_names) != _COLUMNS:  # checksums are of pages, names lie outside
        raise OutputError(f"cannot read {path}: its columns are damaged", hint)
    return table


def vectors(rows: Sequence[NDArray[np.float32]]) -> Any:
    """Return equally long vectors as a column, float32."""
    arrow = pyarrow()
    flat = np.concatenate([np.asarray(row, np.float32) for row in rows])
    return arrow.FixedSizeListArray.from_arrays(arrow.array(flat), len(rows[0]))


def decoded(png: bytes) -> NDArray[np.uint8]:
    """Return an image, uint8 (height, width, 3)."""
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB"))


def _png(image: NDArray[np.uint8]) -> bytes:
    held = io.BytesIO()
    Image.fromarray(image).save(held, "PNG", compress_level=3)
    return held.getvalue()
