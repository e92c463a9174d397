"""Random changes of images that do not change what to do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def augmented(
    images: NDArray[np.uint8], rng: np.random.Generator, shift_px: int, colour: float
) -> NDArray[np.uint8]:
    """Return shifted images in other light.

    Each image is shifted by itself, and its border repeated; one light is on all images of a
    sample. Source of the shift: DrQ (arXiv 2004.13649).

    Args:
        images: uint8 (B, cameras, px, px, 3).
        rng: Where chance comes from.
        shift_px: Most pixels, to each side.
        colour: Most change of contrast and brightness, as a share; of each channel a third.

    Returns:
        uint8 of the same shape.
    """
    shifted = _shifted(images, rng, shift_px) if shift_px else images
    return _lit(shifted, rng, colour) if colour else shifted


def _shifted(images: NDArray[np.uint8], rng: np.random.Generator, most: int) -> NDArray[np.uint8]:
    px = images.shape[2]
    padded = np.pad(images, ((0, 0), (0, 0), (most, most), (most, most), (0, 0)), mode="edge")
    starts = rng.integers(0, 2 * most + 1, (*images.shape[:2], 2))
    shifted = np.empty_like(images)
    for row, camera in np.ndindex(images.shape[:2]):
        top, left = starts[row, camera]
        shifted[row, camera] = padded[row, camera, top : top + px, left : left + px]
    return shifted


def _lit(images: NDArray[np.uint8], rng: np.random.Generator, colour: float) -> NDArray[np.uint8]:
    count = len(images)
    contrast = 1 + rng.uniform(-colour, colour, (count, 1, 1))
    brightness = 128 * rng.uniform(-colour, colour, (count, 1, 1))
    tint = 1 + rng.uniform(-colour / 3, colour / 3, (count, 3, 1))
    levels = (np.arange(256) - 128) * contrast + 128 + brightness
    tables = np.clip(np.rint(levels * tint), 0, 255).astype(np.uint8)
    lit = np.empty_like(images)
    for row in range(count):
        for channel in range(3):
            lit[row, ..., channel] = tables[row, channel][images[row, ..., channel]]
    return lit
