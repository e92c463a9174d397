"""gridseval's side: the same episodes through the worker pool."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridseval.bench.episode import EpisodeTimes, Stopwatch, cpu_seconds
from gridseval.envs.pool.messages import Reply, Start, Step
from gridseval.envs.pool.pool import WorkerPool
from gridseval.errors import MachineError


def warm_up(pool: WorkerPool, task: int, action: NDArray[np.float32]) -> float:
    """Let every worker compile a task and draw its first images.

    Returns:
        Median seconds of compilation.
    """
    compile_s = []
    for slot in pool.slots:
        pool.send(slot, Start(task, 0))
    for reply in _replies(pool, len(pool.slots)):
        compile_s.append(reply.info["seconds"]["compile"])
        pool.send(reply.slot, Step(action[None]))
    _replies(pool, len(pool.slots))
    return float(np.median(compile_s))


def run_round(
    pool: WorkerPool, task: int, trials: list[int], tape: NDArray[np.float32], chunk: int
) -> tuple[float, list[EpisodeTimes]]:
    """Run one episode in each of the first workers, at the same time.

    Args:
        pool: The workers.
        task: Index of the task.
        trials: The trial of each worker.
        tape: float32 (steps, 7), the actions.
        chunk: Policy steps per query.

    Returns:
        Wall time until the last is done, and the episodes; each bears its part of this process's
        processor time.
    """
    runs = [_Running(pool, slot, task, trial, tape, chunk) for slot, trial in enumerate(trials)]
    began, cpu_s = time.perf_counter(), time.process_time()
    for run in runs:
        run.start()
    done: list[EpisodeTimes] = []
    while len(done) < len(runs):
        for reply in _replies(pool, 1):
            times = runs[reply.slot].advance(reply)
            done += [] if times is None else [times]
    wall_s, part_s = time.perf_counter() - began, (time.process_time() - cpu_s) / len(runs)
    return wall_s, [_with_cpu(times, part_s) for times in done]


def step_without_images(
    pool: WorkerPool, task: int, trial: int, tape: NDArray[np.float32]
) -> dict[str, Any]:
    """Run one episode without images, its whole tape in one message.

    Returns:
        ``state`` at the end as hexadecimal text, ``steps``, and ``stepping_s``, seconds from the
        message to its reply.
    """
    pool.send(0, Start(task, trial))
    _replies(pool, 1)
    with Stopwatch() as watch:
        pool.send(0, Step(tape))
        reply = _replies(pool, 1)[0]
    return {"state": _hex(reply), "steps": reply.info["steps"], "stepping_s": watch.seconds}


def _with_cpu(times: EpisodeTimes, more_s: float) -> EpisodeTimes:
    return times if times.cpu_s is None else replace(times, cpu_s=times.cpu_s + more_s)


class _Running:
    """An episode in one slot."""

    def __init__(
        self,
        pool: WorkerPool,
        slot: int,
        task: int,
        trial: int,
        tape: NDArray[np.float32],
        chunk: int,
    ) -> None:
        self._pool, self._slot, self._task, self._trial = pool, slot, task, trial
        self._tape, self._chunk = tape, chunk
        self._policy = Stopwatch()
        self._observed = 0

    def start(self) -> None:
        self._cpu_s = cpu_seconds(self._pool.pids()[self._slot])
        self._began = time.perf_counter()
        self._pool.send(self._slot, Start(self._task, self._trial))

    def advance(self, reply: Reply) -> EpisodeTimes | None:
        """Answer a reply with the next chunk, or return the times of the ended episode."""
        if self._observed == 0:
            self._reset_s = time.perf_counter() - self._began
        self._observed += 1
        if reply.terminated or reply.truncated:
            return self._ended(reply)
        with self._policy:
            steps = reply.info["steps"]
            actions = self._tape[steps : steps + self._chunk]
        self._pool.send(self._slot, Step(actions))
        return None

    def _ended(self, reply: Reply) -> EpisodeTimes:
        wall_s = time.perf_counter() - self._began
        cpu_s = cpu_seconds(self._pool.pids()[self._slot])
        known = None not in (cpu_s, self._cpu_s)
        seconds = reply.info["seconds"]
        return EpisodeTimes(
            trial=self._trial,
            steps=reply.info["steps"],
            wall_s=wall_s - seconds["compile"],
            reset_s=self._reset_s - seconds["compile"],
            resetting_s=seconds["reset"],
            physics_s=seconds["physics"],
            rendering_s=seconds["rendering"],
            policy_s=self._policy.seconds,
            images=2 * (self._observed - 1),  # the last is not drawn: no action follows
            cpu_s=(cpu_s or 0.0) - (self._cpu_s or 0.0) if known else None,
            state=_hex(reply),
        )


def _replies(pool: WorkerPool, number: int) -> list[Reply]:
    """Wait for at least ``number`` replies.

    Raises:
        MachineError: A worker was lost; a measurement must not hide that.
    """
    replies: list[Reply] = []
    while len(replies) < number:
        replies += pool.wait()
    for reply in replies:
        if reply.failure is not None:
            raise MachineError(f"a worker was lost: {reply.failure}", "try: gridseval doctor")
    return replies


def _hex(reply: Reply) -> str:
    state: str = reply.info["sim_state"].tobytes().hex()
    return state
