"""Uniform random actions, the same for an episode wherever and whenever it runs."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gridseval.policies.protocol import ACTION_SIZE, ActionChunk, Observations, at_least

if TYPE_CHECKING:
    from gridseval.suites import Episode


class RandomPolicy:
    """Draws each episode's actions from a generator of its own.

    One shared generator would make an episode depend on which others run beside it; here its
    actions follow from (seed, suite, task, trial) and the chunk length alone.

    Args:
        seed: The run's seed, at least 0.
        chunk: Steps H per query, at least 1.
    """

    observation_keys = ("state",)

    def __init__(self, seed: int = 0, chunk: int = 8) -> None:
        self._seed = at_least(0, "seed", seed)
        self._chunk = at_least(1, "chunk", chunk)
        self._generators: dict[int, np.random.Generator] = {}

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        """Start the generators of these episodes."""
        for slot, episode in zip(slots, episodes, strict=True):
            # crc32, because Python's hash() of a string changes from process to process.
            suite = zlib.crc32(episode.suite.encode())
            self._generators[int(slot)] = np.random.default_rng(
                [self._seed, suite, episode.task, episode.trial]
            )

    def act(self, observations: Observations) -> ActionChunk:
        """Return float32 (B, chunk, 7), uniform in [−1, 1)."""
        size = (self._chunk, ACTION_SIZE)
        drawn = [self._generators[int(slot)].uniform(-1, 1, size) for slot in observations["slots"]]
        return ActionChunk(np.stack(drawn).astype(np.float32))
