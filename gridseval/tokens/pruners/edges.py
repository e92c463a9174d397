"""Edges of images, as OpenCV's ``Canny`` finds them; numpy only.

Source: J. Canny, "A Computational Approach to Edge Detection", PAMI 1986, with the choices of
OpenCV's documentation: Sobel kernels of 3 x 3, borders repeated, |dx| + |dy| as the gradient's
size, suppression along one of four directions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_GRAY = np.array([9798, 19235, 3735])
"""Rec. 601 in units of 2⁻¹⁵, as OpenCV's ``RGB2GRAY`` has it, so that both round alike."""
_TAN = np.tan(np.pi / 8)


def canny(image: NDArray[np.uint8], low: float, high: float) -> NDArray[np.bool_]:
    """Return which pixels are edges, bool (height, width).

    Args:
        image: uint8 (height, width, 3), red first.
        low: Edges go on along gradients above this.
        high: Edges begin at gradients above this.
    """
    gray = ((image.astype(np.int64) @ _GRAY + (1 << 14)) >> 15).astype(np.float64)
    dx = ndimage.correlate(gray, _SOBEL, mode="nearest")
    dy = ndimage.correlate(gray, _SOBEL.T, mode="nearest")
    peaks = _peaks(dx, dy) & (np.abs(dx) + np.abs(dy) > low)
    strong = peaks & (np.abs(dx) + np.abs(dy) > high)
    labels, count = ndimage.label(peaks, structure=np.ones((3, 3)))
    begun = np.zeros(count + 1, dtype=np.bool_)
    begun[labels[strong]] = True
    begun[0] = False
    found: NDArray[np.bool_] = begun[labels]
    return found


_SOBEL = np.array([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])


def _peaks(dx: NDArray[np.float64], dy: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return where the gradient is largest along its own direction, bool (height, width)."""
    size = np.pad(np.abs(dx) + np.abs(dy), 1)
    here = size[1:-1, 1:-1]

    def beside(down: int, right: int) -> NDArray[np.float64]:
        height, width = here.shape
        moved: NDArray[np.float64] = size[1 + down :, 1 + right :][:height, :width]
        return moved

    x, y = np.abs(dx), np.abs(dy)
    across = (here > beside(0, -1)) & (here >= beside(0, 1))
    upright = (here > beside(-1, 0)) & (here >= beside(1, 0))
    falling = (here > beside(-1, -1)) & (here > beside(1, 1))
    rising = (here > beside(-1, 1)) & (here > beside(1, -1))
    slanted = np.where((dx < 0) != (dy < 0), rising, falling)
    is_across, is_upright = y < x * _TAN, y > x * (_TAN + 2)
    found: NDArray[np.bool_] = np.where(is_across, across, np.where(is_upright, upright, slanted))
    return found
