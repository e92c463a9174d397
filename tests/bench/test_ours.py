"""What the bench counts in gridseval's episodes, on a pool that only pretends."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gridseval.bench.ours import run_round
from gridseval.envs.pool.messages import Reply, Start, Step

STEPS = 6
BUSY_S = 0.05


class PretendedPool:
    """Replies at once; its "workers" use no processor time, but taking a reply in uses some."""

    def __init__(self, slots: int) -> None:
        self.slots = range(slots)
        self._done: dict[int, int] = {}
        self._replies: list[Reply] = []

    def pids(self) -> list[int]:
        return [os.getppid()] * len(self.slots)

    def send(self, slot: int, message: Start | Step) -> None:
        taken = len(message.actions) if isinstance(message, Step) else 0
        self._done[slot] = self._done.get(slot, 0) + taken if taken else 0
        seconds = dict.fromkeys(("compile", "reset", "physics", "rendering"), 0.0)
        info = {"steps": self._done[slot], "seconds": seconds, "sim_state": np.zeros(1)}
        self._replies.append(Reply(slot, info=info, truncated=self._done[slot] == STEPS))

    def wait(self, wakes: Any = ()) -> list[Reply]:
        until = time.process_time() + BUSY_S
        while time.process_time() < until:
            pass
        return [self._replies.pop(0)]


@pytest.mark.parametrize(("chunk", "images"), [(1, 12), (4, 4), (6, 2), (8, 2)])
def test_the_last_observation_has_no_images(chunk: int, images: int) -> None:
    pool: Any = PretendedPool(1)
    tape = np.zeros((STEPS, 7), np.float32)
    _, (episode,) = run_round(pool, 0, [3], tape, chunk)
    assert (episode.trial, episode.steps, episode.images) == (3, STEPS, images)


def test_episodes_bear_this_process_s_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gridseval.bench.ours.cpu_seconds", lambda pid: 0.5)
    pool: Any = PretendedPool(2)
    _, episodes = run_round(pool, 0, [0, 1], np.zeros((STEPS, 7), np.float32), STEPS)
    # Two replies each; both episodes together are all that this process did.
    assert len(episodes) == 2
    for episode in episodes:
        assert episode.cpu_s == pytest.approx(2 * BUSY_S, rel=0.5)
    monkeypatch.setattr("gridseval.bench.ours.cpu_seconds", lambda pid: None)
    _, (unknown,) = run_round(pool, 0, [0], np.zeros((STEPS, 7), np.float32), STEPS)
    assert unknown == replace(unknown, cpu_s=None)
