"""Policies for tests of whole runs; ``gridseval run --policy`` finds them by this file's path."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gridseval.policies import ActionChunk
from gridseval.policies.oracle import OraclePolicy
from gridseval.policies.random_actions import RandomPolicy
from gridseval.suites import Episode


class Sometimes(OraclePolicy):
    """Solves every other episode and stands still in the others: outcomes and steps differ."""

    def __init__(self) -> None:
        super().__init__()
        self._idle: dict[int, bool] = {}

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        super().reset(slots, episodes)
        for slot, episode in zip(slots, episodes, strict=True):
            self._idle[slot] = (episode.task + episode.trial) % 2 == 1

    def act(self, observations: Any) -> ActionChunk:
        actions = super().act(observations).actions.copy()
        for row, slot in enumerate(observations["slots"]):
            if self._idle[int(slot)]:
                actions[row, :, :6] = 0
        return ActionChunk(actions)


class Assassin(RandomPolicy):
    """Kills all workers of the run whenever it is asked about trial 1."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self._trials: dict[int, int] = {}

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        super().reset(slots, episodes)
        self._trials.update(zip(slots, (episode.trial for episode in episodes), strict=True))

    def act(self, observations: Any) -> ActionChunk:
        if 1 in [self._trials[int(slot)] for slot in observations["slots"]]:
            for pid in workers_of(os.getpid()):
                os.kill(pid, signal.SIGKILL)
        return super().act(observations)


class LongChunk(RandomPolicy):
    """Plans 40 steps at once."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed, chunk=40)


class Witness(RandomPolicy):
    """Keeps every state that it is shown."""

    def __init__(self) -> None:
        super().__init__(seed=3, chunk=4)
        self.seen: dict[tuple[Episode, int], Any] = {}
        self._now: dict[int, Episode] = {}

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        super().reset(slots, episodes)
        self._now.update(zip(slots, episodes, strict=True))

    def act(self, observations: Any) -> ActionChunk:
        rows = zip(observations["slots"], observations["steps"], observations["state"], strict=True)
        for slot, step, state in rows:
            self.seen[self._now[int(slot)], int(step)] = np.array(state)
        return super().act(observations)


def workers_of(parent: int) -> list[int]:
    """Return the ids of a process's living workers."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, above = stat.read_text().rpartition(")")[2].split()[:2]
            command = stat.with_name("cmdline").read_bytes()
        except OSError:
            continue  # it has ended meanwhile
        if int(above) == parent and state != "Z" and b"gridseval.envs.pool.worker" in command:
            found.append(int(stat.parent.name))
    return found


class Onlooker(RandomPolicy):
    """Does what its images say: one other pixel, and other actions follow."""

    observation_keys = ("agentview", "wrist", "state")

    def __init__(self) -> None:
        super().__init__(seed=3, chunk=4)

    def act(self, observations: Any) -> ActionChunk:
        drawn = super().act(observations).actions
        seen = [observations[key].reshape(len(drawn), -1) for key in ("agentview", "wrist")]
        sums = np.concatenate(seen, axis=1).sum(axis=1, dtype=np.int64) % 1000
        return ActionChunk(np.clip(drawn * (sums[:, None, None] / 1000), -1, 1).astype(np.float32))


class Paced(RandomPolicy):
    """Thinks for as many seconds as the environment variable PACE_S says."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed, chunk=4)

    def act(self, observations: Any) -> ActionChunk:
        time.sleep(float(os.environ.get("PACE_S", "0")))
        return super().act(observations)


class Preempted(RandomPolicy):
    """Ends its process with SIGKILL in trial 1, where PREEMPTED says so, and lists who was made."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        if "MADE" in os.environ:
            with Path(os.environ["MADE"]).open("a") as file:
                file.write("made\n")

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        super().reset(slots, episodes)
        if "PREEMPTED" in os.environ and 1 in [episode.trial for episode in episodes]:
            os.kill(os.getpid(), signal.SIGKILL)
