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
        content = path.read_bytes()
    rows: dict[tuple[str, int], MapRow] = {}
    try:
        for number, line in enumerate(content.decode("utf8").splitlines(), start=1):
            row = build(MapRow, json.loads(line, parse_constant=_refuse), f"line {number}")
            if (row.suite, row.task) in rows:
                raise ValueError(f"line {number}: {row.suite} task {row.task} is there twice")
            rows[row.suite, row.task] = row
    except (ValueError, RecursionError, UsageError) as error:
        raise OutputError(f"{path} is not a map: {error}") from error
    return tuple(rows.values())


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is not a number")
