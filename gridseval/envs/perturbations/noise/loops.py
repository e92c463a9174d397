"""The inner loops of the noises, written for numba: compiled once per machine, then cached.

numpy needs a temporary image per tap of a filter, and cannot express glass blur, in which each
pixel depends on those before it. Without ``fastmath`` results are equal on every machine.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
Index = NDArray[np.int32]


@functools.cache
def compiled(function: Callable[..., None]) -> Callable[..., None]:
    """Return a function of this module as machine code; numba is imported on first use."""
    import numba

    made: Any = numba.njit(cache=True, nogil=True)(function)
    return made  # type: ignore[no-any-return]


def add_shifted(padded: F32, rows: Index, columns: Index, weights: F32, out: F32) -> None:
    """Add weighted, shifted copies of an image.

    Args:
        padded: float32 (≥ height + max(rows), ≥ width + max(columns)).
        rows: int32 (n,), not negative: how far up each copy is shifted.
        columns: int32 (n,), not negative: how far left.
        weights: float32 (n,).
        out: float32 (height, width), added to.
    """
    height, width = out.shape
    for row in range(height):
        target = out[row]
        for tap in range(len(weights)):
            weight, start = weights[tap], columns[tap]
            source = padded[row + rows[tap], start : start + width]
            for column in range(width):
                target[column] += weight * source[column]


def add_zoomed(image: F32, rows: Index, down: F32, columns: Index, right: F32, out: F32) -> None:
    """Add bilinearly enlarged copies of an image of three interleaved channels.

    Args:
        image: float32 (height + 1, 3 · (width + 1)): the last row and pixel only pad.
        rows: int32 (n, height): the row above each row of each copy.
        down: float32 (n, height) in [0, 1): how far the row lies below it.
        columns: int32 (n, width): the pixel left of each pixel of each copy.
        right: float32 (n, width) in [0, 1).
        out: float32 (height, 3 · width), added to.
    """
    height = len(out)
    line = np.empty(image.shape[1], np.float32)
    for row in range(height):
        target = out[row]
        for copy in range(len(rows)):
            above, below = image[rows[copy, row]], image[rows[copy, row] + 1]
            weight = down[copy, row]
            for value in range(len(line)):
                line[value] = above[value] + weight * (below[value] - above[value])
            for pixel in range(columns.shape[1]):
                source, share = 3 * columns[copy, pixel], right[copy, pixel]
                # Written out: an inner loop over channels takes twice as long.
                red, green, blue = line[source], line[source + 1], line[source + 2]
                target[3 * pixel] += red + share * (line[source + 3] - red)
                target[3 * pixel + 1] += green + share * (line[source + 4] - green)
                target[3 * pixel + 2] += blue + share * (line[source + 5] - blue)


def scatter(image: NDArray[np.uint8], offsets: NDArray[np.int8], margin: int, swap: bool) -> None:
    """Exchange or overwrite pixels with near ones, from the last to the first, in place.

    Args:
        image: uint8 (height, width, 3).
        offsets: int8 (passes, rows, columns, 2): how far right and down the other pixel is, in the
            order of visits.
        margin: Rows and columns of that many pixels at each edge are not visited (one less at the
            end of the image).
        swap: Whether pixels are exchanged; else the visited one is overwritten.
    """
    height, width, _ = image.shape
    passes, rows, columns, _ = offsets.shape
    for turn in range(passes):
        for i in range(rows):
            for j in range(columns):
                row, column = height - margin - i, width - margin - j
                other_row = row + offsets[turn, i, j, 1]
                other_column = column + offsets[turn, i, j, 0]
                for channel in range(3):
                    kept = image[row, column, channel]
                    image[row, column, channel] = image[other_row, other_column, channel]
                    if swap:
                        image[other_row, other_column, channel] = kept
