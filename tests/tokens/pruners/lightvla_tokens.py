"""Tokens for the comparison with LightVLA's own pruner."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

COUNT, WORDS, WIDTH, SEEDS = 512, 90, 256, range(4)
ROWS = 6
"""Of the scores only these rows are recorded."""


def lightvla_tokens(seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return visual tokens (1, COUNT, WIDTH) and text (1, WORDS, WIDTH), alike enough to matter."""
    rng = np.random.default_rng(seed)
    visual = rng.normal(size=(1, COUNT, WIDTH)) + 0.3 * rng.normal(size=(1, 1, WIDTH))
    # Words near to visual tokens: large products, of which bfloat16 keeps little.
    near = visual[:, rng.integers(0, COUNT, WORDS)]
    text = near + 0.5 * rng.normal(size=(1, WORDS, WIDTH))
    return visual.astype(np.float32), text.astype(np.float32)
