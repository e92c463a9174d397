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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

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
    reading = os_errors(f"cannot read {path}", hint=RUN_HINTS)
    with reading, path.open("rb") as file, _without_collector():
        return _parsed(_blocks(iter(lambda: file.read(_BLOCK_BYTES), b"")), path)


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
    return _parsed(_blocks(iter([data])), path)


class _Block(NamedTuple):
    """Lines that are decoded together: their keys are then one string each, not one per line."""

    lines: list[bytes]
    is_last: bool


def _blocks(chunks: Iterator[bytes]) -> Iterator[_Block]:
    """Cut a file into lines, each with its line feed if it has one."""
    rest, held = b"", None
    for chunk in chunks:
        whole, feed, rest = (rest + chunk).rpartition(b"\n")
        if feed:
            if held is not None:
                yield _Block(held, False)
            # splitlines would end lines at CR, too
            held = [line + b"\n" for line in whole.split(b"\n")]
    if held is not None:
        yield _Block(held, not rest)
    if rest:
        yield _Block([rest], True)


def _parsed(blocks: Iterator[_Block], path: Path) -> EpisodeLog:
    records: dict[EpisodeKey, EpisodeRecord] = {}
    texts: dict[str, str] = {}
    number, whole_bytes, torn, ended = 0, 0, b"", True
    for block in blocks:
        decoded = _together(block.lines)
        for index, line in enumerate(block.lines):
            number += 1
            try:
                value = _alone(line) if decoded is None else decoded[index]
            except ValueError as error:
                last = block.is_last and index == len(block.lines) - 1
                if last and line.replace(b"\0", b"").count(_KEY) <= 1:
                    torn = line
                    break
                raise _broken(path, number, line, error) from error
            try:
                record = record_from_json(_shared(value, texts))
            except ValueError as error:
                raise OutputError(f"{path}, line {number}: {error}") from error
            key = record.key
            earlier = records.get(key)
            if earlier is None or earlier.status == "error":
                records.pop(key, None)
                records[key] = record
            whole_bytes += len(line)
            ended = line.endswith(b"\n")
    return EpisodeLog(tuple(records.values()), whole_bytes, torn, ended)


def _together(lines: Sequence[bytes]) -> list[Any] | None:
    """Return what lines say, decoded at once; ``None`` where they must be looked at one by one."""
    if len(lines) > _TOGETHER:
        parts = [_together(lines[at : at + _TOGETHER]) for at in range(0, len(lines), _TOGETHER)]
        return None if None in parts else [value for part in parts if part for value in part]
    joined = _BETWEEN.join(lines)
    digits = joined.translate(_DIGITS)
    if any(sign in digits for sign in _HUGE):  # such numbers are read with checks, which are slow
        return None
    try:
        values = _DECODER.decode(f"[{joined.decode('utf-8')}]")
    except (ValueError, RecursionError):
        return None
    # Two broken lines may make one whole value, which the zeros between lines tell.
    fits = len(values) == 2 * len(lines) - 1 and not any(values[1::2])
    return values[::2] if fits else None


def _alone(line: bytes) -> Any:
    digits = line.translate(_DIGITS)
    return _decode(line, _CAREFUL if any(sign in digits for sign in _HUGE) else _DECODER)


def _shared(value: Any, texts: dict[str, str]) -> Any:
    """Let records have their repeated texts in common: a task's name stands in thousands."""
    if not isinstance(value, dict):
        return value
    inner = value.get("extra")
    remark = inner.get("remark") if isinstance(inner, dict) else None
    for each in (value, inner, remark):
        if isinstance(each, dict):
            for key, text in each.items():
                if type(text) is str:
                    each[key] = texts.setdefault(text, text)
    return value


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
_BLOCK_BYTES = 1 << 22
_TOGETHER = 1000
_BETWEEN = b",0,"
_DIGITS = bytes.maketrans(b"123456789E", b"000000000e")
_HUGE = (b"0" * 19, b"e000", b"e+000")  # after that translation, far faster than an expression
