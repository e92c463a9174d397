"""Policies that go wrong in the middle of a run; named by this file's path."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gridseval.policies.random_actions import RandomPolicy
from gridseval.policies.zero import ZeroPolicy
from gridseval.suites import Episode


class Wrong(RandomPolicy):
    """Does what its argument says in the second query of trial 1."""

    def __init__(self, what: str, seed: int = 0) -> None:
        super().__init__(seed, chunk=4)
        self._what = what
        self._trials: dict[int, int] = {}

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        super().reset(slots, episodes)
        self._trials.update(zip(slots, (episode.trial for episode in episodes), strict=True))

    def act(self, observations: Any) -> Any:
        actions = super().act(observations).actions
        rows = zip(observations["slots"], observations["steps"], strict=True)
        if not any(self._trials[int(slot)] == 1 and step == 4 for slot, step in rows):
            return actions
        if self._what == "raise":
            raise KeyError("image")
        return actions * np.nan if self._what == "nan" else actions[:, :, :6]


class Seeing(ZeroPolicy):
    """Looks at images."""

    observation_keys = ("agentview", "state")


class Lossy(ZeroPolicy):
    """Kills its worker in trial 1, each time it is asked, while a file is there."""

    observation_keys = ("state",)

    def __init__(self, file: str) -> None:
        super().__init__()
        self._file = Path(file)
        self._trials: dict[int, int] = {}

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        super().reset(slots, episodes)
        self._trials.update(zip(slots, (episode.trial for episode in episodes), strict=True))

    def act(self, observations: Any) -> Any:
        if self._file.exists() and 1 in [self._trials[int(s)] for s in observations["slots"]]:
            for stat in Path("/proc").glob("[0-9]*/stat"):
                _kill_worker(stat)
        return super().act(observations)


def _kill_worker(stat: Path) -> None:
    try:
        parent = stat.read_text().rpartition(")")[2].split()[1]
        command = stat.with_name("cmdline").read_bytes()
    except OSError:
        return  # it has ended meanwhile
    if int(parent) == os.getpid() and b"gridseval.envs.pool.worker" in command:
        os.kill(int(stat.parent.name), signal.SIGKILL)
