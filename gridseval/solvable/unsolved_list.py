"""The list of what the expert does not solve, as a small YAML file with one line per task."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gridseval import __version__
from gridseval.config import load_yaml
from gridseval.errors import OutputError, UsageError
from gridseval.files import write_atomically
from gridseval.solvable.task_map import MapRow, TaskMap

_HEAD = """\
# Tasks that the scripted expert did not solve in every attempt, or whose goal holds from the start.
# Not solved by this expert: another policy may solve them. See docs/guides/solvability.md.
# Made by gridseval solvable SUITE… --write-list FILE; `also` are tasks whose episodes are the same.
"""


@dataclass(frozen=True, kw_only=True)
class ListedTask:
    """One task of the list.

    Args:
        task: Its index in the suite.
        name: Its name.
        solved: How many attempts the expert solved.
        attempts: Of how many.
        start: In how many the goal held before the first step.
        reason: Why the others were not solved.
        also: Tasks whose episodes are the same.
    """

    task: int
    name: str
    solved: int
    attempts: int
    start: int = 0
    reason: str = ""
    also: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ListedSuite:
    """The list of one suite.

    Args:
        suite: Its name.
        expert: The hash of the expert's code and data.
        gridseval: The version that made the list.
        assets: The name of the assets.
        trials: Attempts per task.
        mapped: Tasks with episodes, those that are the same as another's included.
        lacking: Tasks whose files were not there.
        tasks: The listed ones.
    """

    suite: str
    expert: str
    gridseval: str
    assets: str
    trials: int
    mapped: int
    lacking: int
    tasks: tuple[ListedTask, ...] = ()


@dataclass(frozen=True)
class UnsolvedList:
    """The whole list.

    Args:
        suites: In order of their names.
    """

    suites: tuple[ListedSuite, ...] = ()


def read_list(path: Path) -> UnsolvedList:
    """Return a list.

    Raises:
        UsageError: The file cannot be read, or is not such a list.
    """
    return load_yaml(path, UnsolvedList)


def check_list(path: Path, tasks: Mapping[str, int]) -> None:
    """Check that a list can be written, before the maps for it take hours.

    Args:
        path: The file.
        tasks: How many tasks of each suite are going to be mapped.

    Raises:
        UsageError: The file is there and is not such a list, or lists more tasks of a suite: they
            would be lost.
        OutputError: Its folder is not there, or cannot be written to.
    """
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise OutputError(f"cannot write {path}: {path.parent} is not a folder that can be written")
    for suite in read_list(path).suites if path.exists() else ():
        before, now = suite.mapped + suite.lacking, tasks.get(suite.suite)
        if now is not None and now < before:
            raise UsageError(
                f"{path} is about {before} tasks of {suite.suite}, this map is about {now}: the "
                "others would be lost",
                "map the whole suite, or write another file",
            )


def write_list(path: Path, maps: Sequence[TaskMap]) -> None:
    """Write the list, or renew the suites of these maps in it; others stay.

    Raises:
        UsageError: As :func:`check_list`.
        OutputError: It cannot be written.
    """
    check_list(path, {each.suite: len(each.rows) for each in maps})
    earlier = read_list(path).suites if path.exists() else ()
    known = {each.suite: each for each in earlier} | {each.suite: listed(each) for each in maps}
    blocks = [_block(known[name]) for name in sorted(known)]
    write_atomically(path, _HEAD + "suites:\n" + "".join(blocks))


def listed(mapped: TaskMap) -> ListedSuite:
    """Return a map's part of the list."""
    return ListedSuite(
        suite=mapped.suite,
        expert=mapped.expert,
        gridseval=__version__,
        assets=mapped.assets,
        trials=mapped.trials,
        mapped=sum(row.attempts > 0 for row in mapped.rows),
        lacking=sum(row.state == "lacks data" for row in mapped.rows),
        tasks=tuple(_tasks(mapped.rows)),
    )


def _tasks(rows: Sequence[MapRow]) -> Iterator[ListedTask]:
    for row in rows:
        if row.same_as is None and (row.unsolved or row.held_at_start):
            yield ListedTask(
                task=row.task,
                name=row.name,
                solved=row.solved,
                attempts=row.attempts,
                start=row.held_at_start,
                reason=row.reason,
                also=tuple(other.task for other in rows if other.same_as == row.task),
            )


def _block(suite: ListedSuite) -> str:
    fields = {key: value for key, value in vars(suite).items() if key != "tasks"}
    lines = [f"- {_flow(key)}: {_flow(value)}" for key, value in fields.items()]
    lines = [lines[0], *(f"  {line[2:]}" for line in lines[1:])]
    lines.append("  tasks:" if suite.tasks else "  tasks: []")
    lines += [f"  - {_flow(_filled(task))}" for task in suite.tasks]
    return "\n".join(lines) + "\n"


def _filled(task: ListedTask) -> dict[str, Any]:
    """Return a task's fields, without those that say nothing."""
    given = {field.name: getattr(task, field.name) for field in dataclasses.fields(task)}
    plain = {
        key: list(value) if isinstance(value, tuple) else value for key, value in given.items()
    }
    return {k: v for k, v in plain.items() if k in ("task", "solved") or v}


def _flow(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")
