"""Whether demonstrations still succeed where they are played again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gridseval.demonstrations import (
    demonstration_files,
    read_actions,
    read_file,
    without_noops,
)
from gridseval.errors import UsageError
from gridseval.evaluation.config import RunConfig
from gridseval.evaluation.run import Progress, evaluate
from gridseval.results import EpisodeRecord, read_records
from gridseval.results.tables.document import MISSING, Document, Section
from gridseval.run_names import EPISODES

_MOST_NAMED = 12


@dataclass(frozen=True)
class FileCheck:
    """What became of a file's demonstrations.

    Attributes:
        task: The task's name.
        file: The file's name.
        demonstrations: How many were played.
        replayed: Numbers of those that succeed again.
        drifted: Numbers of those that do not.
        errors: How many could not be played.
        steps: Actions of all of them.
        noops: Actions among those that do nothing.
    """

    task: str
    file: str
    demonstrations: int
    replayed: tuple[int, ...]
    drifted: tuple[int, ...]
    errors: int
    steps: int
    noops: int


def check_demonstrations(
    path: Path, out: Path, progress: Progress | None = None, **options: Any
) -> tuple[FileCheck, ...]:
    """Play demonstrations again, each from its stored state, and say which still succeed.

    Args:
        path: An HDF5 file, or a folder of such files.
        out: The run directory; the same call goes on after an interruption.
        progress: Shows how far it is.
        options: Further arguments of the run; ``filter_noops`` leaves out actions that do nothing.

    Raises:
        GridsevalError: Something a user can mend.
    """
    files = demonstration_files(path)
    if not files:
        raise UsageError(f"{path} is not a demonstration file, nor a folder with any (.hdf5)")
    noops = options.pop("filter_noops", False)
    suite = str(path) if "/" in str(path) else f"./{path}"
    config = RunConfig(
        suite=suite,
        out=out,
        policy="replay",
        checkpoint=str(path),
        policy_arguments={"filter_noops": "true"} if noops else {},
        **options,
    )
    evaluate(config, progress)
    records = read_records(out / EPISODES)
    return tuple(
        _checked(file, [each for each in records if each.task == number])
        for number, file in enumerate(files)
    )


def _checked(path: Path, records: Sequence[EpisodeRecord]) -> FileCheck:
    told = read_file(path)
    trials = sorted({record.trial for record in records})
    actions = [read_actions(path, trial) for trial in trials]
    return FileCheck(
        task=told.task,
        file=path.name,
        demonstrations=len(records),
        replayed=tuple(sorted(each.trial for each in records if each.status == "success")),
        drifted=tuple(sorted(each.trial for each in records if each.status == "failure")),
        errors=sum(each.status == "error" for each in records),
        steps=sum(map(len, actions)),
        noops=sum(len(each) - len(without_noops(each)) for each in actions),
    )


def describe_check(checks: Sequence[FileCheck], title: str) -> Document:
    """Return a row per file: how many demonstrations succeed again, which drift, and no-ops."""
    rows = tuple(
        (
            check.task,
            f"{len(check.replayed)}/{check.demonstrations}",
            _numbers(check.drifted),
            str(check.errors),
            str(check.steps),
            f"{check.noops} ({100 * check.noops / max(1, check.steps):.1f} %)",
        )
        for check in checks
    )
    header = ("task", "succeed again", "drift", "errors", "actions", "no-ops")
    note = "drift: played from its stored state, the demonstration does not reach the goal here"
    return Document(title, (Section("", header, rows),), (note,))


def _numbers(numbers: Sequence[int]) -> str:
    if not numbers:
        return MISSING
    shown = ", ".join(map(str, numbers[:_MOST_NAMED]))
    return shown if len(numbers) <= _MOST_NAMED else f"{shown}, … ({len(numbers)})"
