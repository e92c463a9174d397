"""Run both sides in turns, so that a busy machine hits both alike."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace

from gridseval.assets import announced_assets
from gridseval.bench.episode import EpisodeTimes
from gridseval.bench.measurements import Measurements, Round, Stepping
from gridseval.bench.ours import run_round, step_without_images, warm_up
from gridseval.bench.plain_client import PlainProcess
from gridseval.bench.plan import CHUNKS, BenchPlan, Loop, PlainTask
from gridseval.bench.state_env import StateEnvSettings
from gridseval.bench.tape import action_tape
from gridseval.envs.pool.pool import WorkerPool
from gridseval.envs.rendering.backend import choose_backend
from gridseval.envs.task_files import TaskFiles
from gridseval.suites import PlusFolder, Task


def measure(plan: BenchPlan, on_progress: Callable[[str], None] = lambda _: None) -> Measurements:
    """Run the bench.

    Args:
        plan: What to measure.
        on_progress: Told what is done, :func:`number_of_parts` times.

    Raises:
        MachineError: Models or OpenGL are missing, or a process was lost.
    """
    with ExitStack() as stack:
        bench = _Bench(plan, stack, on_progress)
        for task in plan.chosen_tasks:
            bench.measure_task(task)
    return bench.measured


def number_of_parts(plan: BenchPlan) -> int:
    """Return how often :func:`measure` reports progress."""
    parts_per_trial = 2 + len(list(plan.loops()))
    return len(plan.chosen_tasks) * (1 + plan.trials * parts_per_trial)


class _Bench:
    """The processes of both sides, ended with ``stack``."""

    def __init__(
        self, plan: BenchPlan, stack: ExitStack, on_progress: Callable[[str], None]
    ) -> None:
        self._plan, self._on_progress = plan, on_progress
        self._assets = announced_assets(plan.assets)
        self._tape = action_tape(plan.seed, plan.steps)
        probe = choose_backend()
        self.measured = Measurements(probe.backend, probe.renderer or "unknown")
        settings = StateEnvSettings(
            suite=plan.suite,
            assets=str(self._assets.root),
            action_chunk=max(CHUNKS),
            seed=plan.seed,
            max_steps=plan.steps,
            draw_last=False,
            backend=probe.backend,
        )
        blind = replace(settings, observations=(), action_chunk=plan.steps)
        self._plain = stack.enter_context(closing(PlainProcess(probe.backend)))
        self._robosuite = stack.enter_context(closing(PlainProcess(probe.backend)))
        self._pool = stack.enter_context(closing(WorkerPool(settings, plan.workers)))
        self._blind_pool = stack.enter_context(closing(WorkerPool(blind, 1)))

    def measure_task(self, task: Task) -> None:
        self._plain.load(self._plain_task(task, images=True))
        self._robosuite.load(self._plain_task(task, images=False))
        self.measured.compile_s.append(warm_up(self._pool, task.index, self._tape[0]))
        warm_up(self._blind_pool, task.index, self._tape[0])
        self._on_progress(f"task {task.index}: compiled")
        ends: dict[int, EpisodeTimes] = {}
        for trial in range(self._plan.trials):
            ends[trial] = EpisodeTimes(**self._plain.episode(trial)["times"])
            self.measured.plain.append(ends[trial])
            self._on_progress(f"task {task.index}, trial {trial}: plain")
            for loop in self._plan.loops():
                self._measure_loop(loop, task, ends)
                self._on_progress(f"task {task.index}, trial {trial}: {loop.name}")
            self.measured.stepping.append(self._without_images(task, trial))
            self._on_progress(f"task {task.index}, trial {trial}: no images")

    def _measure_loop(self, loop: Loop, task: Task, ends: dict[int, EpisodeTimes]) -> None:
        """Run the newest trial, and in further workers those before, whose ends are known too."""
        trials = [(len(ends) - 1 - worker) % len(ends) for worker in range(loop.workers)]
        wall_s, episodes = run_round(self._pool, task.index, trials, self._tape, loop.chunk)
        self.measured.rounds.setdefault(loop, []).append(Round(wall_s, tuple(episodes)))
        for episode in episodes:
            end = ends[episode.trial]
            if (episode.steps, episode.state) != (end.steps, end.state):
                self.measured.bits_equal = False

    def _without_images(self, task: Task, trial: int) -> Stepping:
        theirs = self._robosuite.episode(trial)
        ours = step_without_images(self._blind_pool, task.index, trial, self._tape)
        return Stepping(
            robosuite_ms=1000 * theirs["stepping_s"] / theirs["steps"],
            gridseval_ms=1000 * ours["stepping_s"] / ours["steps"],
            mujoco_ms=1000 * theirs["mujoco_s"] / theirs["steps"],
            bits_equal=all(theirs[key] == ours[key] for key in ("state", "steps")),
        )

    def _plain_task(self, task: Task, images: bool) -> PlainTask:
        files = TaskFiles.of_task(task, self._assets.root, PlusFolder(None))
        return PlainTask(
            bddl=str(files.bddl),
            init_states=str(files.init_states),
            assets=str(files.assets),
            seed=self._plan.seed,
            steps=self._plan.steps,
            settle_steps=self._plan.loaded_suite.settle_steps,
            images=images,
        )
