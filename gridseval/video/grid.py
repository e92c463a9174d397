"""Many small pictures with their names, as one PNG or JPEG file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from gridseval.video.caption import fit_text, font_of
from gridseval.video.image_file import save_image
from gridseval.video.picture import BACKGROUND_RGB

_TEXT_RGB, _FAINT_RGB = (255, 255, 255), (190, 194, 200)
_GAP_PX, _LABEL_PX, _LINE_PX, _TITLE_PX = 12, 44, 19, 34
_WIDEST_PX = 2400


@dataclass(frozen=True, eq=False)
class Cell:
    """Pictures that belong together, and their label.

    Attributes:
        label: At most two lines are shown.
        images: uint8 (height, width, 3), RGB, at least one, all of one size.
    """

    label: str
    images: tuple[NDArray[np.uint8], ...]


@dataclass(frozen=True, eq=False)
class Section:
    """Cells under a heading.

    Attributes:
        heading: One line.
        cells: At least one.
    """

    heading: str
    cells: tuple[Cell, ...]


def write_grid(path: Path, title: str, sections: Sequence[Section], columns: int = 0) -> Path:
    """Write pictures in rows, each above its label; equal pictures give an equal file.

    Args:
        path: Ends in ``.png``, ``.jpg`` or ``.jpeg``; its folder exists.
        title: One line above all.
        sections: At least one; all pictures of one size.
        columns: Cells in a row; 0 chooses a number that makes the sheet about square, at most 2400
            pixels wide.

    Returns:
        ``path``.

    Raises:
        OutputError: The file cannot be written, and is removed.
    """
    first = sections[0].cells[0]
    height, width = first.images[0].shape[:2]
    cell = (width * len(first.images), height + _LABEL_PX)
    columns = columns or _columns([len(section.cells) for section in sections], cell)
    rows = [math.ceil(len(section.cells) / columns) for section in sections]
    across = columns * (cell[0] + _GAP_PX) + _GAP_PX
    down = _TITLE_PX + sum(_TITLE_PX + row * (cell[1] + _GAP_PX) for row in rows)
    sheet = Image.new("RGB", (across, down), BACKGROUND_RGB)
    draw = ImageDraw.Draw(sheet)
    draw.text((_GAP_PX, 8), title, font=font_of(18), fill=_TEXT_RGB)
    top = _TITLE_PX
    for section, count in zip(sections, rows, strict=True):
        draw.text((_GAP_PX, top + 8), section.heading, font=font_of(16), fill=_FAINT_RGB)
        top += _TITLE_PX
        for number, each in enumerate(section.cells):
            row, column = divmod(number, columns)
            left = _GAP_PX + column * (cell[0] + _GAP_PX)
            _draw_cell(sheet, each, left, top + row * (cell[1] + _GAP_PX), cell[0])
        top += count * (cell[1] + _GAP_PX)
    return save_image(sheet, path)


def _columns(counts: Sequence[int], cell: tuple[int, int]) -> int:
    """Return how many cells in a row make a sheet about square, with few places left empty."""
    across, down = cell[0] + _GAP_PX, cell[1] + _GAP_PX

    def badness(columns: int) -> float:
        rows = sum(math.ceil(count / columns) for count in counts)
        empty = rows * columns - sum(counts)
        return float(max(columns * across, rows * down) ** 2 + empty * across * down)

    most = max(1, min(max(counts), (_WIDEST_PX - _GAP_PX) // across))
    return min(range(1, most + 1), key=badness)


def _draw_cell(sheet: Image.Image, cell: Cell, left: int, top: int, width: int) -> None:
    each = width // len(cell.images)
    for number, image in enumerate(cell.images):
        sheet.paste(Image.fromarray(image), (left + number * each, top))
    draw = ImageDraw.Draw(sheet)
    font, lines = fit_text(cell.label, width)
    below = top + cell.images[0].shape[0] + 3
    for number, line in enumerate(lines):
        draw.text((left, below + number * _LINE_PX), line, font=font, fill=_TEXT_RGB)
