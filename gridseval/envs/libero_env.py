"""LIBERO as a Gymnasium environment: one suite, all its tasks and stored trials."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

import gymnasium
import numpy as np
from numpy.typing import NDArray

from gridseval.assets import announced_assets
from gridseval.envs.arguments import (
    ResetOptions,
    checked_actions,
    checked_mode,
    checked_seed,
)
from gridseval.envs.config import EnvConfig
from gridseval.envs.contact import gripper_touches
from gridseval.envs.motion_log import MotionLog
from gridseval.envs.privileged import privileged_state
from gridseval.envs.proprioception import PROPRIOCEPTION
from gridseval.envs.rendering.backend import backend_for
from gridseval.envs.rendering.forks import note_drawing
from gridseval.envs.scene import CONTROL_HZ
from gridseval.envs.scene_cache import RunningEpisode, SceneCache
from gridseval.envs.simulation import Simulation
from gridseval.envs.spaces import (
    CAMERAS,
    action_space,
    observation_space,
)
from gridseval.suites import Episode, Task

Observation = dict[str, Any]


class LiberoEnv(gymnasium.Env[Observation, NDArray[np.float32]]):
    """One suite under the canonical protocol, equal to the plain ``libero`` loop to the bit.

    Observation (Dict):

    | key | space | meaning |
    |---|---|---|
    | ``agentview``, ``wrist`` | uint8 (256, 256, 3) | the two cameras, rotated by 180° |
    | ``state`` | float32 (8,) | eef position (m), axis-angle (rad), gripper joints (m) |
    | ``controller_state`` | float32 (8,) | the same of the controller; only when asked for |
    | ``instruction`` | Text | the task's name with underscores as spaces |

    Action: float32 (7,) in [−1, 1]: 0–2 eef translation (1 is 5 cm), 3–5 rotation as axis-angle
    (1 is 0.5 rad), 6 gripper (−1 opens, +1 closes). With ``action_chunk=H`` a step takes up to H
    of them, (n ≤ H, 7), and stops early when the episode ends. With ``actions="absolute"`` 0–5 are
    a goal in the world instead, position (m) and axis-angle (rad), without a bound.

    Reward is 1 in the step that reaches the goal, else 0. ``terminated`` on success, ``truncated``
    after ``max_steps`` policy steps. ``info`` has ``is_success``, ``steps``, ``task``,
    ``task_name``, ``instruction``, ``trial``, ``starts`` (what ``trial`` numbers),
    ``mujoco_warnings`` (how often MuJoCo has warned in this episode, normally 0); with
    ``privileged=True`` also ``privileged``: poses and the goal. With ``motion=True`` it has
    ``motion`` when the episode ends: how the arm moved.

    Args:
        suite: Such as ``"libero_spatial"`` or ``"libero_plus_spatial"``, or a path.
        render_mode: ``"rgb_array"``, or ``None``.
        options: See :class:`~gridseval.envs.config.EnvConfig`.

    Raises:
        UsageError: An argument names something that does not exist.
        MachineError: Assets or OpenGL are missing.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012
        "render_modes": ["rgb_array"],
        "render_fps": CONTROL_HZ,
    }

    def __init__(
        self, suite: str | Path, *, render_mode: str | None = None, **options: Any
    ) -> None:
        self._configure(EnvConfig.of(suite, options), render_mode)

    @classmethod
    def of(cls, config: EnvConfig) -> LiberoEnv:
        """Return an environment with these options."""
        options = {field.name: getattr(config, field.name) for field in fields(EnvConfig)}
        return cls(**options)

    def _configure(self, config: EnvConfig, render_mode: str | None) -> None:
        self.config = config
        self.assets = announced_assets(config.assets)
        self._episodes = config.episodes(self.assets.root)
        self.suite = self._episodes.suite
        self.max_steps = self.suite.max_steps if config.max_steps is None else config.max_steps
        settle_steps = config.settle_steps
        self._settle_steps = self.suite.settle_steps if settle_steps is None else settle_steps
        self.render_mode = checked_mode(render_mode)
        self._seed, self._keys = config.seed, config.observations
        draws = bool(set(self._keys) & set(CAMERAS)) or render_mode is not None
        note_drawing()
        backend = backend_for(config.backend, draws)
        self._scenes = SceneCache(config.max_scenes, config.image_px, backend)
        self._running: RunningEpisode | None = None
        self._task: Task = self.suite.tasks[0]
        self._instruction = self._task.instruction
        self._trial = self._steps = self._record_every = 0
        self._starts = config.starts
        self._ended = False
        self._motion: MotionLog | None = None
        self._seconds: dict[str, float] = {}
        self.observation_space = observation_space(self._keys, config.image_px)
        self.action_space = cast("Any", action_space(config.action_chunk, config.actions))

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode, settled and ready for the first policy step.

        Args:
            seed: Replaces the seed given to LIBERO from now on.
            options: ``task`` (index or name; default: the first that is available), ``trial``
                (default 0) or ``start`` (n: a fresh start, where LIBERO's reset number n after the
                seed places everything, without a stored state), ``record_every`` (n:
                ``info["frames"]`` gets every n-th step's images).

        Returns:
            Observation and info. What starts depends on suite, task, trial or start, and seed only.

        Raises:
            UsageError: No such task, trial, option or seed, or the task's files are missing.
            MachineError: The task cannot be compiled or drawn on this machine.
        """
        default = {"task": self._episodes.first.index}
        chosen = ResetOptions.of(self.suite, {**default, **(options or {})}, self.config.starts)
        self._seed = self._seed if seed is None else checked_seed(seed)
        super().reset(seed=seed)
        self._task, self._trial, self._starts = chosen.task, chosen.trial, chosen.starts
        if self.config.seeding == "trial":
            checked_seed(self._seed + self._trial)
        self._record_every = chosen.record_every
        self._seconds = dict.fromkeys(("compile", "reset", "physics"), 0.0)
        # A failure below leaves no half-started episode, and nothing holds a scene that is dropped.
        self._running = self._motion = None
        episode = Episode(self.suite.name, self._task.index, self._trial)
        setting = self._episodes.setting(self._task, self._trial, self._seed)
        self._instruction = setting.perturbation.spoken(self._task.instruction)
        how = self.config.seeding, chosen.starts
        self._running = self._scenes.start(*setting, episode, self._seed, self._settle_steps, *how)
        self._simulation.arm.absolute = self.config.actions == "absolute"
        self._seconds |= self._running.seconds
        self._steps, self._ended = 0, False
        self._motion = MotionLog(self._simulation) if self.config.motion else None
        frames = [self._frame()] if self._record_every else []
        return self._observe(), self._info(success=False, frames=frames)

    def step(self, action: NDArray[Any]) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Take one control step, or with ``action_chunk`` as many as there are actions.

        Args:
            action: float (7,) or, with ``action_chunk=H``, (n, 7) with 1 ≤ n ≤ H.

        Raises:
            UsageError: The action has another shape or is not finite.
            gymnasium.error.ResetNeeded: The episode has ended.
        """
        if self._running is None or self._ended:
            raise gymnasium.error.ResetNeeded("call reset(): no episode is running")
        actions = checked_actions(action, self.config.action_chunk)
        frames = []
        success = False
        for one in actions:
            success = self._control_step(one)
            self._ended = success or self._steps >= self.max_steps
            if self._record_every and (self._ended or self._steps % self._record_every == 0):
                frames.append(self._frame())
            if self._ended:
                break
        truncated = self._ended and not success
        info = self._info(success, frames)
        return (
            self._observe(drawn=self.config.draw_last or not self._ended),
            float(success),
            success,
            truncated,
            info,
        )

    def is_compiled(self, task: int, trial: int) -> bool:
        """Return whether an episode's model is at hand, so that its reset need not compile it."""
        setting = self._episodes.setting(self.suite.tasks[task], trial, self._seed)
        return setting.files in self._scenes

    def sim_state(self) -> NDArray[np.float64]:
        """Return the flat MuJoCo state as LIBERO's ``get_sim_state``: time, qpos, qvel.

        Returns:
            float64 (1 + nq + nv,).
        """
        return self._simulation.state()

    def touches(self) -> bool:
        """Return whether the gripper touches an object or a fixture, as of the last step."""
        return gripper_touches(self._simulation.scene)

    def render(self) -> NDArray[np.uint8] | None:
        """Return both cameras side by side, uint8 (px, 2 · px, 3), or ``None`` without a mode."""
        if self.render_mode is None:
            return None
        return np.concatenate([self._image("agentview"), self._image("wrist")], axis=1)

    @property
    def seconds(self) -> dict[str, float]:
        """Wall time of this episode so far, by what it was spent on, in seconds.

        ``compile`` (0 if the model was at hand), ``reset`` (with settling), ``physics`` (control
        steps with robot control and success check), ``rendering``.
        """
        drawn = {} if self._running is None else {"rendering": self._running.cameras.seconds}
        return {**self._seconds, **drawn}

    def close(self) -> None:
        """Free models and OpenGL objects."""
        self._scenes.close()
        self._running = None

    @property
    def _episode(self) -> RunningEpisode:
        if self._running is None:
            raise gymnasium.error.ResetNeeded("call reset() first")
        return self._running

    @property
    def _simulation(self) -> Simulation:
        return self._episode.task.simulation

    def _control_step(self, action: NDArray[np.float64]) -> bool:
        began = time.perf_counter()
        success = self._simulation.step(action)
        if self._motion is not None:
            self._motion.note()
        self._seconds["physics"] += time.perf_counter() - began
        self._steps += 1
        return success

    def _observe(self, drawn: bool = True) -> Observation:
        """Return the observation, with the images of the last look if none are to be drawn."""
        simulation = self._simulation
        observation: Observation = {
            key: PROPRIOCEPTION[key](simulation) for key in PROPRIOCEPTION if key in self._keys
        }
        for key in set(self._keys) & set(CAMERAS):
            observation[key] = self._image(key) if drawn else self._episode.cameras.last(key)
        observation["instruction"] = self._instruction
        return observation

    def _image(self, key: str) -> NDArray[np.uint8]:
        """Return an image of the present view, drawing it only once."""
        return self._episode.cameras.image(key, self._settle_steps + self._steps)

    def _frame(self) -> dict[str, Any]:
        return {"step": self._steps, **{key: self._image(key) for key in CAMERAS}}

    def _info(self, success: bool, frames: list[dict[str, Any]]) -> dict[str, Any]:
        info: dict[str, Any] = {
            "is_success": success,
            "steps": self._steps,
            "task": self._task.index,
            "task_name": self._task.name,
            "instruction": self._instruction,
            "trial": self._trial,
            "starts": self._starts,
            "mujoco_warnings": self._simulation.warnings(),
        }
        if self.config.privileged:
            info["privileged"] = privileged_state(self._simulation)
        if self._motion is not None and self._ended:
            info["motion"] = self._motion.figures()
        if self._simulation.arranged is not None:
            info["arranged"] = self._simulation.arranged
        if self.config.report_start and self._ended:
            info["start_state"] = self._simulation.start_state
        if self._record_every:
            info["frames"] = frames
        return info
