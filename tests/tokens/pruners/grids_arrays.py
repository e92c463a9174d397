"""Parameters and maps for GridS, drawn from seeds, so that a recording stores results only."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

B, SIDE, WIDTH, K = 3, 6, 12, 4
CASES: Mapping[str, Mapping[str, Any]] = {
    "openpi": {},
    "openpi_nearest": {"interpolation": "nearest"},
    "openpi_plain": {"embed_coords": False},
    "core": {},
    "new": {"margin": 0.05},
    "new_faint": {},
    "new_plain": {"embed_coords": False},
    "lerobot": {},
}
"""A recorded case to the arguments with which this package's sampler equals it."""


def grids_maps(case: str) -> NDArray[np.float32]:
    """Return float32 (B, SIDE, SIDE, WIDTH); of ``new_faint`` small ones, where eps matters."""
    size = 2e-3 if case == "new_faint" else 1.0
    drawn = np.random.default_rng(1).normal(size=(B, SIDE, SIDE, WIDTH)) * size
    # Far-off means for some rows: their coordinates reach the border.
    return (drawn + size * np.array([0, 2, -2]).reshape(B, 1, 1, 1)).astype(np.float32)


def grids_parameter(key: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return a parameter by its published key; equal keys give equal numbers."""
    rng = np.random.default_rng(zlib.crc32(key.encode()))
    scale = 1.5 if "scout_mlp" in key else 0.5
    fan = shape[0] if "kernel" in key else shape[-1]
    drawn = rng.normal(size=shape) * (scale / np.sqrt(fan) if len(shape) > 1 else 0.3)
    return (drawn + ("scale" in key)).astype(np.float32)
