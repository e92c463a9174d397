"""Motion, Gaussian and zoom blur."""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridseval.envs.perturbations.noise.loops import (
    F32,
    Index,
    add_shifted,
    add_zoomed,
    compiled,
)

Image = NDArray[np.uint8]

_MOTION = (
    *((5, 2), (8, 3), (10, 4), (12, 5), (15, 6)),
    *((18, 8), (20, 10), (25, 12), (30, 15), (35, 20)),
)
"""Radius (px) and standard deviation (px) by severity."""

_ZOOMS = (
    *((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03)),
    *((1.36, 0.01), (1.41, 0.01), (1.46, 0.02), (1.51, 0.02), (1.56, 0.03)),
)
"""End (literal: a sum that rounds differently may add a copy) and step of enlargements."""

_SCIPY_TRUNCATE = 4.0
_ROUNDING = 1e-3
"""Added before truncating, so that float32 does not turn an exact 128 into 127."""


def motion_blur(image: Image, severity: int, angle_deg: float) -> Image:
    """Blur along a line that starts at each pixel, as ImageMagick's motion blur does.

    The line has 2 · radius + 1 taps whose weights fall off as half a Gaussian; each tap is the
    nearest pixel, and beyond an edge the pixel on it. Values are rounded.

    Args:
        image: uint8 (height, width, 3).
        severity: From 1 to 10.
        angle_deg: The line's direction, from right (0°) to down (90°); within ±90°.
    """
    radius, sigma = _MOTION[severity - 1]
    taps = np.arange(2 * radius + 1)
    weights = np.exp(-(taps**2) / (2 * sigma**2))
    angle = math.radians(angle_deg)
    columns = np.ceil(taps * math.cos(angle) - 0.5).astype(np.int32)
    rows = np.ceil(taps * math.sin(angle) - 0.5).astype(np.int32)
    above, left = -min(0, rows.min()), -min(0, columns.min())
    padding = (above, max(0, rows.max())), (left, max(0, columns.max()))
    blurred = _filtered(_float(image), rows + above, columns + left, weights, padding)
    return np.rint(blurred).astype(np.uint8)


def gaussian_blur(image: Image, severity: int) -> Image:
    """Blur as ``skimage.filters.gaussian`` with a standard deviation of ``severity`` pixels."""
    return truncated(gaussian(_float(image), severity))


def gaussian(values: F32, sigma: float) -> F32:
    """Return an image blurred with a Gaussian, cut off at four standard deviations.

    Args:
        values: float32 (height, width, 3).
        sigma: Standard deviation in pixels.
    """
    radius = int(_SCIPY_TRUNCATE * sigma + 0.5)
    along = np.arange(2 * radius + 1, dtype=np.int32)
    weights = np.exp(-((along - radius) ** 2) / (2 * sigma**2))
    nowhere, around, none = np.zeros_like(along), (radius, radius), (0, 0)
    down = _filtered(values, along, nowhere, weights, (around, none))
    return _filtered(down, nowhere, along, weights, (none, around))


def zoom_blur(image: Image, severity: int) -> Image:
    """Average an image with copies enlarged about its centre.

    Enlargement z crops the middle ⌈size / z⌉ pixels, stretches them linearly so that corner pixels
    stay corner pixels, and cuts off what exceeds the size.

    Args:
        image: uint8 (height, width, 3).
        severity: From 1 to 10.
    """
    height, width, _ = image.shape
    values = _float(image)
    padded = np.pad(values, ((0, 1), (0, 1), (0, 0)), mode="edge").reshape(height + 1, -1)
    down, across = _stretch(height, severity), _stretch(width, severity)
    out = np.zeros((height, 3 * width), np.float32)
    places = down.before, down.beyond, across.before, across.beyond
    compiled(add_zoomed)(padded, *places, out)
    values += out.reshape(image.shape)
    values /= len(down.before) + 1
    return truncated(values)


def truncated(values: F32) -> Image:
    """Return values in [0, 255] as uint8, rounded down."""
    image: Image = np.clip(values + np.float32(_ROUNDING), 0, 255).astype(np.uint8)
    return image


class _Stretch(NamedTuple):
    """Where each pixel of each enlarged copy comes from, along one axis: (copies, size) each."""

    before: Index
    beyond: F32


@functools.lru_cache(maxsize=16)
def _stretch(size: int, severity: int) -> _Stretch:
    end, step = _ZOOMS[severity - 1]
    zooms = np.arange(1, end, step)
    places = []
    for zoom in zooms.tolist():
        crop = math.ceil(size / zoom)
        enlarged = round(crop * zoom)
        pixels = np.arange(size) + (enlarged - size) // 2
        scale = (crop - 1) / max(1, enlarged - 1)
        places.append((size - crop) // 2 + pixels * scale)
    positions = np.array(places)
    before = np.floor(positions).astype(np.int32)
    return _Stretch(before, (positions - before).astype(np.float32))


def _filtered(
    values: F32,
    rows: Index,
    columns: Index,
    weights: NDArray[np.float64],
    padding: tuple[tuple[int, int], tuple[int, int]],
) -> F32:
    """Return a weighted mean of shifted copies of an image, continued by its edge pixels."""
    height, width, channels = values.shape
    padded = np.pad(values, (*padding, (0, 0)), mode="edge")
    out = np.zeros((height, width * channels), np.float32)
    shares = (weights / weights.sum()).astype(np.float32)
    flat = padded.reshape(len(padded), -1)
    compiled(add_shifted)(flat, rows, channels * columns, shares, out)
    return out.reshape(values.shape)


def _float(image: Image) -> F32:
    return image.astype(np.float32)
