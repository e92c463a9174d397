"""Random generators that depend on what they are for, and on nothing that ran before."""

from __future__ import annotations

import zlib

import numpy as np


def generator(
    seed: int, suite: str, task: int, trial: int, purpose: str, step: int = 0
) -> np.random.Generator:
    """Return the generator of one purpose in one episode.

    Args:
        seed: The run's seed, not negative.
        suite: The suite's name.
        task: The task's index.
        trial: The trial's number.
        purpose: What is drawn, such as a kind of perturbation; others get other numbers.
        step: The control step, for what is drawn in each.
    """
    # crc32, since Python's own hash of a text differs from process to process.
    words = [zlib.crc32(text.encode()) for text in (suite, purpose)]
    return np.random.default_rng([seed, *words, task, trial, step])
