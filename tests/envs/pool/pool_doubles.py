"""An environment without a simulator that fails on demand; workers import it by its name."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridseval.envs.pool.settings import EnvSettings
from gridseval.errors import MachineError, UsageError


def _raise() -> None:
    raise ValueError("qpos is broken")


def _refuse() -> None:
    raise MachineError("no models here", "name some")


def _abort() -> None:
    sys.stderr.write("first line\nlibGL: the driver is broken\n")
    sys.stderr.flush()
    os.abort()


def _misuse() -> None:
    raise UsageError("no such thing")


def _hang_up() -> None:
    os.closerange(3, 256)
    time.sleep(3600)


def _babble() -> None:
    os.lseek(2, 1 << 28, os.SEEK_SET)
    os.write(2, b"\nlibGL: enough said\n")
    os.abort()


def _spin() -> None:
    while True:
        pass


def _work(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


BAD = {
    "fine": lambda: None,
    "raise": _raise,
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "exit": lambda: os._exit(3),
    "sleep": lambda: time.sleep(3600),
    "spin": _spin,
    "refuse": _refuse,
    "abort": _abort,
    "misuse": _misuse,
    "hang up": _hang_up,
    "babble": _babble,
    "work": lambda: _work(4.0),
}
TRIALS = list(BAD)
"""What happens in the reset of which trial; in a step, actions[0] is the trial."""


COMPILES = (7, 8)
"""Tasks whose reset compiles; nothing happens then but what the trial says."""


class FakeEnv:
    def __init__(self, settings: FakeSettings) -> None:
        self._settings, self.seconds = settings, {"physics": 0.25}
        self._task = self._trial = self._steps = self._value = 0
        self._seed = settings.seed

    def reset(
        self, *, seed: int | None, options: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        self._task, self._trial, self._steps = options["task"], options["trial"], 0
        self._seed = self._seed if seed is None else seed
        if self._settings.fatal:
            BAD[TRIALS[self._trial]]()
        return self._look(), self._info()

    def step(self, actions: Any) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        first = np.atleast_2d(actions)[0, 0]
        if self._settings.fatal:
            BAD[TRIALS[int(first)]]()
        self._steps += len(np.atleast_2d(actions))
        self._value = int(first)
        over = self._steps >= (self._settings.max_steps or 10)
        return self._look(), 0.0, False, over, self._info()

    def is_compiled(self, task: int, trial: int) -> bool:
        return task not in COMPILES

    def close(self) -> None:
        """Nothing is open."""

    def _info(self) -> dict[str, Any]:
        told = {"pid": os.getpid(), "seed": self._seed, "task": self._task, "trial": self._trial}
        return {"is_success": False, "steps": self._steps, **told}

    def _look(self) -> dict[str, Any]:
        full = np.full((256, 256, 3), 10 * self._task + self._trial, np.uint8)
        state = np.full(8, 0.5 * self._trial, np.float32)
        seen = {"agentview": full, "wrist": full + 1, "state": state}
        kept = {key: seen[key] for key in self._settings.observations}
        return {**kept, "instruction": f"do {self._task}"}


@dataclass(frozen=True)
class FakeSettings(EnvSettings):
    """Settings of the environment above.

    Attributes:
        fatal: Whether it fails on demand.
    """

    fatal: bool = True

    def make(self) -> FakeEnv:  # type: ignore[override]
        return FakeEnv(self)
