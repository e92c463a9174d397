"""Fog: a fractal height map over the image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_FOG = (
    *((0.5, 3.0), (1.0, 2.8), (1.5, 2.5), (2.0, 2.2), (2.5, 2.0)),
    *((3.0, 1.8), (3.5, 1.6), (4.0, 1.5), (4.5, 1.4), (5.0, 1.3)),
)
"""Density, and decay of the map's roughness from one scale to the next finer, by severity."""

_MAP_LEAST = 256


def fog(image: NDArray[np.uint8], severity: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Cover an image with fog.

    Args:
        image: uint8 (height, width, 3).
        severity: From 1 to 10.
        rng: Draws the height map: 256 px like upstream's, or the next power of two that covers a
            larger image.
    """
    density, decay = _FOG[severity - 1]
    height, width, _ = image.shape
    size = max(_MAP_LEAST, 1 << (max(height, width) - 1).bit_length())
    heights = height_map(size, decay, rng)[:height, :width, None]
    brightest = image.max() / 255
    scale = brightest / (brightest + density)
    foggy = (image.astype(np.float32) + np.float32(255 * density) * heights) * np.float32(scale)
    return np.clip(foggy, 0, 255).astype(np.uint8)


def height_map(size: int, decay: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return a fractal map by the diamond-square algorithm on a torus.

    From the coarsest scale to the finest, each square's centre and then each side's centre becomes
    the mean of the four points around it, plus noise that is uniform within ±w². The width w
    starts at 100 and is divided by ``decay`` after each scale.

    Args:
        size: Width and height, a power of two.
        decay: At least 1.
        rng: The source of randomness.

    Returns:
        float32 (size, size), from 0 to 1.
    """
    heights = np.zeros((size, size))
    step, width = size, 100.0
    while step >= 2:
        half = step // 2
        corners, middles = heights[::step, ::step], heights[half::step, half::step]
        rough = rng.uniform(-(width**2), width**2, (3, *corners.shape))
        rows = corners + np.roll(corners, -1, axis=0)
        middles[:] = (rows + np.roll(rows, -1, axis=1)) / 4 + rough[0]
        level = middles + np.roll(middles, 1, axis=0) + corners + np.roll(corners, -1, axis=1)
        heights[::step, half::step] = level / 4 + rough[1]
        upright = middles + np.roll(middles, 1, axis=1) + corners + np.roll(corners, -1, axis=0)
        heights[half::step, ::step] = upright / 4 + rough[2]
        step, width = half, width / decay
    heights -= heights.min()
    normalised: NDArray[np.float32] = (heights / heights.max()).astype(np.float32)
    return normalised
