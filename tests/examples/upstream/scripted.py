"""What all doubles of this folder answer: a chunk that only the number of the query decides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def scripted(query: int, steps: int) -> NDArray[np.float64]:
    """Return actions (steps, 7) in [−1, 1]; grippers go through −1, −0.5, 0, 0.5 and 1."""
    actions = np.sin(0.7 * np.arange(steps * 7).reshape(steps, 7) + query)
    actions[:, 6] = ((3 * query + np.arange(steps)) % 5 - 2) / 2
    return actions
