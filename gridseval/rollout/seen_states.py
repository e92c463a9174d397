"""Which states the policy was shown in an episode."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class SeenStates:
    """The extent of the hand's positions, and whether there was any state at all.

    Attributes:
        queries: How many states were seen.
        zeros: Whether all of them were all zeros.
    """

    def __init__(self) -> None:
        self.queries, self.zeros = 0, True
        self._low: NDArray[Any] | None = None
        self._high: NDArray[Any] | None = None

    def see(self, state: Any) -> None:
        """Take in a state, float32 (8,), whose first three numbers are a position in metres."""
        position = np.array(state[:3], np.float64)
        self.queries += 1
        self.zeros = self.zeros and not np.any(state)
        self._low = position if self._low is None else np.minimum(self._low, position)
        self._high = position if self._high is None else np.maximum(self._high, position)

    @property
    def extent_m(self) -> float | None:
        """The largest side of the box of all positions; ``None`` for fewer than two states."""
        if self._low is None or self._high is None or self.queries < 2:
            return None
        return float((self._high - self._low).max())
