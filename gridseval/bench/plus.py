"""LIBERO-Plus's tasks of one base task: one compiled model for all, against building each anew."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gridseval.assets import announced_assets
from gridseval.bench.episode import cpu_seconds
from gridseval.bench.plain_client import PlainProcess
from gridseval.bench.plan import PlainTask
from gridseval.envs.config import DEFAULT_SEED
from gridseval.envs.libero_env import LiberoEnv
from gridseval.envs.rendering.backend import choose_backend
from gridseval.envs.spaces import OBSERVATION_KEYS
from gridseval.envs.task_files import TaskFiles
from gridseval.errors import UsageError
from gridseval.suites import Suite, Task, load_suite
from gridseval.suites.selection import select_tasks

DIMENSIONS = ("camera", "robot", "noise")
"""Those that need no file beside LIBERO's own."""

_STILL = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0])
"""What the zero policy does."""


@dataclass(frozen=True)
class PlusPlan:
    """What to measure.

    Attributes:
        suite: Name of a suite of LIBERO-Plus.
        base: The base task, by its index in the base suite.
        tasks: How many perturbed tasks run on one compiled model, at least 2.
        anew: How many of these are also built anew, 1 to ``tasks``.
        steps: Policy steps of each, of the zero policy.
        images: Whether both images are drawn after every step; the zero policy looks at none.
        assets: Folder of LIBERO's models, or ``None`` to look for it.
        seed: LIBERO's.

    Raises:
        UsageError: A value is out of its range or names something that does not exist.
    """

    suite: str = "libero_plus_spatial"
    base: str = "0"
    tasks: int = 24
    anew: int = 6
    steps: int = 20
    images: bool = False
    assets: str | None = None
    seed: int = DEFAULT_SEED

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= self.loaded_suite.max_steps:
            most = self.loaded_suite.max_steps
            raise UsageError(f"cannot take {self.steps} steps", f"choose 1 to {most}")
        if not 1 <= self.anew <= self.tasks or self.tasks < 2:
            raise UsageError(f"cannot measure {self.tasks} tasks", "choose at least 2")
        if len(self.chosen_tasks) < self.tasks:
            raise UsageError(
                f"{self.suite} has {len(self.chosen_tasks)} tasks of camera, robot and noise with "
                "this base task",
                "choose fewer",
            )

    @property
    def loaded_suite(self) -> Suite:
        """The suite.

        Raises:
            UsageError: It is not of LIBERO-Plus.
        """
        suite = load_suite(self.suite)
        if suite.tasks[0].variant is None:
            raise UsageError(f"{self.suite} perturbs nothing", "try libero_plus_spatial")
        return suite

    @property
    def chosen_tasks(self) -> tuple[Task, ...]:
        """Tasks of the base task, the three dimensions in turns."""
        variant = self.loaded_suite.tasks[0].variant
        assert variant is not None
        (base, *more) = select_tasks(load_suite(variant.suite), self.base)
        if more:
            raise UsageError("the tasks of one base task share a model", "choose one task")
        groups = [
            [task for task in self.loaded_suite.tasks if _is(task, base.name, dimension)]
            for dimension in DIMENSIONS
        ]
        turns = itertools.chain.from_iterable(itertools.zip_longest(*groups))
        return tuple(task for task in turns if task is not None)[: self.tasks]


@dataclass(frozen=True)
class Way:
    """What one way to run tasks took.

    Attributes:
        tasks: How many tasks were run.
        wall_s: Wall time of all, compilations included.
        cpu_s: Processor time, which other work on the machine changes less; ``None`` if unknown.
    """

    tasks: int
    wall_s: float
    cpu_s: float | None

    @property
    def per_minute(self) -> float:
        """Tasks per minute."""
        return 60 * self.tasks / self.wall_s


@dataclass(frozen=True)
class PlusMeasured:
    """What was measured.

    Attributes:
        shared: All tasks on one compiled model.
        anew: Some of them, each with a model of its own.
        plain: As many environments of the plain ``libero`` loop, each made, reset and run as
            everyone does, on the base task (it cannot perturb); ``None`` without images.
        bits_equal: Whether the first two ended in the same states.
    """

    shared: Way
    anew: Way
    plain: Way | None
    bits_equal: bool

    @property
    def ratio(self) -> float:
        """How many times as many tasks per minute sharing does."""
        return self.shared.per_minute / self.anew.per_minute


def measure_plus(
    plan: PlusPlan, on_progress: Callable[[str], None] = lambda _: None
) -> PlusMeasured:
    """Run the bench in this process.

    Args:
        plan: What to measure.
        on_progress: Told the task that is done, ``number_of_parts(plan)`` times.

    Raises:
        MachineError: Models or OpenGL are missing.
    """
    tasks, root = plan.chosen_tasks, announced_assets(plan.assets).root
    with closing(_environment(plan, root)) as env:
        _run(env, tasks[0], 1)  # imports and caches of the machine's are no part of either way
    ends, again = {}, {}
    watch = _Watch()
    with closing(_environment(plan, root)) as env:
        for task in tasks:
            ends[task] = _run(env, task, plan.steps)
            on_progress(f"task {task.index}, shared model")
    shared = watch.read(len(ends))
    watch = _Watch()
    for task in _spread(tasks, plan.anew):
        with closing(_environment(plan, root)) as env:
            again[task] = _run(env, task, plan.steps)
        on_progress(f"task {task.index}, built anew")
    anew = watch.read(len(again))
    plain = _measure_plain(plan, root, on_progress) if plan.images else None
    equal = all(ends[task] == end for task, end in again.items())
    return PlusMeasured(shared, anew, plain, equal)


def number_of_parts(plan: PlusPlan) -> int:
    """Return how often :func:`measure_plus` reports progress."""
    return plan.tasks + plan.anew * (2 if plan.images else 1)


class _Watch:
    """Measures a process, by default this one, from its making on."""

    def __init__(self, pid: int | None = None) -> None:
        self._pid = os.getpid() if pid is None else pid
        self._wall_s, self._cpu_s = time.perf_counter(), cpu_seconds(self._pid)

    def read(self, tasks: int) -> Way:
        wall_s, cpu_s = time.perf_counter() - self._wall_s, cpu_seconds(self._pid)
        if cpu_s is None or self._cpu_s is None:
            return Way(tasks, wall_s, None)
        return Way(tasks, wall_s, cpu_s - self._cpu_s)


def _is(task: Task, base: str, dimension: str) -> bool:
    variant = task.variant
    return variant is not None and (variant.base, variant.dimension) == (base, dimension)


def _environment(plan: PlusPlan, assets: Path) -> LiberoEnv:
    keys = OBSERVATION_KEYS if plan.images else ()
    return LiberoEnv(plan.suite, assets=assets, observations=keys, seed=plan.seed, max_scenes=1)


def _measure_plain(plan: PlusPlan, assets: Path, on_progress: Callable[[str], None]) -> Way:
    """Run the plain loop's environments of the base task, in a process of their own."""
    suite = plan.loaded_suite
    variant = plan.chosen_tasks[0].variant
    assert variant is not None
    files = TaskFiles.of(variant.suite, variant.base, assets)
    paths = (str(files.bddl), str(files.init_states), str(files.assets))
    task = PlainTask(*paths, plan.seed, plan.steps, suite.settle_steps, images=True)
    with closing(PlainProcess(choose_backend().backend)) as plain:
        plain.load(task)
        plain.episode(0)  # imports, as above
        watch = _Watch(plain.pid)
        for number in range(plan.anew):
            plain.load(task)
            plain.episode(0)
            on_progress(f"plain loop {number}")
        return watch.read(plan.anew)


def _run(env: LiberoEnv, task: Task, steps: int) -> bytes:
    """Run a task and return its final state."""
    env.reset(options={"task": task.index})
    for _ in range(steps):
        _, _, terminated, truncated, _ = env.step(_STILL)
        if terminated or truncated:
            break
    return env.sim_state().tobytes()


def _spread(tasks: tuple[Task, ...], number: int) -> Iterator[Task]:
    """Yield some of the tasks, evenly over them."""
    return (tasks[index * len(tasks) // number] for index in range(number))
