"""An episode's traces on disk: JSON lines, readable by eye and by any language, never code.

    {"schema": 1, "suite": …, "task": 0, "trial": 3, "mapping": {"scale": [1, 1], "offset": [0, 0]}}
    {"step": 0, "cameras": [{"camera": "wrist", "grid": [16, 16], "kept": BITS}]}
    {"step": 10, "cameras": [{"camera": "wrist", "grid": [16, 16], "points": FLOATS}]}
    {"step": 20, "cameras": null}
    {"queries": 3}

BITS and FLOATS are those of :mod:`gridseval.tokens.trace_json`. A query of a policy with two
cameras of 256 tokens takes some 200 bytes. The last line tells a file that was cut short.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from gridseval.errors import OutputError, PolicyError
from gridseval.os_errors import RUN_HINTS, os_errors
from gridseval.tokens.mapping import ImageMapping
from gridseval.tokens.token_trace import TokenTrace
from gridseval.tokens.trace_json import pair_of, trace_from_json, trace_to_json, whole_number

SCHEMA = 1


def trace_name(suite: str, task: int, trial: int) -> str:
    """Return the name of an episode's file in a run's folder ``traces``."""
    return f"{suite}-{task}-{trial}.jsonl"


@dataclass(frozen=True)
class EpisodeTraces:
    """What a policy looked at in one episode.

    Attributes:
        suite: Name of the suite.
        task: Index of the task.
        trial: Number of the trial.
        mapping: From the model's input image to the observed frame, of both cameras.
        queries: Policy steps executed before each query, ascending, and what it looked at, or
            ``None`` where the policy does not say.
    """

    suite: str
    task: int
    trial: int
    mapping: ImageMapping
    queries: tuple[tuple[int, TokenTrace | None], ...]

    def at(self, step: int) -> TokenTrace | None:
        """Return the trace of the last query at or before a step: a trace holds until the next."""
        held = None
        for queried, trace in self.queries:
            if queried > step:
                break
            held = trace
        return held


class TraceWriter:
    """Writes an episode's traces as they come; a context manager that leaves nothing unfinished.

    Lines go to ``<name>.part``, which gets its final name by :meth:`finish`.

    Args:
        path: The file's final path; its folder exists.
        suite: Name of the suite.
        task: Index of the task.
        trial: Number of the trial.
        mapping: From the model's input image to the observed frame.

    Raises:
        OutputError: The file cannot be written; the methods raise it, too.
    """

    def __init__(
        self, path: Path, suite: str, task: int, trial: int, mapping: ImageMapping
    ) -> None:
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._file: IO[str] | None = None
        self._queries = 0
        with self._errors():
            self._file = self._part.open("w", encoding="ascii", newline="\n")
        places = {"scale": list(mapping.scale), "offset": list(mapping.offset)}
        head = {"schema": SCHEMA, "suite": suite, "task": task, "trial": trial, "mapping": places}
        self._write(head)

    def append(self, step: int, trace: TokenTrace | None) -> None:
        """Add the trace of a query made at policy step ``step``."""
        self._write({"step": step, "cameras": None if trace is None else trace_to_json(trace)})
        self._queries += 1

    def finish(self) -> Path:
        """Complete the file and return its path."""
        self._write({"queries": self._queries})
        with self._errors():
            assert self._file is not None
            self._file.close()
            self._file = None
            return self._part.replace(self._path)

    def discard(self) -> None:
        """Leave nothing; does nothing after :meth:`finish`."""
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):  # what is still buffered may find the disk full
                file.close()
            self._part.unlink(missing_ok=True)

    def __enter__(self) -> TraceWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    def _write(self, line: dict[str, Any]) -> None:
        with self._errors():
            assert self._file is not None
            self._file.write(json.dumps(line, separators=(",", ":")) + "\n")

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            with os_errors(f"cannot write {self._path}", hint=RUN_HINTS):
                yield
        except OutputError:
            self.discard()
            raise


def read_traces(path: Path) -> EpisodeTraces:
    """Read the traces of an episode.

    Raises:
        OutputError: The file cannot be read, was cut short, or is not such a file.
    """
    try:
        return _parsed(path.read_bytes().decode("ascii").splitlines())
    except OSError as error:
        raise OutputError(f"cannot read the traces {path}: {error.strerror}") from error
    # Recursion: JSON nested too deep. Overflow: numbers that do not fit a float.
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
        reason = f"no {error} given" if isinstance(error, KeyError) else str(error)
        raise OutputError(f"{path} holds no traces of an episode: {reason}") from error
    except PolicyError as error:
        raise OutputError(f"{path} holds a broken trace: {error.message}") from error


def _parsed(lines: list[str]) -> EpisodeTraces:
    if len(lines) < 2:
        raise ValueError("it was cut short")
    head, *middle, last = map(_object, lines)
    if head.get("schema") != SCHEMA:
        raise ValueError(f"schema {head.get('schema')!r} is not {SCHEMA}, which is read here")
    if last.get("queries") != len(middle):
        raise ValueError("it was cut short")
    queries = tuple(map(_query_from_json, middle))
    steps = [step for step, _ in queries]
    if steps != sorted(set(steps)):
        raise ValueError("its steps do not ascend")
    if not isinstance(head["suite"], str):
        raise ValueError(f"suite is {head['suite']!r}")
    return EpisodeTraces(
        head["suite"],
        whole_number(head["task"]),
        whole_number(head["trial"]),
        _mapping_from_json(head["mapping"]),
        queries,
    )


def _object(line: str) -> dict[str, Any]:
    value = json.loads(line)
    if not isinstance(value, dict):
        raise ValueError(f"a line is {type(value).__name__}, expected an object")
    return value


def _query_from_json(line: dict[str, Any]) -> tuple[int, TokenTrace | None]:
    step, cameras = whole_number(line["step"]), line["cameras"]
    if cameras is None:
        return step, None
    return step, trace_from_json(cameras)


def _mapping_from_json(given: Any) -> ImageMapping:
    """Return a map within what crops, resizes and paddings of images can be: drawing trusts it."""
    pairs = [tuple(float(value) for value in pair_of(given[key])) for key in ("scale", "offset")]
    scale, offset = np.abs(pairs)
    if not ((scale >= 1e-3) & (scale <= 1e3) & (offset <= 1e3)).all():
        raise ValueError(f"mapping is {given!r}")
    return ImageMapping((pairs[0][0], pairs[0][1]), (pairs[1][0], pairs[1][1]))
