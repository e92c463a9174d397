"""The strip below the cameras: what to do, how far it got, and how it ended."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

CAPTION_HEIGHT_PX = 64
_MARGIN_PX = 8
_LINE_PX = 18
_FONT_SIZES_PX = (15, 14, 13, 12, 11)

# The colour repeats what the words say, for people who skim a folder of thumbnails.
_BACKGROUNDS = {
    None: (24, 26, 30),
    "success": (20, 92, 48),
    "failure": (140, 28, 28),
    "error": (136, 80, 8),
}
_WHITE, _GREY = (255, 255, 255), (190, 194, 200)


class Caption:
    """Draws the strip of one episode, again and again with another last line.

    Args:
        width: In pixels.
        instruction: Shown on at most two lines: wrapped, then smaller, then shortened with "…".
    """

    def __init__(self, width: int, instruction: str) -> None:
        self._width = width
        self._font, self._lines = fit_text(instruction, width - 2 * _MARGIN_PX)

    def draw(self, line: str, outcome: str | None = None) -> NDArray[np.uint8]:
        """Return the strip as uint8 (64, width, 3).

        Args:
            line: What is shown below the instruction, e.g. the step.
            outcome: ``"success"``, ``"failure"`` or ``"error"`` tint the strip; ``None`` does not.
        """
        image = Image.new("RGB", (self._width, CAPTION_HEIGHT_PX), _BACKGROUNDS[outcome])
        draw = ImageDraw.Draw(image)
        for number, text in enumerate(self._lines):
            draw.text((_MARGIN_PX, 4 + number * _LINE_PX), text, font=self._font, fill=_WHITE)
        fill = _GREY if outcome is None else _WHITE
        draw.text((_MARGIN_PX, 5 + 2 * _LINE_PX), line, font=_font(13), fill=fill)
        return np.asarray(image, np.uint8)


@lru_cache(maxsize=8)
def _font(size_px: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size_px)
    assert isinstance(font, ImageFont.FreeTypeFont)  # as any Pillow with FreeType returns
    return font


def fit_text(text: str, width: int) -> tuple[ImageFont.FreeTypeFont, tuple[str, ...]]:
    """Return the largest font in which a text fits on two lines of ``width`` pixels, and the lines.

    A text too long for the smallest font is shortened after a whole letter.
    """
    words = text.split()
    for size in _FONT_SIZES_PX:
        font = _font(size)
        lines = _wrap(words, width, font)
        if len(lines) <= 2 and all(font.getlength(line) <= width for line in lines):
            return font, lines
    shown = (lines[0], " ".join(lines[1:]))
    return font, tuple(_shorten(line, width, font) for line in shown if line)


def _wrap(words: list[str], width: int, font: ImageFont.FreeTypeFont) -> tuple[str, ...]:
    """Fill lines with words; a word wider than a line stands alone on one."""
    lines: list[str] = []
    for word in words:
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return tuple(lines)


def _shorten(text: str, width: int, font: ImageFont.FreeTypeFont) -> str:
    """Return the text, or as many of its letters as fit before a "…"."""
    if font.getlength(text) <= width:
        return text
    kept = text
    while kept and font.getlength(kept.rstrip() + "…") > width:
        kept = kept[:-1]
    return kept.rstrip() + "…"
