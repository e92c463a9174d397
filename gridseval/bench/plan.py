"""What to measure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gridseval.errors import UsageError
from gridseval.suites import (
    PlusFolder,
    Suite,
    Task,
    check_problems,
    list_episodes,
    load_suite,
    select_tasks,
)

CHUNKS = (1, 8)
"""Policy steps per query that are measured."""

_MAX_STEPS = 900  # LIBERO's own horizon is 1000 steps, the settle steps among them


@dataclass(frozen=True)
class BenchPlan:
    """What to measure.

    Attributes:
        suite: Name of the suite.
        tasks: Selection of tasks, such as ``"0,3-5"``.
        trials: Episodes of each task in each loop, 1 to the suite's number of trials.
        steps: Policy steps of an episode, 1 to 900.
        workers: Processes of the many-worker loops, at least 1.
        assets: Folder of LIBERO's models, or ``None`` to look for them.
        seed: LIBERO's seed, and that of the actions.

    Raises:
        UsageError: A value is out of its range or names something that does not exist.
    """

    suite: str
    tasks: str
    trials: int
    steps: int
    workers: int
    assets: str | None
    seed: int

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= _MAX_STEPS:
            raise UsageError(f"cannot take {self.steps} steps", f"choose 1 to {_MAX_STEPS}")
        if self.workers < 1:
            raise UsageError(f"cannot measure {self.workers} workers", "choose at least 1")
        if self.loaded_suite.tasks[0].variant is not None:
            raise UsageError(
                f"the plain loop cannot run {self.suite}",
                "name one of LIBERO's own suites, or: gridseval bench --plus",
            )
        list_episodes(self.loaded_suite, self.chosen_tasks, self.trials)
        check_problems(self.chosen_tasks, PlusFolder(None))

    @property
    def loaded_suite(self) -> Suite:
        """The suite."""
        return load_suite(self.suite)

    @property
    def chosen_tasks(self) -> tuple[Task, ...]:
        """The tasks."""
        return select_tasks(self.loaded_suite, self.tasks)

    def loops(self) -> Iterator[Loop]:
        """Yield gridseval's loops: each chunk with one worker, then with all."""
        for workers in sorted({1, self.workers}):
            for chunk in CHUNKS:
                yield Loop(chunk, workers)


@dataclass(frozen=True)
class Loop:
    """One way to run gridseval.

    Attributes:
        chunk: Policy steps per query.
        workers: Processes that run episodes at the same time.
    """

    chunk: int
    workers: int

    @property
    def name(self) -> str:
        """Its name in tables and JSON, such as ``"chunk 8, 2 workers"``."""
        return f"chunk {self.chunk}, {self.workers} worker{'s' * (self.workers > 1)}"


@dataclass(frozen=True)
class PlainTask:
    """What the process is told about a task.

    Attributes:
        bddl: The problem file.
        init_states: The stored initial states.
        assets: The root of the models.
        seed: What ``env.seed`` is given, once; the actions' seed too.
        steps: Policy steps.
        settle_steps: Steps with an open gripper before them.
        images: Whether to make the environment with cameras, as everyone does, or to measure
            robosuite's stepping (and then MuJoCo's) without.
    """

    bddl: str
    init_states: str
    assets: str
    seed: int
    steps: int
    settle_steps: int
    images: bool
