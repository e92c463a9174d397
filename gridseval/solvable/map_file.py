"""The file ``map.jsonl``: a row per line."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path

from gridseval.config import build
from gridseval.errors import OutputError, UsageError
from gridseval.os_errors import os_errors
from gridseval.solvable.task_map import MapRow


def write_rows(rows: Iterable[MapRow]) -> str:
    """Return rows as lines of JSON."""
    return "".join(json.dumps(dataclasses.asdict(row)) + "\n" for row in rows)


def read_map(path: Path) -> tuple[MapRow, ...]:
    """Return the rows of a ``map.jsonl``.

    Raises:
        OutputError: It cannot be read, or a line is not a row.
    """
    with os_errors(f"cannot read {path}"):
        lines = path.read_text(encoding="utf8").splitlines()
    try:
        return tuple(
            build(MapRow, json.loads(line), f"line {number}")
            for number, line in enumerate(lines, start=1)
        )
    except (ValueError, UsageError) as error:
        raise OutputError(f"{path} is not a map: {error}") from error
