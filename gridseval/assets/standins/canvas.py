"""Pictures for textures: filled shapes, stripes and letters on a small image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gridseval.assets.standins.font import GLYPH_HEIGHT, GLYPH_WIDTH, glyph
from gridseval.assets.standins.mesh import Array
from gridseval.assets.standins.png import write_png

Colour = tuple[float, float, float]
"""Red, green, blue in [0, 255]."""

Area = tuple[float, float, float, float]
"""Left, bottom, right, top as shares of the image in [0, 1], upwards like texture coordinates."""

EVERYWHERE: Area = (0.0, 0.0, 1.0, 1.0)


class Canvas:
    """An image in the making; float64 colours until it is written.

    Args:
        width: Pixels.
        height: Pixels.
        colour: What it is filled with.

    Attributes:
        pixels: float64 (height, width, 3) in [0, 255], the first row on top.
    """

    def __init__(self, width: int, height: int, colour: Colour = (255, 255, 255)) -> None:
        self.pixels: Array = np.empty((height, width, 3))
        self.pixels[:] = colour

    def fill(self, area: Area, colour: Colour) -> None:
        """Fill a rectangle."""
        self.region(area)[:] = colour

    def region(self, area: Area) -> Array:
        """Return a view of the pixels of a rectangle, float64 (h, w, 3), to read or write."""
        height, width, _ = self.pixels.shape
        left, bottom, right, top = area
        return self.pixels[
            round((1 - top) * height) : round((1 - bottom) * height),
            round(left * width) : round(right * width),
        ]

    def ellipse(self, area: Area, colour: Colour) -> None:
        """Fill the ellipse that fits into a rectangle."""
        x, y = self._places(area)
        self.region(area)[x * x + y * y <= 1] = colour

    def polygon(self, corners: list[tuple[float, float]], colour: Colour) -> None:
        """Fill a convex polygon; corners are shares (u, v) of the image, counter-clockwise."""
        height, width, _ = self.pixels.shape
        u = ((np.arange(width) + 0.5) / width)[None]
        v = (1 - (np.arange(height) + 0.5) / height)[:, None]
        inside: NDArray[np.bool_] = np.ones((height, width), dtype=bool)
        for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
            inside &= (bx - ax) * (v - ay) - (by - ay) * (u - ax) >= 0
        self.pixels[inside] = colour

    def text(self, area: Area, words: str, colour: Colour, turn: int = 0) -> None:
        r"""Write words as large as fits into a rectangle, centred.

        Args:
            area: Where.
            words: Letters, digits and spaces; ``\n`` starts a new line.
            colour: Of the letters.
            turn: Quarter turns of the writing, counter-clockwise.
        """
        mask = np.rot90(_letters(words), -turn)
        target = self.region(area)
        rows, columns = mask.shape
        height, width = target.shape[:2]
        scale = min(width / columns, height / rows)
        shown_h, shown_w = int(rows * scale), int(columns * scale)
        y = ((np.arange(shown_h) + 0.5) / scale).astype(np.int64)
        x = ((np.arange(shown_w) + 0.5) / scale).astype(np.int64)
        top, left = (height - shown_h) // 2, (width - shown_w) // 2
        target[top : top + shown_h, left : left + shown_w][mask[np.ix_(y, x)]] = colour

    def blend(self, area: Area, shares: Array, colour: Colour) -> None:
        """Mix in a colour by ``shares``, float64 in [0, 1], as large as the rectangle in pixels."""
        target = self.region(area)
        target += (np.array(colour) - target) * shares[..., None]

    def shade(self, factors: Array | float, area: Area = EVERYWHERE) -> None:
        """Multiply pixels by one factor, or by an array as large as the rectangle in pixels."""
        target = self.region(area)
        target *= np.asarray(factors)[..., None]

    def fade(self, area: Area, bottom: Colour, top: Colour) -> None:
        """Fill a rectangle with colours from ``bottom`` to ``top``."""
        target = self.region(area)
        share = np.linspace(1, 0, len(target))[:, None, None]
        target[:] = np.array(bottom) * (1 - share) + np.array(top) * share

    def image(self) -> NDArray[np.uint8]:
        """Return the picture, uint8 (height, width, 3)."""
        # Rounded twice: what lies on a half by the last digit falls to the same side everywhere.
        return np.clip(np.round(np.round(self.pixels, 4)), 0, 255).astype(np.uint8)

    def save(self, path: Path) -> None:
        """Write the picture as a PNG file."""
        write_png(path, self.image())

    def _places(self, area: Area) -> tuple[Array, Array]:
        """Return x and y of the pixels of a rectangle, in [-1, 1], y upwards."""
        height, width, _ = self.region(area).shape
        x = (2 * np.arange(width) + 1) / width - 1
        y = 1 - (2 * np.arange(height) + 1) / height
        return np.broadcast_to(x[None], (height, width)), np.broadcast_to(
            y[:, None], (height, width)
        )


def _letters(words: str) -> NDArray[np.bool_]:
    """Return a mask of text, bool (rows, columns), one pixel per dot of the font."""
    lines = words.upper().split("\n")
    columns = max(len(line) for line in lines) * (GLYPH_WIDTH + 1) - 1
    rows = len(lines) * (GLYPH_HEIGHT + 2) - 2
    mask = np.zeros((rows, columns), dtype=bool)
    for number, line in enumerate(lines):
        y = number * (GLYPH_HEIGHT + 2)
        x = (columns - (len(line) * (GLYPH_WIDTH + 1) - 1)) // 2
        for letter in line:
            mask[y : y + GLYPH_HEIGHT, x : x + GLYPH_WIDTH] = glyph(letter)
            x += GLYPH_WIDTH + 1
    return mask
