"""Reading ``episodes.jsonl``, the only source of truth of a run.

A process that is killed while it appends leaves a last line cut short; that line is left out, and
its episode is simply run again. A broken line anywhere else is nobody's kill, so it is an error.
"""

from __future__ import annotations

import contextlib
import gc
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from gridseval.errors import OutputError
from gridseval.os_errors import RUN_HINTS, os_errors
from gridseval.results.run.record import EpisodeKey, EpisodeRecord, record_from_json


@dataclass(frozen=True)
class EpisodeLog:
    """What an ``episodes.jsonl`` holds.

    Args:
        records: One per episode, in the order in which they finished; a later
            one with the same key replaces an error, else the first one stays.
        whole_bytes: Length of the file without a last line that was cut short.
    """

    records: tuple[EpisodeRecord, ...]
    whole_bytes: int


def read_records(path: Path) -> tuple[EpisodeRecord, ...]:
    """Return the records of an ``episodes.jsonl``, also while a run appends to it.

    Raises:
        OutputError: The file cannot be read, or a line other than a cut last one is no record.
    """
    return read_log(path).records


def read_log(path: Path) -> EpisodeLog:
    """Read an ``episodes.jsonl``; see ``parse_log``."""
    with os_errors(f"cannot read {path}", hint=RUN_HINTS):
        data = path.read_bytes()
    with _without_collector():
        return parse_log(data, path)


def parse_log(data: bytes, path: Path) -> EpisodeLog:
    """Parse the content of an ``episodes.jsonl``.

    A last line is cut short when its line feed is missing or when it is not JSON.

    Args:
        data: The content.
        path: The file's name, for errors.

    Raises:
        OutputError: Another line is not JSON, or a line is no record or one of a newer schema;
            names the file, the line and the reason.
    """
    records: dict[EpisodeKey, EpisodeRecord] = {}
    *lines, rest = data.split(b"\n")
    whole_bytes = len(data) - len(rest)
    for number, line in enumerate(lines, start=1):
        try:
            decoded = _decode(line)
        except ValueError as error:
            if number == len(lines) and not rest:
                whole_bytes -= len(line) + 1
                break
            raise OutputError(
                f"{path}, line {number}: not valid JSON: {error}",
                "gridseval writes whole lines, so the file was changed: mend or delete the line",
            ) from error
        try:
            record = record_from_json(decoded)
        except ValueError as error:
            raise OutputError(f"{path}, line {number}: {error}") from error
        earlier = records.get(record.key)
        if earlier is None or earlier.status == "error":
            records.pop(record.key, None)
            records[record.key] = record
    return EpisodeLog(tuple(records.values()), whole_bytes)


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """Stop looking for cycles: records have none, and the search takes a third of the reading."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _decode(line: bytes) -> Any:
    try:
        return _DECODER.decode(line.decode("utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


# json.loads makes a new decoder per line, which is a third of the time it takes to read one.
_DECODER = json.JSONDecoder(parse_constant=_no_constant)
