"""Random numbers of pruners, which do not depend on what runs beside an episode."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from gridseval.errors import PolicyError

if TYPE_CHECKING:
    from gridseval.suites import Episode


@dataclass
class _Running:
    """An episode in a slot."""

    episode: Episode
    queries: int = 0


class EpisodeDraws:
    """Makes a random generator per query that depends on seed, episode and query alone.

    Args:
        seed: At least 0.
        device: The torch device that draws.
    """

    def __init__(self, seed: int, device: str = "cpu") -> None:
        self._seed, self._device = seed, device
        self._running: dict[int, _Running] = {}

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        """Begin episodes in slots."""
        numbers = [int(slot) for slot in slots]
        self._running.update(zip(numbers, map(_Running, episodes), strict=True))

    def generator(self, slot: int) -> torch.Generator:
        """Return the generator of a slot's present query.

        Raises:
            PolicyError: No episode began in the slot.
        """
        running = self._started(slot)
        episode = running.episode
        # crc32, because Python's hash() of a string changes from process to process.
        entropy = (self._seed, zlib.crc32(episode.suite.encode()), episode.task, episode.trial)
        (number,) = np.random.SeedSequence((*entropy, running.queries)).generate_state(1, np.uint64)
        return torch.Generator(self._device).manual_seed(int(number) >> 1)

    def advance(self, slots: Sequence[int]) -> None:
        """Go on to the next query of slots.

        Raises:
            PolicyError: No episode began in one of them.
        """
        for slot in slots:
            self._started(slot).queries += 1

    def _started(self, slot: int) -> _Running:
        if slot not in self._running:
            raise PolicyError(f"slot {slot} asks before an episode began in it", "call reset first")
        return self._running[slot]
