"""Draw episodes as rows of a sheet: a few frames, and what was the matter."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

PICTURE_PX = 160
_TEXT_PX, _GAP_PX, _LETTERS = 420, 8, 56
_PAPER, _INK, _FAINT = (255, 255, 255), (24, 26, 30), (110, 114, 122)


@dataclass(frozen=True, eq=False)
class Strip:
    """One episode on a sheet.

    Attributes:
        title: Suite, task and trial.
        name: The task's name.
        text: What was the matter.
        pictures: uint8 (256, 256, 3) each, in the order of time, and the step of each.
    """

    title: str
    name: str
    text: str
    pictures: tuple[tuple[int, NDArray[np.uint8]], ...]


def draw(strips: Sequence[Strip]) -> Image.Image:
    """Return a sheet, one episode below the other."""
    across = max(len(strip.pictures) for strip in strips)
    height = PICTURE_PX + 2 * _GAP_PX
    size = (across * (PICTURE_PX + _GAP_PX) + _TEXT_PX, len(strips) * height)
    image = Image.new("RGB", size, _PAPER)
    pen = ImageDraw.Draw(image)
    for number, strip in enumerate(strips):
        top = number * height + _GAP_PX
        for place, (step, picture) in enumerate(strip.pictures):
            left = place * (PICTURE_PX + _GAP_PX)
            small = Image.fromarray(picture).resize(
                (PICTURE_PX, PICTURE_PX), Image.Resampling.LANCZOS
            )
            image.paste(small, (left, top))
            pen.text(
                (left + 4, top + 2),
                f"step {step}",
                _PAPER,
                _font(12),
                stroke_width=2,
                stroke_fill=_INK,
            )
        left = across * (PICTURE_PX + _GAP_PX)
        pen.text((left, top), strip.title, _INK, _font(15))
        name = "\n".join(textwrap.wrap(strip.name.replace("_", " "), _LETTERS)[:4])
        pen.multiline_text((left, top + 24), name, _FAINT, _font(13))
        said = "\n".join(textwrap.wrap(strip.text, _LETTERS)[:4])
        pen.multiline_text((left, top + 96), said, _INK, _font(13))
    return image


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
