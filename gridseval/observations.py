"""Observations of several environments as one batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def stacked(observations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one batch of the observations of B environments.

    Args:
        observations: One per environment, at least one, all with the keys of the first; arrays of
            one key have one shape.

    Returns:
        Arrays and numbers as arrays (B, …); texts and mappings as tuples of length B.
    """
    batch: dict[str, Any] = {}
    for key, first in observations[0].items():
        values = [observation[key] for observation in observations]
        batch[key] = tuple(values) if isinstance(first, (str, Mapping)) else np.stack(values)
    return batch
