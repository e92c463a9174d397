"""Irregularity for textures: the same grain on every machine and with every version of numpy.

numpy's generators may change their streams between versions; here numbers come from mixing the bits
of the place and a seed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_MIX = (np.uint32(0x7FEB352D), np.uint32(0x846CA68B))


def white_noise(height: int, width: int, seed: int) -> Array:
    """Return independent numbers, float64 (height, width) in [0, 1)."""
    places = np.arange(height * width, dtype=np.uint32).reshape(height, width)
    bits = places + np.uint32(seed * 0x9E3779B9 & 0xFFFFFFFF)
    for shift, factor in zip((16, 15), _MIX, strict=True):
        bits = (bits ^ (bits >> np.uint32(shift))) * factor
    bits ^= bits >> np.uint32(16)
    return (bits >> np.uint32(8)).astype(np.float64) / 2.0**24


def smooth_noise(height: int, width: int, rows: int, columns: int, seed: int) -> Array:
    """Return noise that changes over (height / rows, width / columns) pixels and tiles seamlessly.

    Returns:
        float64 (height, width) in [0, 1).
    """
    coarse = white_noise(rows, columns, seed)
    y, weight_y = _steps(height, rows)
    x, weight_x = _steps(width, columns)
    near, far = coarse[y], coarse[(y + 1) % rows]
    lines = near + (far - near) * weight_y[:, None]
    left, right = lines[:, x], lines[:, (x + 1) % columns]
    return np.asarray(left + (right - left) * weight_x)


def layered_noise(
    height: int, width: int, rows: int, columns: int, seed: int, layers: int = 3
) -> Array:
    """Return smooth noise with ever finer, ever weaker noise on it, float64 in [0, 1)."""
    total = np.zeros((height, width))
    weight, weights = 1.0, 0.0
    for layer in range(layers):
        scale = 2**layer
        if rows * scale <= height and columns * scale <= width:
            total += weight * smooth_noise(
                height, width, rows * scale, columns * scale, seed + layer
            )
            weights += weight
        weight /= 2
    return total / weights


def _steps(count: int, cells: int) -> tuple[NDArray[np.int64], Array]:
    """Return for each pixel the cell it lies in, and a smooth weight of the next one."""
    place = np.arange(count, dtype=np.float64) * cells / count
    cell = np.floor(place)
    rest = place - cell
    return cell.astype(np.int64), rest * rest * (3.0 - 2.0 * rest)
