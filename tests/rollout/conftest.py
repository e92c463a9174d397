"""A pool without a simulator, and a policy that notes what it was told."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gridseval.envs.pool.messages import Reply, Start, Step
from gridseval.suites import Episode

Key = tuple[int, int]


def make_episodes(tasks: int, trials: int) -> list[Episode]:
    return [Episode("s", task, trial) for task in range(tasks) for trial in range(trials)]


@pytest.fixture(scope="session")
def episodes() -> Callable[[int, int], list[Episode]]:
    return make_episodes


@dataclass
class FakePool:
    """Counts steps instead of simulating them, and answers in a random order.

    Attributes:
        slots: Number of slots; then their numbers, as of any pool.
        steps: Policy steps that each episode takes; even tasks succeed, odd ones are cut off.
        failures: How often an episode's worker is lost, and in which of its messages (0: Start).
        seed: Of the order of replies.
    """

    slots: Any = 2
    steps: Callable[[int, int], int] = lambda task, trial: 5
    failures: dict[Key, tuple[int, int]] = field(default_factory=dict)
    seed: int = 0
    sent: list[tuple[int, Start | Step]] = field(default_factory=list)
    largest: int = 0

    def __post_init__(self) -> None:
        self.slots = range(self.slots)
        self._random = random.Random(self.seed)
        self._at: dict[int, list[int]] = {}  # slot: task, trial, steps, messages
        self._pending: dict[int, Start | Step] = {}
        self._lost: dict[Key, int] = {}

    def send(self, slot: int, message: Start | Step) -> None:
        assert slot not in self._pending, "the slot is busy"
        self.sent.append((slot, message))
        self._pending[slot] = message
        self.largest = max(self.largest, len(self._pending))

    def wait(self, wakes: Sequence[Any] = ()) -> list[Reply]:
        if not self._pending and wakes:
            wait(wakes)
            return []
        assert self._pending, "nobody would ever answer"
        count = self._random.randint(1, len(self._pending))
        chosen = self._random.sample(sorted(self._pending), count)
        return [self._answer(slot, self._pending.pop(slot)) for slot in chosen]

    def close(self) -> None:
        """Nothing is open."""

    def _answer(self, slot: int, message: Start | Step) -> Reply:
        if isinstance(message, Start):
            self._at[slot] = [message.task, message.trial, 0, 0]
        at = self._at[slot]
        key, number = (at[0], at[1]), at[3]
        times, place = self.failures.get(key, (0, 0))
        if number == place and self._lost.get(key, 0) < times:
            self._lost[key] = self._lost.get(key, 0) + 1
            return Reply(slot, failure=f"lost {self._lost[key]}")
        at[3] += 1
        end = self.steps(*key)
        if isinstance(message, Step):
            at[2] = min(end, at[2] + len(message.actions))
        over = at[2] >= end and isinstance(message, Step)
        good = over and at[0] % 2 == 0
        info: dict[str, Any] = {"steps": at[2], "seconds": {"physics": 0.5}}
        if isinstance(message, Start):
            self._record_every = message.record_every
        if self._record_every:
            info["frames"] = [{"step": at[2]}]
        return Reply(slot, _observe(*at[:3]), float(good), good, over and not good, info)


def _observe(task: int, trial: int, steps: int) -> dict[str, Any]:
    state = np.array([task, trial, steps, 0, 0, 0, 0, 0], np.float32)
    return {"state": state, "instruction": f"do {task}"}


class NotingPolicy:
    """Answers with actions that say for whom they are, and checks that slots are not mixed up."""

    observation_keys = ("state",)

    def __init__(self, chunk: int = 3) -> None:
        self.chunk = chunk
        self.resets: list[tuple[int, Episode]] = []
        self.batches: list[list[int]] = []
        self.now: dict[int, Episode] = {}

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        for slot, episode in zip(slots, episodes, strict=True):
            self.resets.append((slot, episode))
            self.now[slot] = episode

    def act(self, observations: Any) -> NDArray[np.float32]:
        self.batches.append([int(slot) for slot in observations["slots"]])
        rows = zip(
            observations["slots"],
            observations["state"],
            observations["steps"],
            observations["instruction"],
            strict=True,
        )
        return np.stack([self._one(*row) for row in rows])

    def _one(
        self, slot: Any, state: NDArray[np.float32], steps: Any, instruction: str
    ) -> NDArray[np.float32]:
        episode = self.now[int(slot)]
        assert (episode.task, episode.trial, steps) == tuple(state[:3]), "another slot's episode"
        assert instruction == f"do {episode.task}"
        chunk = np.zeros((self.chunk, 7), np.float32)
        chunk[:, 0], chunk[:, 1] = episode.task, episode.trial
        chunk[:, 2] = steps + np.arange(self.chunk)
        return chunk


@pytest.fixture(scope="session")
def fake_pool() -> type[FakePool]:
    return FakePool


@pytest.fixture(scope="session")
def noting_policy() -> type[NotingPolicy]:
    return NotingPolicy
