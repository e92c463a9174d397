"""Reading ``episodes.jsonl``, the only source of truth of a run.

A process that is killed while it appends leaves a last line cut short; that line is left out, and
its episode runs again. A kill cannot break any other line, so a broken one is an error. Nor does a
kill leave the pieces of two records without a line feed between them: an editor or a tool that
changed the line ends does, and what follows the last line feed is then far more than one record.
"""

from __future__ import annotations

import contextlib
import gc
import json
import math
import re
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
        torn: What follows these bytes: at most one record, and it cannot be read.
        ended: Whether the whole bytes end with a line feed, or there are none.
    """

    records: tuple[EpisodeRecord, ...]
    whole_bytes: int
    torn: bytes = b""
    ended: bool = True

    @property
    def torn_by_kill(self) -> bool:
        """Whether ``torn`` is the beginning of a record, as a kill leaves it, or empty."""
        left = self.torn.strip(_NOTHING)
        begun = left.startswith(_BEGINNING[: len(left)]) and b"\n" not in self.torn
        return not left or (begun and left.isascii() and left.decode("ascii").isprintable())


def read_records(path: Path) -> tuple[EpisodeRecord, ...]:
    """Return the records of an ``episodes.jsonl``, also while a run appends to it.

    Raises:
        OutputError: The file cannot be read, or a line other than a cut last one is not a record.
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

    A last line is cut short when it is not JSON. One that only lacks its line feed is whole.

    Args:
        data: The content.
        path: The file's name, for errors.

    Raises:
        OutputError: Another line is not JSON, the last one is not and holds several records, or a
            line is not a record or has a newer schema; names the file, the line and the reason.
    """
    records: dict[EpisodeKey, EpisodeRecord] = {}
    lines = [line + b"\n" for line in data.split(b"\n")]  # splitlines would end lines at CR, too
    lines[-1] = lines[-1][:-1]
    if not lines[-1]:
        lines.pop()
    whole_bytes, torn = len(data), b""
    # Only a file that may hold such numbers is read with checks, which take half as long again.
    decoder = _CAREFUL if _HUGE.search(data) else _DECODER
    for number, line in enumerate(lines, start=1):
        try:
            decoded = _decode(line, decoder)
        except ValueError as error:
            if number == len(lines) and line.replace(b"\0", b"").count(_KEY) <= 1:
                whole_bytes, torn = len(data) - len(line), line
                break
            raise _broken(path, number, line, error) from error
        try:
            record = record_from_json(decoded)
        except ValueError as error:
            raise OutputError(f"{path}, line {number}: {error}") from error
        earlier = records.get(record.key)
        if earlier is None or earlier.status == "error":
            records.pop(record.key, None)
            records[record.key] = record
    ended = data[:whole_bytes].endswith(b"\n") or not whole_bytes
    return EpisodeLog(tuple(records.values()), whole_bytes, torn, ended)


def _broken(path: Path, number: int, line: bytes, error: ValueError) -> OutputError:
    held = line.replace(b"\0", b"").count(_KEY)
    if held > 1:
        ends = " (its line ends are CR; they must be LF)" if b"\r" in line else ""
        return OutputError(
            f"{path}, line {number}: {held} records stand on one line{ends}",
            "gridseval ends each record with a line feed, so the file was changed: mend its lines",
        )
    return OutputError(
        f"{path}, line {number}: not valid JSON: {error}",
        "gridseval writes whole lines, so the file was changed: mend or delete the line",
    )


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


def _decode(line: bytes, decoder: json.JSONDecoder) -> Any:
    try:
        return decoder.decode(line.decode("utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None


_KEY = b'"suite"'  # once in each record
_BEGINNING = b'{"schema": '
_NOTHING = b"\0\n\r\t "


def _whole_number(text: str) -> int:
    if len(text) > 19:
        raise ValueError(f"a whole number of {len(text)} digits")
    return int(text)


def _finite_number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number that is not finite")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


# json.loads makes a new decoder per line, which is a third of the time it takes to read one.
_DECODER = json.JSONDecoder(parse_constant=_no_constant)
_CAREFUL = json.JSONDecoder(
    parse_constant=_no_constant, parse_int=_whole_number, parse_float=_finite_number
)
_HUGE = re.compile(rb"[0-9]{19}|[eE]\+?[0-9]{3}")
