"""Smallest and largest values of the numbers of suites and protocols: one table for all."""

from __future__ import annotations

MOST_SEED = 2**32 - 1
"""Largest seed that numpy takes."""

MOST_PX = 4096
"""Largest side of an image."""

MOST_STEPS = 100_000
"""Most policy steps of an episode: 200 times LIBERO's longest. Memory is laid out for all."""

MOST_TRIALS = 100_000
"""Most stored initial states of a task: 2,000 times LIBERO's. A run lists all its episodes."""

BOUNDS = {
    "env_seed": (0, MOST_SEED),
    "image_px": (1, MOST_PX),
    "settle_steps": (0, 10_000),
    "max_steps": (1, MOST_STEPS),
    "trials": (1, MOST_TRIALS),
}
"""Smallest and largest value of each number of a suite or protocol, in files and options alike."""
