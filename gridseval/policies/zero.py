"""The policy that does nothing: a floor for success rates, and free when speed is measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gridseval.policies.protocol import ACTION_SIZE, ActionChunk, Observations, at_least

if TYPE_CHECKING:
    from gridseval.suites import Episode


class ZeroPolicy:
    """No motion, gripper open.

    Args:
        chunk: Steps H per query, at least 1.
    """

    observation_keys = ("state",)

    def __init__(self, chunk: int = 8) -> None:
        self._chunk = at_least(1, "chunk", chunk)

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        """Nothing to do: every step of every episode is the same."""

    def act(self, observations: Observations) -> ActionChunk:
        """Return float32 (B, chunk, 7): zeros, and −1 for the gripper."""
        actions = np.zeros((len(observations["slots"]), self._chunk, ACTION_SIZE), np.float32)
        actions[..., 6] = -1
        return ActionChunk(actions)
