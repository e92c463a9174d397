"""A suite of tasks, and the episodes that a run evaluates: one per trial."""

from __future__ import annotations

import operator
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from gridseval.errors import UsageError, did_you_mean
from gridseval.suites.bounds import BOUNDS
from gridseval.suites.variant import Variant

_MOST_TITLE = 200


@dataclass(frozen=True)
class OwnFiles:
    """The files of a task of a custom suite.

    Args:
        bddl: The problem file; ``None`` for LIBERO's, in the task's folder.
        init_states: The stored initial states; ``None`` if there are only fresh starts.
        code: A Python file that registers objects and problems, which runs only if the user says
            so; ``None`` without.
    """

    bddl: Path | None
    init_states: Path | None
    code: Path | None = None


@dataclass(frozen=True)
class Task:
    """One task of a suite.

    Args:
        suite: The suite's name.
        index: Its place in the suite, from 0.
        name: LIBERO's task name: the stem of its BDDL and initial-state files.
        instruction: What policies get as instruction.
        variant: What it changes of its base task, in LIBERO-Plus.
        folder: The folder of LIBERO's that has its files; empty for the suite's name.
        files: Its files, where they are not LIBERO's.
        dimension: What tables sort it by, in suites of others than LIBERO-Plus; empty without.
    """

    suite: str
    index: int
    name: str
    instruction: str
    variant: Variant | None = None
    folder: str = ""
    files: OwnFiles | None = None
    dimension: str = ""


@dataclass(frozen=True, order=True)
class Episode:
    """One trial of one task: all that decides, with the seed, how an episode starts.

    Args:
        suite: The suite's name.
        task: The task's index in the suite, from 0.
        trial: The number of the stored initial state, from 0.
    """

    suite: str
    task: int
    trial: int


@dataclass(frozen=True)
class Suite:
    """A suite: its tasks in LIBERO's order, and the protocol that its published numbers follow.

    Args:
        name: As in commands and environment ids, e.g. ``"libero_goal"``.
        title: As in papers, e.g. ``"LIBERO-Goal"``; at most 200 printable characters.
        tasks: At least one; ``tasks[i].index == i``.
        max_steps: Policy steps after which an episode is a failure, 1 to 100,000.
        settle_steps: Steps with an open gripper before the first policy step, 0 to 10,000; they
            come on top of ``max_steps``.
        trials: Stored initial states per task, 1 to 100,000.
        cameras: LIBERO's camera names.
        file: The YAML of a custom suite or of a plug-in, or a folder of BDDL files or of
            demonstrations, absolute; ``None`` if it ships.

    Raises:
        ValueError: A number is out of its range, the title does not fit, there is no task, or two
            tasks share a name.
    """

    name: str
    title: str
    tasks: tuple[Task, ...]
    max_steps: int
    settle_steps: int
    trials: int
    cameras: tuple[str, ...]
    file: Path | None = None

    @property
    def address(self) -> str:
        """What ``load_suite`` finds it by in every process: its name, or the path of its YAML."""
        return self.name if self.file is None else str(self.file)

    @property
    def has_states(self) -> bool:
        """Whether it stores initial states; without them, episodes begin at fresh starts."""
        return all(task.files is None or task.files.init_states for task in self.tasks)

    def __post_init__(self) -> None:
        for key in ("max_steps", "settle_steps", "trials"):
            (least, most), value = BOUNDS[key], getattr(self, key)
            if value < least:
                raise ValueError(f"{key} must be at least {least}, not {value}")
            if value > most:
                raise ValueError(f"{key} must be at most {most}, not {value}")
        if not self.title.isprintable() or not 1 <= len(self.title) <= _MOST_TITLE:
            raise ValueError(
                f"title must be one line of 1 to {_MOST_TITLE} printable characters, not "
                f"{self.title[:40]!r}"
            )
        if not self.tasks:
            raise ValueError("tasks must name at least one task")
        name, times = Counter(task.name for task in self.tasks).most_common(1)[0]
        if times > 1:
            raise ValueError(f"tasks names {name!r} {times} times")

    def task(self, key: int | str) -> Task:
        """Return the task of an index (0 to number of tasks − 1) or of an exact name.

        Raises:
            UsageError: There is no such task; names the range or the nearest name.
        """
        if isinstance(key, str):
            return self._task_named(key)
        try:
            index = operator.index(key)  # accepts numpy's integers, which options may hold
        except TypeError:
            raise UsageError(f"a task is an index or a name, not {key!r}") from None
        if 0 <= index < len(self.tasks):
            return self.tasks[index]
        raise UsageError(
            f"there is no task {index} in {self.name}: "
            f"its {len(self.tasks)} tasks are numbered 0 to {len(self.tasks) - 1}"
        )

    def check_trial(self, trial: int) -> int:
        """Return the number of a trial, if every task of the suite has it.

        Raises:
            UsageError: ``trial`` is not within 0 to ``trials`` − 1, or not a whole number.
        """
        try:
            number = operator.index(trial)
        except TypeError:
            raise UsageError(f"a trial is a whole number, not {trial!r}") from None
        if 0 <= number < self.trials:
            return number
        raise UsageError(
            f"there is no trial {number} of {self.trials} in {self.name}: "
            f"the trials of a task are numbered 0 to {self.trials - 1}"
        )

    def _task_named(self, name: str) -> Task:
        for task in self.tasks:
            if task.name == name:
                return task
        shown = name if len(name) <= 100 else name[:99] + "…"
        hint = did_you_mean(shown, [task.name for task in self.tasks], at_most=3)
        raise UsageError(f"there is no task {shown!r} in {self.name}", hint)


def instruction_of(task_name: str) -> str:
    """Return the instruction that LIBERO derives from a task's file name.

    Underscores become spaces, and the scene that leads the names of libero_10 and libero_90 is left
    out. Published numbers use this text, which differs from the BDDL's ``(:language ...)`` in 25 of
    the 40 tasks of the four short suites (LIBERO, ``benchmark/__init__.py``).
    """
    return re.sub(r"\A[A-Z_]+_SCENE[0-9]+_", "", task_name).replace("_", " ")
