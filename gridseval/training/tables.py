"""Columns of a dataset's parquet files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridseval.collecting.lerobot_meta import INFO
from gridseval.collecting.parquet import check_table, pyarrow
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
            check_table(file)
            return arrow.parquet.read_table(
                file, columns=list(columns), page_checksum_verification=True
            )
        except (arrow.ArrowException, ValueError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise UsageError(f"cannot read {file}: {reason}", AGAIN) from error


def read_pngs(file: Path, camera: str) -> Iterator[bytes]:
    """Yield a camera's images as they lie in a parquet file.

    Raises:
        UsageError: As for :func:`read_table`.
    """
    name = IMAGE_KEYS[camera]
    for chunk in read_table(file, [name])[name].chunks:
        for value in chunk:
            found = value.as_py()
            yield (found.get("bytes") if isinstance(found, dict) else None) or b""


def numbers(file: Path, column: Any, name: str, width: int | None = None) -> NDArray[Any]:
    """Return a column as an array: floats (N, width) of vectors, or whole numbers (N,).

    Args:
        file: For errors.
        column: Of :func:`read_table`.
        name: For errors.
        width: Numbers in a vector, at least 1; ``None`` for a column of whole numbers.

    Raises:
        UsageError: It has missing values, or others than these.
    """
    types = pyarrow().types
    if column.null_count:
        raise UsageError(f"{file}: {name} has missing values", AGAIN)
    if width is None:
        if not types.is_integer(column.type):
            raise UsageError(f"{file}: {name} has values that are not whole numbers", AGAIN)
        return np.asarray(column.to_numpy(), np.int64)
    if not types.is_fixed_size_list(column.type) or not types.is_floating(column.type.value_type):
        raise UsageError(f"{file}: {name} has values that are not numbers in a row", AGAIN)
    if column.type.list_size != width:
        found = column.type.list_size
        raise UsageError(
            f"{file}: {name} has {found} numbers per frame, {INFO} says {width}", AGAIN
        )
    parts = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks]
    return np.concatenate([np.zeros(0, np.float32), *parts]).reshape(-1, width)
