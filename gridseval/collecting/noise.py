"""Noise on executed actions, so that a dataset shows how to come back from mistakes.

After DART (Laskey et al., 2017): the noise disturbs what is executed, never the label.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridseval.suites import Episode

_ROTATION_SHARE = 1 / 3


@dataclass(frozen=True)
class ActionNoise:
    """Normal noise, the same for all actions of a chunk, on some chunks.

    Attributes:
        sigma: Standard deviation of translations, in units of actions.
        share: Share of the chunks that get any.
        seed: Draws depend on it, the episode and the step only.
    """

    sigma: float
    share: float
    seed: int

    def disturbed(
        self, actions: NDArray[np.float32], episode: Episode, step: int
    ) -> NDArray[np.float32]:
        """Return a chunk as it is executed.

        Args:
            actions: float32 (H, 7).
            episode: Whose.
            step: Policy steps taken before.

        Returns:
            float32 (H, 7), the same array without noise.
        """
        if self.sigma == 0:
            return actions
        text = f"{self.seed} {episode.suite} {episode.task} {episode.trial} {step}"
        draws = np.random.default_rng(
            int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
        )
        if draws.random() >= self.share:
            return actions
        noise = draws.normal(0.0, self.sigma, 6)
        noise[3:] *= _ROTATION_SHARE
        disturbed = actions.copy()
        disturbed[:, :6] += noise.astype(np.float32)
        return disturbed
