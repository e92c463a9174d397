"""Pools of environments, one per slot, each at its own pace: in processes of this machine, or here.

:class:`~gridseval.envs.pool.ray_pool.RayPool` is one on a cluster.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import replace
from multiprocessing.connection import wait
from typing import Any, Protocol

from gridseval.envs.libero_env import LiberoEnv
from gridseval.envs.pool.messages import Reply, Start, Step
from gridseval.envs.pool.process import WorkerProcess
from gridseval.envs.pool.settings import EnvSettings
from gridseval.envs.pool.worker import handle
from gridseval.envs.rendering.backend import choose_backend
from gridseval.envs.spaces import CAMERAS
from gridseval.errors import GridsevalError

DEFAULT_TIMEOUT_S = 180.0
_MAX_WAIT_S = 3600.0  # the system call counts milliseconds in 32 bits


class Pool(Protocol):
    """Environments in numbered slots that take messages and reply when they are done."""

    @property
    def slots(self) -> Collection[int]:
        """The numbers of the slots that there are; on a cluster they come and go, in ``wait``."""

    def send(self, slot: int, message: Start | Step) -> None:
        """Tell an idle slot what to do."""

    def wait(self, wakes: Sequence[Any] = ()) -> list[Reply]:
        """Wait until at least one busy slot is done, and return all replies that are there.

        Args:
            wakes: What :func:`multiprocessing.connection.wait` can wait for: as soon as one of them
                is ready, waiting ends, maybe without a reply. So it does when slots have come or
                gone; one that goes in the middle of an episode replies to its last message.
        """

    def close(self) -> None:
        """End all environments."""


def make_pool(settings: EnvSettings, workers: int, timeout_s: float = DEFAULT_TIMEOUT_S) -> Pool:
    """Make a pool of ``workers`` processes, or of one environment in this process for 0.

    Raises:
        MachineError: Images are wanted and no OpenGL back end works.
    """
    return WorkerPool(settings, workers, timeout_s) if workers else LocalPool(settings)


class LocalPool:
    """One environment in this process, for debugging: errors surface where they arise.

    Args:
        settings: The environment to make.
    """

    slots = range(1)

    def __init__(self, settings: EnvSettings) -> None:
        self._env: LiberoEnv = settings.make()
        self._replies: deque[Reply] = deque()

    def send(self, slot: int, message: Start | Step) -> None:
        """Execute the message at once."""
        self._replies.append(handle(self._env, slot, message))

    def wait(self, wakes: Sequence[Any] = ()) -> list[Reply]:
        """Return the reply, or nothing once one of ``wakes`` is ready."""
        if not self._replies and wakes:
            wait(wakes)
        replies = list(self._replies)
        self._replies.clear()
        return replies

    def close(self) -> None:
        """Free the environment."""
        self._env.close()


class WorkerPool:
    """Environments in separate processes.

    A worker that dies, raises or hangs is replaced, and its reply says so (``failure``); no other
    slot notices.

    Args:
        settings: The environment that each worker makes.
        workers: Number of processes.
        timeout_s: How long one message may take, without what is imported or compiled for it.

    Raises:
        MachineError: Images are wanted and no OpenGL back end works, or no process starts.
    """

    def __init__(
        self, settings: EnvSettings, workers: int, timeout_s: float = DEFAULT_TIMEOUT_S
    ) -> None:
        self.slots = range(workers)
        settings = _with_backend(settings)
        self._workers: list[WorkerProcess] = []
        try:
            for slot in range(workers):
                self._workers.append(WorkerProcess(slot, settings, timeout_s))
        except BaseException:
            self.close()
            raise

    def send(self, slot: int, message: Start | Step) -> None:
        """Tell an idle slot what to do."""
        self._workers[slot].send(message)

    def wait(self, wakes: Sequence[Any] = ()) -> list[Reply]:
        """Wait until at least one busy slot is done, and return all replies that are there.

        Args:
            wakes: Waiting ends as soon as one of them is ready.

        Raises:
            GridsevalError: A worker met a user's error, such as missing assets.
        """
        while (busy := [worker for worker in self._workers if worker.busy]) or wakes:
            patience = min((worker.look_again_s for worker in busy), default=_MAX_WAIT_S)
            connections = [worker.connection for worker in busy]
            ready = wait([*connections, *wakes], min(max(0.0, patience), _MAX_WAIT_S))
            done = [w for w in busy if w.connection in ready or w.seconds_left <= 0]
            if done or any(wake in ready for wake in wakes):
                return [worker.receive() for worker in done]
        return []

    def forget(self) -> None:
        """Wait for answers that are still due after an error, and drop them."""
        while any(worker.busy for worker in self._workers):
            with contextlib.suppress(GridsevalError):
                self.wait()

    def pids(self) -> list[int]:
        """Return the process ids, by slot."""
        return [worker.pid for worker in self._workers]

    def close(self) -> None:
        """End all processes."""
        for worker in self._workers:
            worker.close()


def _with_backend(settings: EnvSettings) -> EnvSettings:
    """Find the OpenGL back end once for all workers, if observations include images."""
    if settings.backend is not None or CAMERAS.keys().isdisjoint(settings.observations):
        return settings
    return replace(settings, backend=choose_backend().backend)
