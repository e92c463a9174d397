"""The actions that every loop of the bench executes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_TRANSLATION, _ROTATION = 0.5, 0.1
_PERIODS_STEPS = (30.0, 90.0)


def action_tape(seed: int, steps: int) -> NDArray[np.float32]:
    """Return smooth, seeded actions that swing the arm about where it started.

    Sums of two slow sines of random phase: long enough pushes in no direction to reach a goal, and
    gripper phases of about a second.

    Returns:
        float32 (steps, 7) in [−1, 1]: 0–2 eef translation, 3–5 axis-angle, 6 gripper.
    """
    rng = np.random.default_rng(seed)
    time = np.arange(steps)[:, None]
    phases = rng.uniform(0, 2 * np.pi, (2, 7))
    slow, fast = (
        np.sin(2 * np.pi * time / period + phase)
        for period, phase in zip(_PERIODS_STEPS, phases, strict=True)
    )
    swing = 0.5 * (slow + fast)
    scale = np.array([_TRANSLATION] * 3 + [_ROTATION] * 3 + [1.0])
    return np.asarray(swing * scale, dtype=np.float32)
