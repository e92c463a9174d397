"""Textures made of two colours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gridseval.envs.perturbations.perturbation import Surface


def paint(surface: Surface, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return texels.

    Args:
        surface: Pattern and colours.
        shape: Height and width; height is a multiple of width in a texture with several faces.

    Returns:
        uint8 (height, width, 3).
    """
    colours = np.round(255 * np.array(surface.colours)).astype(np.uint8)
    return colours[_second(surface, *shape).astype(np.intp)]


def _second(surface: Surface, height: int, width: int) -> NDArray[np.bool_]:
    """Return where the second colour is, bool (height, width)."""
    cells = max(1, surface.cells)
    rows, columns = np.indices((height, width)) * 2 * cells // width
    if surface.pattern == "stripes":
        return np.asarray(columns % 2 == 1)
    if surface.pattern == "checker":
        return np.asarray((rows + columns) % 2 == 1)
    if surface.pattern == "speckle":
        # Seeded by the pattern itself: the same surface always looks the same.
        blocks = np.random.default_rng(cells).random((int(rows.max()) + 1, 2 * cells)) < 0.5
        return np.asarray(blocks[rows, columns])
    return np.zeros((height, width), dtype=bool)
