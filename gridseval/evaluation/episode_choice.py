"""``--trials`` and ``--episodes``: which episodes of the chosen tasks a run is about."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gridseval.errors import UsageError
from gridseval.evaluation.config import RunConfig
from gridseval.plain_files import read_regular
from gridseval.suites import MOST_TRIALS, Episode, Suite, load_suite
from gridseval.suites.selection import parse_range

_LINE = re.compile(r"(?:(?P<suite>[^\s:]+):)?(?P<task>[0-9]{1,9}):(?P<trial>[0-9]{1,9})")
_MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class EpisodeChoice:
    """Which episodes.

    Attributes:
        trials: All trials are below this.
        numbers: Those that are run of each task, sorted; ``None`` for all below ``trials``.
        pairs: Task and trial of each episode, where a file lists them; else ``None``.
        manifest: The key ``selected`` of ``run.yaml``, or nothing.
    """

    trials: int
    numbers: tuple[int, ...] | None = None
    pairs: frozenset[tuple[int, int]] | None = None
    manifest: Mapping[str, Any] = field(default_factory=dict)

    def of(self, episodes: Sequence[Episode]) -> tuple[Episode, ...]:
        """Return those of the episodes that are chosen, in their order.

        Args:
            episodes: All of the chosen tasks, with trials below ``trials``.
        """
        pairs, numbers = self.pairs, None if self.numbers is None else frozenset(self.numbers)
        return tuple(
            each
            for each in episodes
            if (numbers is None or each.trial in numbers)
            and (pairs is None or (each.task, each.trial) in pairs)
        )


def parse_trials(text: str | int, most: int = MOST_TRIALS) -> EpisodeChoice:
    """Return what ``--trials`` says: N for the first N, or a list such as ``"0-9,20-29"``.

    Raises:
        UsageError: It has another form, runs backwards, or names a trial that no suite can have.
    """
    plain = str(text).strip()
    if re.fullmatch(r"[+-]?[0-9]{1,300}", plain):
        return EpisodeChoice(int(plain))
    numbers: set[int] = set()
    for part in plain.split(","):
        ends = parse_range(part.strip())
        if ends is None:
            raise UsageError(
                f"--trials {plain[:60]!r} is neither a number nor a list of trials",
                "write 10 for the first ten, or numbers and ranges, such as 0-9,20-29",
            )
        first, last = ends
        if first > last:
            raise UsageError(f"the range of trials {part.strip()} runs backwards")
        if last >= most:
            raise UsageError(f"there is no trial {last}: at most {most} are numbered from 0")
        numbers.update(range(first, last + 1))
    chosen = tuple(sorted(numbers))
    return EpisodeChoice(chosen[-1] + 1, chosen, manifest={"selected": {"trials": _text(chosen)}})


def read_episodes(path: Path, suite: Suite) -> EpisodeChoice:
    """Return the episodes that a file lists, one ``TASK:TRIAL`` or ``SUITE:TASK:TRIAL`` per line.

    Empty lines and those that begin with ``#`` are skipped, and so are those of other suites.

    Raises:
        UsageError: The file cannot be read, a line has another form, or none is of the suite.
    """
    try:
        lines = read_regular(path, _MOST_BYTES).decode("utf8").splitlines()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise UsageError(f"{path} is refused: {error}") from error
    pairs = set()
    for number, line in enumerate(lines, start=1):
        plain = line.strip()
        if not plain or plain.startswith("#"):
            continue
        match = _LINE.fullmatch(plain)
        if match is None:
            raise UsageError(
                f"{path}, line {number}: {plain[:60]!r} is not TASK:TRIAL",
                "gridseval compare A B --list lost writes such lines",
            )
        if match["suite"] in (None, suite.name):
            pairs.add((suite.task(int(match["task"])).index, int(match["trial"])))
    if not pairs:
        raise UsageError(f"{path} lists no episode of {suite.name}")
    listed = "".join(f"{task}:{trial}\n" for task, trial in sorted(pairs))
    digest = hashlib.sha256(listed.encode()).hexdigest()
    return EpisodeChoice(
        max(trial for _, trial in pairs) + 1,
        pairs=frozenset(pairs),
        manifest={"selected": {"episodes": len(pairs), "sha256": digest}},
    )


def with_listed_tasks(config: RunConfig) -> tuple[RunConfig, EpisodeChoice | None]:
    """Return the arguments with the tasks of ``--episodes``, and what that file lists.

    Raises:
        UsageError: The file is refused, or other options choose episodes, too.
    """
    if config.episodes is None:
        return config, None
    for option, value in (("--tasks", config.tasks), ("--trials", config.trials)):
        if value is not None:
            raise UsageError(f"--episodes names tasks and trials, and {option} is given, too")
    listed = read_episodes(config.episodes, load_suite(config.suite))
    tasks = sorted({task for task, _ in listed.pairs or ()})
    return replace(config, tasks=",".join(map(str, tasks))), listed


def _text(numbers: Sequence[int]) -> str:
    """Return sorted numbers as ranges, ``"0-9,20"``."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in parts)
