"""What a finished run recorded of its episodes: enough to see them again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridseval.errors import OutputError, UsageError
from gridseval.evaluation.missing import says_what_was_kept
from gridseval.results.run.reading import Run
from gridseval.results.run.record import EpisodeRecord
from gridseval.results.run.several_suites import of_suite, suites_of
from gridseval.results.run.trajectories import actions_of, read_actions
from gridseval.run_names import TRACES
from gridseval.suites import Suite, select_tasks
from gridseval.tokens.trace_file import EpisodeTraces, read_traces, trace_name


@dataclass(frozen=True)
class RecordedEpisode:
    """One episode, as far as it was recorded.

    Attributes:
        record: Its line.
        actions: The file with its executed actions.
        traces: The file with its traces, or ``None`` if the policy gave none.
    """

    record: EpisodeRecord
    actions: Path
    traces: Path | None

    def read_actions(self) -> NDArray[Any]:
        """Return the executed actions, float32 (steps, 7).

        Raises:
            OutputError: The file does not hold them.
        """
        actions = read_actions(self.actions)
        if actions.shape != (self.record.steps, 7) or not np.isfinite(actions).all():
            raise OutputError(
                f"{self.actions} does not hold the {self.record.steps} actions of "
                f"{name_of(self.record)}"
            )
        return actions

    def read_traces(self) -> EpisodeTraces | None:
        """Return what the policy looked at.

        Raises:
            OutputError: The file does not hold this episode's traces.
        """
        if self.traces is None:
            return None
        traces = read_traces(self.traces)
        if (traces.suite, traces.task, traces.trial) != self.record.key:
            raise OutputError(f"{self.traces} is of another episode")
        return traces


def parts_of(run: Run, named: Sequence[str]) -> Iterator[tuple[Run, tuple[str, ...]]]:
    """Yield the suites of a run, each as a run of one suite, and the episodes named of it.

    Args:
        run: The run.
        named: Texts ``TASK:TRIAL``; of a run of several suites, ``SUITE:TASK:TRIAL``. Suites of
            which none is named are left out, if there are any.

    Raises:
        UsageError: A text does not name a suite of several.
    """
    suites = suites_of(run.manifest)
    if len(suites) < 2:
        yield run, tuple(named)
        return
    by_suite: dict[str, list[str]] = {}
    for text in named:
        suite, _, rest = text.partition(":")
        if suite not in suites:
            raise UsageError(
                f"--episode {text!r} names none of the run's suites: {', '.join(suites)}",
                f"for example {suites[0]}:0:3",
            )
        by_suite.setdefault(suite, []).append(rest)
    for suite in by_suite or suites:
        records = tuple(record for record in run.records if record.suite == suite)
        part = replace(run, manifest=of_suite(run.manifest, suite), records=records)
        yield part, tuple(by_suite.get(suite, ()))


def choose_records(
    run: Run, suite: Suite, named: Sequence[str], tasks: str | None, trials: int | None
) -> tuple[EpisodeRecord, ...]:
    """Return the records of the episodes that a user names.

    Args:
        run: The run.
        suite: Its suite.
        named: Texts ``TASK:TRIAL``, the task by index or name.
        tasks: Indices, ranges and names, or ``None`` for all.
        trials: Number of trials per task, from trial 0 on, or ``None`` for the first that was run.

    Raises:
        UsageError: There is no such task or trial in the run, or both kinds of naming are used.
    """
    records = {record.key: record for record in run.records}
    if named and (tasks is not None or trials is not None):
        raise UsageError("--episode names episodes already: leave --tasks and --trials out")
    if named:
        return tuple(_named(records, suite, text) for text in named)
    if trials is not None and trials < 1:
        raise UsageError(f"--trials must be at least 1, not {trials}")
    chosen = []
    for task in select_tasks(suite, tasks):
        ran = sorted(key[2] for key in records if key[:2] == (suite.name, task.index))
        wanted = ran[:1] if trials is None else [trial for trial in ran if trial < trials]
        chosen += [records[suite.name, task.index, trial] for trial in wanted]
    if not chosen:
        which = "episode" if tasks is None else f"episode of the tasks {tasks}"
        raise UsageError(f"{run.paths[0]} has no {which}", _what_ran(records, suite))
    return tuple(chosen)


def find_recorded(run: Run, record: EpisodeRecord) -> RecordedEpisode:
    """Return the files of an episode.

    Raises:
        OutputError: Its actions were not recorded, or its traces were and are gone.
    """
    actions = actions_of(run, record.key)
    if actions is None:
        raise OutputError(
            f"{run.paths[0]} holds no recorded actions of {name_of(record)}, so that it cannot be "
            "played again",
            "runs keep them with --record-actions, or when the policy returns traces",
        )
    files = (path / TRACES / trace_name(*record.key) for path in run.paths)
    traces = next((file for file in files if file.is_file()), None)
    if traces is None and says_what_was_kept(record):
        raise OutputError(
            f"the traces of {name_of(record)} are missing: {run.paths[0] / TRACES} does not hold "
            f"{trace_name(*record.key)}",
            f"copy the run's folder {TRACES}, too",
        )
    return RecordedEpisode(record, actions, traces)


def name_of(record: EpisodeRecord) -> str:
    """Return an episode's name for messages."""
    return f"task {record.task} trial {record.trial} of {record.suite}"


def _named(records: Mapping[Any, EpisodeRecord], suite: Suite, text: str) -> EpisodeRecord:
    where, colon, number = text.rpartition(":")
    if not colon or not number.isdecimal() or len(number) > 9:
        raise UsageError(f"--episode {text!r} is not of the form TASK:TRIAL", "for example 0:3")
    by_index = where.isdecimal() and len(where) <= 9
    task = suite.task(int(where) if by_index else where)
    record = records.get((suite.name, task.index, int(number)))
    if record is None:
        hint = _what_ran(records, suite, task.index)
        raise UsageError(f"the run has no trial {int(number)} of task {task.index}", hint)
    return record


def _what_ran(
    records: Iterable[tuple[str, int, int]], suite: Suite, task: int | None = None
) -> str:
    """Return which tasks, or which trials of a task, a run has."""
    mine = [key for key in records if key[0] == suite.name]
    if task is None:
        return f"it has tasks {_listed(key[1] for key in mine)}"
    trials = _listed(key[2] for key in mine if key[1] == task)
    return f"it has trials {trials}" if trials else _what_ran(records, suite)


def _listed(numbers: Iterable[int]) -> str:
    """Return numbers as ranges, such as ``0-4,7``."""
    parts: list[list[int]] = []
    for number in sorted(set(numbers)):
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in parts)
