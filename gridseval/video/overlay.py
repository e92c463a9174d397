"""Draws the tokens that a policy kept over a camera's picture.

It computes all that depends on the trace alone once, as three arrays. A frame then costs three
multiplications. Picture coordinates are edge to edge: pixel i spans [i, i + 1].
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridseval.tokens.mapping import ImageMapping
from gridseval.tokens.token_trace import CameraTrace

Float = NDArray[np.float32]

MARK_RGB = (255, 194, 10)
"""Amber: told from grey by hue with every common colour blindness, and by its light without any."""

_OUTLINE_RGB = (12, 12, 16)
_MARK_RADIUS_PX, _OUTLINE_PX = 2.6, 1.3
_REACH_PX = 5  # of a mark around the pixel that it is in

# Contrast and light of what did not reach the language model, and of what the model's crop left
# out. The light is there so that black things that were kept differ from those that were not.
_PRUNED, _UNSEEN = (0.26, 36), (0.10, 8)

# Luminance by ITU-R BT.601, in 256ths.
_LUMA = (77, 150, 29)


class Overlay:
    """One camera's trace, ready to be laid over any number of frames.

    Kept tokens show the frame as it is, pixels cut by a cell's edge in proportion to the area that
    is inside. Sampled points are dots; around each the frame comes back to colour as far as its
    bilinear footprint reaches, by the weight that a patch at that place has in the sample. All
    else is grey and dim, darker still where the model's crop never looked.

    Args:
        trace: The camera's tokens, or ``None`` if the policy does not look through this camera.
        mapping: From the model's input image to the frame.
        width: The frame's, in pixels.
        height: Likewise.
    """

    def __init__(
        self, trace: CameraTrace | None, mapping: ImageMapping, width: int, height: int
    ) -> None:
        shape = (height, width)
        seen = colour = outline = dots = np.zeros(shape, np.float32)
        if trace is not None:
            axes = _Axes(trace.grid, mapping, (width, height))
            cells = axes.cells()
            seen = _total(*(axis.sum(axis=0, keepdims=True) for axis in cells))
            if trace.points is None:
                assert trace.kept is not None
                across, down = cells
                kept = trace.kept.reshape(trace.grid)
                columns = [across[row].sum(axis=0) for row in kept]
                colour = _total(np.array(columns), down)
            else:
                colour = np.minimum(_total(*axes.footprints(trace.points)), seen)
                dots, outline = _marks(axes.pixels(trace.points), shape)
        self._fold(colour, seen, dots, outline)

    def _fold(self, colour: Float, seen: Float, dots: Float, outline: Float) -> None:
        """Write ``frame · colour + grey · dim + added`` as 256ths, which 16 bits can hold."""
        under = 256 * np.maximum(1 - dots - outline, 0)
        pruned, unseen = np.maximum(seen - colour, 0) * under, (1 - seen) * under
        light = _PRUNED[1] * pruned + _UNSEEN[1] * unseen
        added = np.empty((*light.shape, 3), np.uint16)
        for channel, (mark, edge) in enumerate(zip(MARK_RGB, _OUTLINE_RGB, strict=True)):
            added[..., channel] = light + 256 * mark * dots + 256 * edge * outline
        self._colour = np.rint(under * colour).astype(np.uint16)[..., None]
        self._dim = (_PRUNED[0] * pruned + _UNSEEN[0] * unseen).astype(np.uint16)
        self._added = added

    def draw(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the frame, uint8 (height, width, 3), as the policy used it."""
        wide: NDArray[Any] = frame.astype(np.uint16)
        red, green, blue = _LUMA
        grey = (wide[..., 0] * red + wide[..., 1] * green + wide[..., 2] * blue) >> 8
        grey *= self._dim
        wide *= self._colour
        wide += grey[..., None]
        wide += self._added
        wide >>= 8
        return wide.astype(np.uint8)


class _Axes:
    """Where a token grid lies on a frame; mappings keep rows and columns apart, so this does."""

    def __init__(self, grid: tuple[int, int], mapping: ImageMapping, size: tuple[int, int]) -> None:
        self._counts = (grid[1], grid[0])
        self._mapping, self._size = mapping, size

    def pixels(self, points: NDArray[Any]) -> NDArray[np.float64]:
        """Return places on the frame in pixels, float64 (K, 2), of places on the model's image."""
        return self._mapping.to_frame(points) * self._size

    def cells(self) -> list[Float]:
        """Return, for x and y, what share of each pixel each cell covers: (cells, pixels)."""
        shares = []
        for axis, (count, length) in enumerate(zip(self._counts, self._size, strict=True)):
            edges = self.pixels(np.repeat(np.arange(count + 1)[:, None] / count, 2, axis=1))
            low, high = np.sort([edges[:-1, axis], edges[1:, axis]], axis=0)
            pixel = np.arange(length)
            covered = np.minimum(high[:, None], pixel + 1) - np.maximum(low[:, None], pixel)
            shares.append(np.clip(covered, 0, 1).astype(np.float32))
        return shares

    def footprints(self, points: Float) -> list[Float]:
        """Return, for x and y, each point's bilinear weight at each pixel's centre: (K, pixels)."""
        weights = []
        for axis, (count, length) in enumerate(zip(self._counts, self._size, strict=True)):
            cell_px = abs(self._mapping.scale[axis]) * length / count
            distance = np.abs(np.arange(length) + 0.5 - self.pixels(points)[:, axis, None])
            weights.append(np.clip(1 - distance / cell_px, 0, 1).astype(np.float32))
        return weights


def _total(across: Float, down: Float) -> Float:
    """Return the sum of the products of rows, (height, width), at most 1.

    Not by a matrix product: BLAS would start threads, on cores that belong to the simulation.
    """
    total = np.zeros((down.shape[1], across.shape[1]), np.float32)
    for wide, high in zip(across, down, strict=True):
        columns, rows = np.flatnonzero(wide), np.flatnonzero(high)
        if len(columns) and len(rows):
            x = slice(columns[0], columns[-1] + 1)
            y = slice(rows[0], rows[-1] + 1)
            total[y, x] += high[y, None] * wide[x]
    return np.minimum(total, 1, out=total)


def _marks(centres: NDArray[np.float64], shape: tuple[int, int]) -> tuple[Float, Float]:
    """Return how much of each pixel dots and their outlines cover, later ones above earlier."""
    around = np.arange(-_REACH_PX, _REACH_PX + 1)
    near = np.unique(centres, axis=0)
    near = near[((near > -_REACH_PX) & (near < np.add(shape[::-1], _REACH_PX))).all(axis=1)]
    corners = np.floor(near).astype(np.int64)
    columns, rows = (
        (corners[:, axis, None] + around + 0.5 - near[:, axis, None]) for axis in (0, 1)
    )
    distance = np.hypot(columns[:, None, :], rows[:, :, None])
    inner, outer = (
        np.clip(radius + 0.5 - distance, 0, 1)
        for radius in (_MARK_RADIUS_PX, _MARK_RADIUS_PX + _OUTLINE_PX)
    )
    # Wider than the picture, so that what is cut off needs no care.
    canvas = np.zeros((2, shape[0] + 4 * _REACH_PX, shape[1] + 4 * _REACH_PX), np.float32)
    for (x, y), dot, disc in zip(corners + _REACH_PX, inner, outer, strict=True):
        part = canvas[:, y : y + len(around), x : x + len(around)]
        part *= 1 - disc
        part[0] += dot
        part[1] += disc - dot
    dots, outline = canvas[:, 2 * _REACH_PX : -2 * _REACH_PX, 2 * _REACH_PX : -2 * _REACH_PX]
    return dots, outline
