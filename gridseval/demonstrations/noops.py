"""Actions that do nothing, as OpenVLA leaves them out of LIBERO's demonstrations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_STILL = 1e-4


def without_noops(actions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the actions that do something.

    An action does nothing if its motion is shorter than 0.0001 and its gripper command is that of
    the last action that was kept. Source: OpenVLA, ``regenerate_libero_dataset.py``.

    Args:
        actions: float32 (T, 7).

    Returns:
        float32 (n, 7), n ≤ T.
    """
    kept: list[NDArray[np.float32]] = []
    for action in actions:
        still = bool(np.linalg.norm(action[:6]) < _STILL)
        if not still or (kept and action[6] != kept[-1][6]):
            kept.append(action)
    return np.array(kept, np.float32).reshape(-1, 7)
