"""A worker on a node of a Ray cluster: a Ray actor that owns one worker process.

The process is the one of :class:`~gridseval.envs.pool.pool.WorkerPool`, so crashes, hangs and
time limits are judged where they happen, by the same code as on one machine.
"""

from __future__ import annotations

import os

from gridseval.cluster.connection import gpu_here
from gridseval.envs.pool.messages import Refusal, Reply, Start, Step
from gridseval.envs.pool.pool import WorkerPool
from gridseval.envs.pool.settings import EnvSettings
from gridseval.envs.rendering.devices import EGL_DEVICE
from gridseval.errors import GridsevalError


class EnvActor:
    """One environment, for the pool of the driver.

    Args:
        settings: The environment to make, with the node's own folders.
        timeout_s: How long one message may take, as in a pool of processes.
        draws_on_gpu: Whether Ray gives it a share of a graphics card, on which it then draws.
    """

    def __init__(self, settings: EnvSettings, timeout_s: float, draws_on_gpu: bool) -> None:
        self._settings, self._timeout_s = settings, timeout_s
        self._draws_on_gpu = draws_on_gpu
        self._pool: WorkerPool | None = None

    def open(self) -> Refusal | None:
        """Start the worker process; return what the machine lacks for it, if anything."""
        if self._draws_on_gpu and EGL_DEVICE not in os.environ and (gpu := gpu_here()) is not None:
            os.environ[EGL_DEVICE] = gpu
        try:
            self._pool = WorkerPool(self._settings, 1, self._timeout_s)
        except GridsevalError as error:
            return Refusal(error)
        return None

    def exchange(self, message: Start | Step) -> Reply | Refusal:
        """Do what a message says; called after :meth:`open`."""
        assert self._pool is not None
        self._pool.send(0, message)
        try:
            (reply,) = self._pool.wait()
        except GridsevalError as error:
            return Refusal(error)
        return reply
