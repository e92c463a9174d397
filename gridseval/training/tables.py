"""Columns of a dataset's parquet files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridseval.collecting.parquet import pyarrow
from gridseval.collecting.staging import IMAGE_KEYS
from gridseval.errors import UsageError
from gridseval.os_errors import os_errors

AGAIN = "collect it again, or copy it again if it was copied"


def read_table(file: Path, columns: Sequence[str]) -> Any:
    """Return some columns of a parquet file.

    Raises:
        UsageError: It cannot be read, is damaged, or has no such column.
    """
    arrow = pyarrow()
    with os_errors(f"cannot read {file}", UsageError, AGAIN):
        try:
            return arrow.parquet.read_table(
                file, columns=list(columns), page_checksum_verification=True
            )
        except (arrow.ArrowInvalid, arrow.ArrowKeyError, arrow.ArrowNotImplementedError) as error:
            reason = str(error).splitlines()[0]
            raise UsageError(f"cannot read {file}: {reason}", AGAIN) from error


def read_pngs(file: Path, camera: str) -> Iterator[bytes]:
    """Yield a camera's images as they lie in a parquet file.

    Raises:
        UsageError: As for :func:`read_table`.
    """
    name = IMAGE_KEYS[camera]
    for chunk in read_table(file, [name])[name].chunks:
        for value in chunk:
            yield (value.as_py() or {}).get("bytes") or b""


def numbers(file: Path, column: Any, name: str) -> NDArray[Any]:
    """Return a column as an array (N,), or (N, width) of vectors.

    Args:
        file: For errors.
        column: Of :func:`read_table`.
        name: For errors.

    Raises:
        UsageError: It has missing values.
    """
    if column.null_count:
        raise UsageError(f"{file}: {name} has missing values", AGAIN)
    if not str(column.type).startswith("fixed_size_list"):
        return np.asarray(column.to_numpy())
    width = column.type.list_size
    parts = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks]
    return np.concatenate(parts).reshape(-1, width) if parts else np.zeros((0, width))
