"""LIBERO-Plus's tasks of one base task: one compiled model for all, against building each anew."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gridseval.envs.assets import announced_assets
from gridseval.envs.libero_env import LiberoEnv
from gridseval.envs.spaces import OBSERVATION_KEYS
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
    seed: int = 7

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
class PlusMeasured:
    """What was measured.

    Attributes:
        shared_s: Wall time of all tasks on one compiled model, its compilation included.
        shared: How many tasks that were.
        compile_s: The compilation's part of it.
        anew_s: Wall time of the tasks that were built anew.
        anew: How many tasks that were.
        bits_equal: Whether both ways ended in the same states.
    """

    shared_s: float
    shared: int
    compile_s: float
    anew_s: float
    anew: int
    bits_equal: bool

    @property
    def shared_per_minute(self) -> float:
        """Tasks per minute on one compiled model."""
        return 60 * self.shared / self.shared_s

    @property
    def anew_per_minute(self) -> float:
        """Tasks per minute if each is built anew."""
        return 60 * self.anew / self.anew_s

    @property
    def ratio(self) -> float:
        """How many times as fast sharing is."""
        return self.shared_per_minute / self.anew_per_minute


def measure_plus(
    plan: PlusPlan, on_progress: Callable[[str], None] = lambda _: None
) -> PlusMeasured:
    """Run the bench in this process.

    Args:
        plan: What to measure.
        on_progress: Told the task that is done, ``plan.tasks + plan.anew`` times.

    Raises:
        MachineError: Models or OpenGL are missing.
    """
    tasks, root = plan.chosen_tasks, announced_assets(plan.assets).root
    with closing(_environment(plan, root)) as env:
        _run(env, tasks[0], 1)  # imports and caches of the machine's are no part of either way
    began, compile_s = time.perf_counter(), 0.0
    ends = []
    with closing(_environment(plan, root)) as env:
        for task in tasks:
            ends.append(_run(env, task, plan.steps))
            compile_s += env.seconds["compile"]
            on_progress(f"task {task.index}, shared model")
    shared_s = time.perf_counter() - began
    again = []
    began = time.perf_counter()
    for task in _spread(tasks, plan.anew):
        with closing(_environment(plan, root)) as env:
            again.append((task, _run(env, task, plan.steps)))
        on_progress(f"task {task.index}, built anew")
    anew_s = time.perf_counter() - began
    known = dict(zip(tasks, ends, strict=True))
    return PlusMeasured(
        shared_s=shared_s,
        shared=len(tasks),
        compile_s=compile_s,
        anew_s=anew_s,
        anew=len(again),
        bits_equal=all(known[task] == end for task, end in again),
    )


def plus_text(plan: PlusPlan, measured: PlusMeasured) -> str:
    """Return the measurement as a table."""
    rows = (
        ("one compiled model", measured.shared, measured.shared_s, measured.shared_per_minute),
        ("each built anew", measured.anew, measured.anew_s, measured.anew_per_minute),
    )
    lines = [f"{'':20}{'tasks':>7}{'seconds':>10}{'tasks/min':>11}"]
    lines += [
        f"{name:20}{tasks:>7}{seconds:>10.1f}{rate:>11.1f}" for name, tasks, seconds, rate in rows
    ]
    images = "both images in each" if plan.images else "no images"
    equal = "equal to the bit" if measured.bits_equal else "NOT EQUAL: a bug"
    return "\n".join(
        [
            f"{plan.suite}, base task {plan.base}: {', '.join(DIMENSIONS)}; {plan.steps} steps of "
            f"the zero policy, {images}",
            *lines,
            f"{measured.ratio:.1f} times as fast; final states: {equal}",
        ]
    )


def plus_json(plan: PlusPlan, measured: PlusMeasured) -> dict[str, Any]:
    """Return plan and measurement as plain data."""
    return {
        "schema": 1,
        "plan": vars(plan),
        **vars(measured),
        "shared_per_minute": measured.shared_per_minute,
        "anew_per_minute": measured.anew_per_minute,
        "ratio": measured.ratio,
    }


def _is(task: Task, base: str, dimension: str) -> bool:
    variant = task.variant
    return variant is not None and (variant.base, variant.dimension) == (base, dimension)


def _environment(plan: PlusPlan, assets: Path) -> LiberoEnv:
    keys = OBSERVATION_KEYS if plan.images else ()
    return LiberoEnv(plan.suite, assets=assets, observations=keys, seed=plan.seed, max_scenes=1)


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
