"""What doubles answer and frames show, decided by the number of the query or step alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def scripted(query: int, steps: int) -> NDArray[np.float64]:
    """Return actions (steps, 7) in [−1, 1]; grippers go through −1, −0.5, 0, 0.5 and 1."""
    actions = np.sin(0.7 * np.arange(steps * 7).reshape(steps, 7) + query)
    actions[:, 6] = ((3 * query + np.arange(steps)) % 5 - 2) / 2
    return actions


def smooth_frame(number: int, px: int = 256) -> np.ndarray[Any, Any]:
    """Return a frame without noise, a different one for every number: uint8 (px, px, 3)."""
    y, x = np.mgrid[0:px, 0:px] / px
    waves = [np.sin(2 * np.pi * (x * (1 + c) + y * (2 - c) + 0.05 * number)) for c in range(3)]
    return (127.5 + 100 * np.stack(waves, axis=-1)).round().astype(np.uint8)


INTERNVLA_STATISTICS: dict[str, Any] = {
    "franka": {
        "action": {
            "q01": [-0.5, -0.6, -0.9, -0.1, -0.2, -0.3, 0.0],
            "q99": [0.9, 0.8, 0.7, 0.2, 0.3, 0.4, 1.0],
            "mask": [True] * 6 + [False],
        }
    }
}


def internvla_said(query: int) -> np.ndarray[Any, Any]:
    """Return what the double predicts: some of it outside [−1, 1], the gripper around a half."""
    chunk = 1.3 * scripted(query, 8)
    chunk[:, 6] = 0.5 + 0.1 * np.sin(query + np.arange(8))
    return chunk.astype(np.float32)
