"""Parquet files, through pyarrow, which only collecting and training need."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from gridseval.errors import MachineError
from gridseval.os_errors import RUN_HINTS, os_errors


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
            pyarrow().parquet.write_table(table, part)
            part.replace(path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
