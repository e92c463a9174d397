"""Frames for the comparison of OpenVLA's image chain, the same where it is recorded and tested."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ROW_STEP = 19
"""Of frames that are made, and of images without a crop, every so many-th row is recorded."""

SHAPES = {"noise": (256, 256), "small": (97, 131), "as_large": (224, 224), "large": (360, 480)}


def made_frames() -> dict[str, NDArray[np.uint8]]:
    """Return frames that need no recording: noise, gradients, edges; square, small and large."""
    frames = {
        name: np.random.default_rng(number).integers(0, 256, (*shape, 3), dtype=np.uint8)
        for number, (name, shape) in enumerate(SHAPES.items())
    }
    rows, columns = np.indices((256, 256))
    frames["gradient"] = np.stack([rows, columns, 255 - (rows + columns) // 2], -1).astype(np.uint8)
    stripes = (rows // 5 + columns // 7) % 2
    frames["edges"] = np.stack([255 * stripes, 255 - 255 * stripes, 40 * stripes], -1).astype(
        np.uint8
    )
    frames["black"] = np.zeros((256, 256, 3), np.uint8)
    frames["white"] = np.full((200, 256, 3), 255, np.uint8)
    return frames
