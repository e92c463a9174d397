"""The plain ``libero`` loop, in a process of its own.

Run as ``python -m gridseval.bench.plain``. Each line on standard input is a request as JSON, each
line on standard output a reply: ``{"task": {...}}`` makes the environment of a
:class:`~gridseval.bench.plan.PlainTask`, ``{"trial": i}`` runs its next episode, which must be
number i.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from gridseval.bench.episode import EpisodeTimes, Stopwatch
from gridseval.bench.plan import PlainTask
from gridseval.bench.tape import action_tape
from gridseval.envs.init_states import read_init_states
from gridseval.envs.libero_package import asset_root, import_libero, problem_text
from gridseval.suites import read_bddl

_SUBSTEPS = 25
_SETTLE_ACTION = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0)


def main() -> None:
    """Answer requests until standard input ends."""
    # What libero prints must not mix with replies.
    replies = os.fdopen(os.dup(1), "w", encoding="utf8")
    os.dup2(2, 1)
    libero_envs = import_libero()
    render = Stopwatch()
    with ExitStack() as stack:
        stack.enter_context(_timed_rendering(render))
        loop: PlainLoop | None = None
        for line in sys.stdin:
            request = json.loads(line)
            answer: dict[str, Any] = {}
            if "task" in request:
                task = PlainTask(**request["task"])
                stack.enter_context(asset_root(Path(task.assets)))
                if loop is not None:
                    loop.close()
                loop = PlainLoop(task, libero_envs, render)
            elif loop is not None:
                answer = loop.episode(request["trial"])
            replies.write(json.dumps(answer) + "\n")
            replies.flush()
    # robosuite's OpenGL contexts do not survive the interpreter's orderly end.
    os._exit(0)


class PlainLoop:
    """One task's environment, and the loop that everyone copies.

    Args:
        task: The task.
        libero_envs: The module ``libero.libero.envs``.
        render: Measures rendering.
    """

    def __init__(self, task: PlainTask, libero_envs: Any, render: Stopwatch) -> None:
        self._task, self._render = task, render
        self._tape = [list(map(float, action)) for action in action_tape(task.seed, task.steps)]
        self._init_states = read_init_states(Path(task.init_states))
        self._env = _make_env(task, libero_envs)
        # Compile numba's functions before anything is measured; the seed and resets come after.
        self._env.step(list(_SETTLE_ACTION))
        self._env.seed(task.seed)
        self._next_trial = 0

    def episode(self, trial: int) -> dict[str, Any]:
        """Run the next episode.

        Returns:
            ``times``: :class:`EpisodeTimes` as a dictionary; without images also ``stepping_s``
            (all policy steps) and ``mujoco_s`` (25 × ``mj_step`` from the state before each).

        Raises:
            ValueError: ``trial`` is not the next: what a reset draws depends on those before.
        """
        if trial != self._next_trial:
            raise ValueError(f"the plain loop must run trial {self._next_trial} before {trial}")
        self._next_trial += 1
        return self._run(trial) if self._task.images else self._run_without_images(trial)

    def close(self) -> None:
        """Free the environment."""
        self._env.close()

    def _run(self, trial: int) -> dict[str, Any]:
        env, render = self._env, self._render
        policy, stepping = Stopwatch(), Stopwatch()
        rendered_s, images, cpu_s = render.seconds, render.times, time.process_time()
        began = time.perf_counter()
        self._reset(trial)
        reset_s, reset_rendering_s = time.perf_counter() - began, render.seconds - rendered_s
        steps, done = 0, False
        while steps < self._task.steps and not done:
            with policy:
                action = self._tape[steps]
            with stepping:
                _, _, done, _ = env.step(action)
            steps += 1
        wall_s, rendering_s = time.perf_counter() - began, render.seconds - rendered_s
        times = EpisodeTimes(
            trial=trial,
            steps=steps,
            wall_s=wall_s,
            reset_s=reset_s,
            resetting_s=reset_s - reset_rendering_s,
            physics_s=stepping.seconds - (rendering_s - reset_rendering_s),
            rendering_s=rendering_s,
            policy_s=policy.seconds,
            images=render.times - images,
            cpu_s=time.process_time() - cpu_s,
            state=self._state(),
        )
        return {"times": asdict(times)}

    def _run_without_images(self, trial: int) -> dict[str, Any]:
        self._reset(trial)
        stepping = Stopwatch()
        before = []
        for action in self._tape:
            before.append(_integration_state(self._env))
            with stepping:
                _, _, done, _ = self._env.step(action)
            if done:
                break
        state = self._state()
        return {
            "state": state,
            "steps": len(before),
            "stepping_s": stepping.seconds,
            "mujoco_s": _mujoco_alone_s(self._env, before),
        }

    def _reset(self, trial: int) -> None:
        self._env.reset()
        self._env.set_init_state(self._init_states[trial])
        for _ in range(self._task.settle_steps):
            self._env.step(list(_SETTLE_ACTION))

    def _state(self) -> str:
        return np.asarray(self._env.get_sim_state(), dtype=np.float64).tobytes().hex()


def _make_env(task: PlainTask, libero_envs: Any) -> Any:
    # The file may be a suite's of one's own, parts of which libero would evaluate as Python.
    with problem_text(read_bddl(Path(task.bddl)).text):
        if task.images:
            return libero_envs.OffScreenRenderEnv(
                bddl_file_name=task.bddl, camera_heights=256, camera_widths=256
            )
        return libero_envs.env_wrapper.ControlEnv(
            bddl_file_name=task.bddl, has_offscreen_renderer=False, use_camera_obs=False
        )


@contextmanager
def _timed_rendering(render: Stopwatch) -> Iterator[None]:
    """Measure every image that robosuite draws inside the block."""
    from robosuite.utils.binding_utils import MjSim

    original = MjSim.render

    def timed(self: Any, *args: Any, **options: Any) -> Any:
        with render:
            return original(self, *args, **options)

    MjSim.render = timed
    try:
        yield
    finally:
        MjSim.render = original


def _integration_state(env: Any) -> Any:
    """Return all that decides the next ``mj_step``: positions, velocities, controls, warm start."""
    import mujoco

    model, data = env.sim.model._model, env.sim.data._data
    kind = mujoco.mjtState.mjSTATE_INTEGRATION
    state = np.empty(mujoco.mj_stateSize(model, kind))
    mujoco.mj_getState(model, data, state, kind)
    return state


def _mujoco_alone_s(env: Any, states: list[Any]) -> float:
    """Return the time that MuJoCo needs for 25 substeps from each of these states."""
    import mujoco

    model, data = env.sim.model._model, env.sim.data._data
    alone = Stopwatch()
    for state in states:
        mujoco.mj_setState(model, data, state, mujoco.mjtState.mjSTATE_INTEGRATION)
        with alone:
            mujoco.mj_step(model, data, nstep=_SUBSTEPS)
    return alone.seconds


if __name__ == "__main__":
    main()
