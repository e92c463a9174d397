"""Statistics of the small checkpoints that are compared with upstream's evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np


def statistics(suite: str) -> dict[str, Any]:
    """Return statistics as a fine-tuning writes them."""
    rng = np.random.default_rng(3)

    def bounds(size: int) -> dict[str, Any]:
        low, wide = rng.uniform(-1.0, -0.3, size), rng.uniform(0.5, 2.0, size)
        return {
            "q01": low.tolist(),
            "q99": (low + wide).tolist(),
            "min": (low - 0.1).tolist(),
            "max": (low + wide + 0.1).tolist(),
        }

    action = bounds(7) | {"mask": [True] * 6 + [False]}
    for name, value in (("q01", 0.0), ("min", 0.0), ("q99", 1.0), ("max", 1.0)):
        action[name][6] = value
    return {f"{suite}_no_noops": {"action": action, "proprio": bounds(8)}}
