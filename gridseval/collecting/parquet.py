"""Parquet files, through pyarrow, which only collecting and training need."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

from gridseval.errors import MachineError, OutputError
from gridseval.os_errors import RUN_HINTS, os_errors
from gridseval.plain_files import check_regular

_MOST_ROWS = 10_000_000
_MOST_BYTES = 8_000_000_000
"""What one file of a dataset holds at most, unpacked; LeRobot's have some 100 MB."""


def pyarrow() -> Any:
    """Return the module ``pyarrow`` with its part ``parquet``.

    Raises:
        MachineError: It is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MachineError(
            "datasets need pyarrow, which is not installed", "pip install 'gridseval[train]'"
        ) from error
    return pyarrow


def write_whole(path: Path, table: Any) -> None:
    """Write a table so that the file is there whole or not at all.

    Raises:
        OutputError: It cannot be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        with os_errors(f"cannot write {path}", hint=RUN_HINTS):
            path.parent.mkdir(parents=True, exist_ok=True)
            pyarrow().parquet.write_table(table, part, write_page_checksum=True)
            with part.open("rb") as written:
                os.fsync(written.fileno())
            part.replace(path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def check_table(path: Path) -> None:
    """Look at what a parquet file claims before memory is laid out for it.

    Raises:
        OSError: It cannot be read.
        ArrowException: It is not a parquet file.
        ValueError: It is not a regular file, or claims more than a dataset's file has.
    """
    check_regular(path)
    with pyarrow().parquet.ParquetFile(path) as file:
        claims = file.metadata
        groups = (claims.row_group(number) for number in range(claims.num_row_groups))
        size = sum(group.total_byte_size for group in groups)
    if not 0 <= claims.num_rows <= _MOST_ROWS or not 0 <= size <= _MOST_BYTES:
        raise ValueError(f"it claims {claims.num_rows} rows and {size / 1e9:.3g} GB")


def read_table(path: Path, hint: str) -> Any:
    """Return a table whose bytes are those that were written.

    Args:
        path: The file.
        hint: What to do where it is not there or damaged.

    Raises:
        OutputError: It cannot be read, or is damaged.
    """
    arrow = pyarrow()
    with os_errors(f"cannot read {path}", hint=hint):
        try:
            check_table(path)
            return arrow.parquet.read_table(path, page_checksum_verification=True)
        except (arrow.ArrowException, ValueError) as error:
            raise OutputError(f"cannot read {path}: {error}", hint) from error
