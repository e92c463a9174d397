"""The pool of processes as a Gymnasium ``VectorEnv``."""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from gridseval.assets import announced_assets
from gridseval.envs.arguments import at_least, checked_episode, checked_mode, checked_seed
from gridseval.envs.libero_env import LiberoEnv
from gridseval.envs.pool.messages import Reply, Start, Step
from gridseval.envs.pool.pool import DEFAULT_TIMEOUT_S, WorkerPool
from gridseval.envs.pool.settings import EnvSettings
from gridseval.envs.spaces import CAMERAS, action_space, observation_space
from gridseval.errors import UsageError, WorkerLostError, did_you_mean
from gridseval.observations import stacked
from gridseval.suites import Episode, list_episodes

_MAX_ATTEMPTS = 3


class LiberoVectorEnv(VectorEnv[dict[str, Any], NDArray[Any], NDArray[Any]]):
    """One LIBERO suite in ``num_envs`` processes, stepped together.

    Observations, actions and infos are those of
    :class:`~gridseval.envs.libero_env.LiberoEnv`, batched. Without options, ``reset`` starts the
    suite's first episodes, one in each slot, and a slot whose episode has ended starts the suite's
    next one in the step after (``AutoresetMode.NEXT_STEP``; its action is ignored).

    ``infos`` also has ``seconds``, as of :attr:`~gridseval.envs.libero_env.LiberoEnv.seconds`, and
    where a worker was lost in a step ``failure``, the reason: that slot's episode is truncated.

    Args:
        num_envs: Number of processes.
        suite: Name of the suite.
        timeout_s: How long one step or reset may take.
        render_mode: ``"rgb_array"``, or ``None``.
        environment: Any other argument of :class:`~gridseval.envs.libero_env.LiberoEnv`.

    Raises:
        UsageError: An argument names something that does not exist.
        MachineError: Assets or OpenGL are missing.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012
        **LiberoEnv.metadata,
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }
    _pool: WorkerPool | None = None  # while a refused constructor is cleaned up

    def __init__(
        self,
        num_envs: int,
        suite: str | Path,
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        render_mode: str | None = None,
        **environment: Any,
    ) -> None:
        self.num_envs = at_least(1, "num_envs", num_envs)
        self.render_mode = checked_mode(render_mode)
        settings = EnvSettings.of(suite, environment)
        episodes = settings.episodes()
        self.suite = episodes.suite
        self._starts = settings.starts
        self._episodes = list_episodes(
            self.suite, episodes.available, self.suite.trials, self._starts
        )
        if settings.assets is None:
            # Here, once: each worker would look for assets, and ask a hub for them, by itself.
            settings = replace(settings, assets=str(announced_assets().root))
        self._spaces = observation_space(settings.observations, settings.image_px)
        self._seen: dict[str, Any] = {}
        self.single_observation_space = cast("Any", self._spaces)
        self.single_action_space = action_space(settings.action_chunk, settings.actions)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._max_actions = settings.action_chunk
        self._pool = WorkerPool(settings, num_envs, timeout_s)
        self._next = 0
        self._current: list[Episode] = [self._episodes[0]] * num_envs
        self._ended = [False] * num_envs
        self._seed: int | None = None
        self._running = False

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start an episode in every slot.

        Args:
            seed: Replaces the seed given to LIBERO.
            options: ``task`` and ``trial``: one value for all slots, or one for each. Without
                them, the suite's episodes in order.

        Raises:
            UsageError: No such task, trial or option, or a wrong number of them.
            MachineError: A task cannot be compiled or drawn.
            WorkerLostError: An episode lost its worker each time that it was started.
            gymnasium.error.ClosedEnvironmentError: After ``close``.
        """
        self._refuse_if_closed()
        self._seed = self._seed if seed is None else checked_seed(seed)
        self._current = self._chosen(dict(options or {}))
        super().reset(seed=seed)
        self._ended = [False] * self.num_envs
        self._workers.forget()
        starts: dict[int, Start | Step] = dict(enumerate(map(self._start, self._current)))
        observations, _, _, _, infos = self._gather(self._exchange(starts))
        return observations, infos

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[dict[str, Any], NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Step every slot; slots whose episode has ended start the next one instead.

        Args:
            actions: float32 (num_envs, 7), or (num_envs, n, 7) with ``action_chunk``.

        Raises:
            UsageError: The actions have another shape or are not finite.
            WorkerLostError: A slot's next episode lost its worker each time that it was started.
            gymnasium.error.ResetNeeded: There was no reset yet, or the last call failed.
            gymnasium.error.ClosedEnvironmentError: After ``close``.
        """
        self._refuse_if_closed()
        checked = self._checked_actions(actions)
        if not self._running:
            raise gymnasium.error.ResetNeeded("call reset(): no episodes are running")
        messages: dict[int, Start | Step] = {}
        for slot, action in enumerate(checked):
            if self._ended[slot]:
                self._current[slot] = self._following()
                messages[slot] = self._start(self._current[slot])
            else:
                messages[slot] = Step(action)
        replies = self._exchange(messages)
        self._ended = [reply.terminated or reply.truncated for reply in replies]
        return self._gather(replies)

    def close_extras(self, **_: Any) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.close()

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """Return both cameras of each slot side by side, uint8 (256, 512, 3), or ``None``."""
        if self.render_mode is None:
            return None
        images = [self._seen.get(key) for key in CAMERAS]
        if any(image is None for image in images):
            raise UsageError(
                "nothing to render", "observe 'agentview' and 'wrist', and reset first"
            )
        return tuple(np.concatenate([image for image in images if image is not None], axis=2))

    def _refuse_if_closed(self) -> None:
        if self.closed:
            raise gymnasium.error.ClosedEnvironmentError("the environments were closed: make anew")

    @property
    def _workers(self) -> WorkerPool:
        assert self._pool is not None
        return self._pool

    def _checked_actions(self, actions: NDArray[Any]) -> NDArray[np.float32]:
        """Check here, and not in the workers, so that a refused step changes no slot."""
        given = np.asarray(actions, dtype=np.float32)
        if self._max_actions is None:
            expected, fits = f"({self.num_envs}, 7)", given.shape == (self.num_envs, 7)
        else:
            expected = f"({self.num_envs}, n, 7) with n from 1 to {self._max_actions}"
            ends = given.ndim == 3 and given.shape[::2] == (self.num_envs, 7)
            fits = ends and 1 <= given.shape[1] <= self._max_actions
        if not fits:
            raise UsageError(f"actions of shape {given.shape} were given, not {expected}")
        if not np.isfinite(given).all():
            raise UsageError("an action that is not finite was given")
        return given

    def _start(self, episode: Episode) -> Start:
        # With the seed each time: a worker that replaces another knows only the constructor's.
        return Start(episode.task, episode.trial, seed=self._seed)

    def _chosen(self, options: dict[str, Any]) -> list[Episode]:
        for key in options:
            if key not in ("task", "trial"):
                raise UsageError(
                    f"reset has no option {key!r}", did_you_mean(key, ("task", "trial"))
                )
        if not options:
            self._next = 0
            return [self._following() for _ in range(self.num_envs)]
        tasks = self._for_each(options.get("task", 0), "task")
        trials = self._for_each(options.get("trial", 0), "trial")
        pairs = [
            checked_episode(self.suite, *pair, self._starts)
            for pair in zip(tasks, trials, strict=True)
        ]
        chosen = [Episode(self.suite.name, task.index, trial) for task, trial in pairs]
        self._next = bisect.bisect(self._episodes, chosen[-1])
        return chosen

    def _for_each(self, value: Any, name: str) -> list[Any]:
        if np.ndim(value) == 0:
            return [value] * self.num_envs
        values = list(value)
        if len(values) != self.num_envs:
            raise UsageError(
                f"{len(values)} values of the option {name!r} for {self.num_envs} environments"
            )
        return values

    def _following(self) -> Episode:
        episode = self._episodes[self._next % len(self._episodes)]
        self._next += 1
        return episode

    def _exchange(self, messages: Mapping[int, Start | Step]) -> list[Reply]:
        """Send all messages and wait for all replies, restarting episodes whose worker died."""
        self._running = False  # if this raises, the state of the slots is unknown
        for slot, message in messages.items():
            self._workers.send(slot, message)
        replies: dict[int, Reply] = {}
        attempts = dict.fromkeys(messages, 1)
        while len(replies) < len(messages):
            for reply in self._workers.wait():
                if reply.failure is None:
                    replies[reply.slot] = reply
                elif isinstance(messages[reply.slot], Step):
                    # The caller's actions are lost: report it, and start anew with the next step.
                    replies[reply.slot] = self._lost(reply)
                elif attempts[reply.slot] < _MAX_ATTEMPTS:
                    attempts[reply.slot] += 1
                    self._workers.send(reply.slot, messages[reply.slot])
                else:
                    raise WorkerLostError(f"slot {reply.slot}: {reply.failure}")
        self._running = True
        return [replies[slot] for slot in sorted(replies)]

    def _lost(self, reply: Reply) -> Reply:
        blank = {
            key: np.zeros(space.shape, space.dtype)
            for key, space in self._spaces.items()
            if isinstance(space, gymnasium.spaces.Box)
        }
        task = self.suite.tasks[self._current[reply.slot].task]
        return Reply(
            reply.slot,
            {**blank, "instruction": task.instruction},
            truncated=True,
            info={"is_success": False, "failure": reply.failure},
        )

    def _gather(
        self, replies: Sequence[Reply]
    ) -> tuple[dict[str, Any], NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        observations = stacked(
            [{key: reply.observation[key] for key in self._spaces} for reply in replies]
        )
        self._seen = observations
        infos: dict[str, Any] = {}
        for slot, reply in enumerate(replies):
            infos = self._add_info(infos, reply.info, slot)
        return (
            observations,
            np.array([reply.reward for reply in replies]),
            np.array([reply.terminated for reply in replies]),
            np.array([reply.truncated for reply in replies]),
            infos,
        )
