"""The strip below the cameras: the instruction, the step and the outcome."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from gridseval.status import Status
from gridseval.tokens.token_trace import TokenTrace

CAPTION_HEIGHT_PX = 64
_MARGIN_PX = 8
_LINE_PX = 18
_FONT_SIZES_PX = (15, 14, 13, 12, 11)
_LINE_FONT_PX, _COLUMN_GAP_PX = 13, 14

OUTCOME_RGB = {
    None: (24, 26, 30),
    "success": (20, 92, 48),
    "failure": (140, 28, 28),
    "error": (136, 80, 8),
}
"""Colours that repeat what the words say, for people who skim a folder of thumbnails."""

_WHITE, _GREY = (255, 255, 255), (190, 194, 200)


class Count(NamedTuple):
    """Kept and dense tokens of a camera, or of all."""

    name: str
    kept: int
    dense: int

    def text(self, kept: int | None = None) -> str:
        """Return the count as a caption shows it, or as it would for another number kept."""
        return f"{self.name} {self.kept if kept is None else kept}/{self.dense}"


def token_counts(trace: TokenTrace | None) -> tuple[Count, ...]:
    """Return a trace's counts, each camera's and then all; empty without a trace."""
    if trace is None:
        return ()
    each = [Count(c.camera, c.kept_count, c.dense_count) for c in trace.cameras]
    return (*each, Count("all", trace.kept_count, trace.dense_count))


class Caption:
    """Draws the strip of one episode, with a new last line for each frame.

    Args:
        width: In pixels.
        instruction: Shown on at most two lines: wrapped, then smaller, then shortened with "…".
    """

    def __init__(self, width: int, instruction: str) -> None:
        self._width = width
        self._font, self._lines = fit_text(instruction, width - 2 * _MARGIN_PX)

    def draw(
        self, line: str, status: Status | None = None, counts: Sequence[Count] = ()
    ) -> NDArray[np.uint8]:
        """Return the strip as uint8 (64, width, 3).

        Args:
            line: What is shown below the instruction, e.g. the step.
            status: ``"success"``, ``"failure"`` or ``"error"`` tint the strip; ``None`` does not.
            counts: Kept tokens, at the end of the same line; all but the last are left out where
                they do not fit.
        """
        image = Image.new("RGB", (self._width, CAPTION_HEIGHT_PX), OUTCOME_RGB[status])
        draw = ImageDraw.Draw(image)
        for number, text in enumerate(self._lines):
            draw.text((_MARGIN_PX, 4 + number * _LINE_PX), text, font=self._font, fill=_WHITE)
        fill = _GREY if status is None else _WHITE
        font = font_of(_LINE_FONT_PX)
        line_end = _MARGIN_PX + font.getlength(line) + _COLUMN_GAP_PX
        columns = [(_MARGIN_PX, line), *self._columns(counts, line_end)]
        for left, text in columns:
            draw.text((left, 5 + 2 * _LINE_PX), text, font=font, fill=fill)
        return np.asarray(image, np.uint8)

    def _columns(self, counts: Sequence[Count], free_from: float) -> list[tuple[int, str]]:
        """Return counts and where each begins, right-aligned as a whole.

        Columns are as wide as the largest count, so that nothing moves when a count changes.
        """
        font = font_of(_LINE_FONT_PX)
        texts = [("kept", "kept"), *((count.text(), count.text(count.dense)) for count in counts)]
        while len(texts) > 1:
            widths = [int(font.getlength(widest)) + _COLUMN_GAP_PX for _, widest in texts]
            left = self._width - _MARGIN_PX + _COLUMN_GAP_PX - sum(widths)
            if left >= free_from:
                starts = [left + sum(widths[:number]) for number in range(len(widths))]
                return [(start, text) for start, (text, _) in zip(starts, texts, strict=True)]
            del texts[1]
        return []


@lru_cache(maxsize=8)
def font_of(size_px: int) -> ImageFont.FreeTypeFont:
    """Return Pillow's own font."""
    font = ImageFont.load_default(size_px)
    assert isinstance(font, ImageFont.FreeTypeFont)  # as any Pillow with FreeType returns
    return font


def fit_text(text: str, width: int) -> tuple[ImageFont.FreeTypeFont, tuple[str, ...]]:
    """Return the largest font in which a text fits on two lines of ``width`` pixels, and the lines.

    A text too long for the smallest font is shortened after a whole letter.
    """
    words = text.split()
    for size in _FONT_SIZES_PX:
        font = font_of(size)
        lines = _wrap(words, width, font)
        if len(lines) <= 2 and all(font.getlength(line) <= width for line in lines):
            return font, lines
    shown = (lines[0], " ".join(lines[1:]))
    return font, tuple(shorten(line, width, font) for line in shown if line)


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


def shorten(text: str, width: int, font: ImageFont.FreeTypeFont) -> str:
    """Return the text, or as many of its letters as fit before a "…" in ``width`` pixels."""
    if font.getlength(text) <= width:
        return text
    kept = text
    while kept and font.getlength(kept.rstrip() + "…") > width:
        kept = kept[:-1]
    return kept.rstrip() + "…"
