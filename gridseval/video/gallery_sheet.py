"""A contact sheet of perturbations: one row per kind, one column per level, before beside after."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from gridseval.errors import UsageError
from gridseval.os_errors import os_errors
from gridseval.video.image_file import save_image

PICTURE_PX = 144
SUFFIXES = (".png", ".jpg", ".jpeg")

_CAPTION_PX, _GAP_PX, _STUB_PX, _HEAD_PX = 20, 10, 96, 62
_LETTER_PX = 7
_JPEG_QUALITY = 88
_PAPER, _INK, _FAINT, _PANEL = (255, 255, 255), (24, 26, 30), (110, 114, 122), (232, 234, 238)


@dataclass(frozen=True)
class GalleryCell:
    """One kind at one level.

    Attributes:
        before: uint8 (height, width, 3), unperturbed; ``None`` shows the text alone.
        after: The same, perturbed; ``None`` shows the text in its place.
        caption: What was changed, one line.
        text: Shown where a picture is missing.
    """

    before: NDArray[np.uint8] | None = None
    after: NDArray[np.uint8] | None = None
    caption: str = ""
    text: str = ""


@dataclass(frozen=True)
class GallerySheet:
    """A contact sheet.

    Attributes:
        title: Its heading.
        columns: Their headings.
        rows: Name and cells, one per column.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[GalleryCell, ...]], ...]


def checked_suffix(path: Path) -> Path:
    """Return a path that a sheet can be written to.

    Raises:
        UsageError: Its suffix is not that of a picture.
    """
    if path.suffix.lower() not in SUFFIXES:
        hint = f"end it with {', '.join(SUFFIXES)}"
        raise UsageError(f"a contact sheet cannot be written as {path.name!r}", hint)
    return path


def write_sheet(sheet: GallerySheet, path: Path) -> Path:
    """Write a sheet as PNG or JPEG, as the path's suffix says.

    Raises:
        UsageError: The suffix is not in ``SUFFIXES``.
        OutputError: The file cannot be written.
    """
    image = draw_sheet(sheet)
    checked_suffix(path)
    with os_errors(f"cannot write {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
    return save_image(image, path, _JPEG_QUALITY)


def draw_sheet(sheet: GallerySheet) -> Image.Image:
    """Return a sheet as an image."""
    cell_px = 2 * PICTURE_PX + _GAP_PX, PICTURE_PX + _CAPTION_PX + _GAP_PX
    width = _STUB_PX + len(sheet.columns) * cell_px[0] + _GAP_PX
    image = Image.new("RGB", (width, _HEAD_PX + len(sheet.rows) * cell_px[1]), _PAPER)
    pen = ImageDraw.Draw(image)
    pen.text((_GAP_PX, 8), sheet.title, _INK, ImageFont.load_default(18))
    for number, name in enumerate(sheet.columns):
        place = _STUB_PX + number * cell_px[0], _HEAD_PX - 24
        pen.text(place, name, _INK, ImageFont.load_default(14))
    for line, (name, cells) in enumerate(sheet.rows):
        top = _HEAD_PX + line * cell_px[1]
        pen.text((_GAP_PX, top + PICTURE_PX // 2 - 8), name, _INK, ImageFont.load_default(14))
        for number, cell in enumerate(cells):
            _draw_cell(image, (_STUB_PX + number * cell_px[0], top), cell)
    return image


def _draw_cell(image: Image.Image, corner: tuple[int, int], cell: GalleryCell) -> None:
    left, top = corner
    pen = ImageDraw.Draw(image)
    shown: Sequence[NDArray[np.uint8] | None] = (cell.before, cell.after)
    for number, picture in enumerate(shown):
        if picture is not None:
            small = Image.fromarray(picture).resize(
                (PICTURE_PX, PICTURE_PX), Image.Resampling.LANCZOS
            )
            image.paste(small, (left + number * PICTURE_PX, top))
    if cell.after is None:
        start = left if cell.before is None else left + PICTURE_PX
        box = (start, top, left + 2 * PICTURE_PX - 1, top + PICTURE_PX - 1)
        pen.rectangle(box, fill=_PANEL)
        lines = textwrap.wrap(cell.text, (box[2] - start) // _LETTER_PX)[:10]
        pen.multiline_text(
            (start + 6, top + 6), "\n".join(lines), _FAINT, ImageFont.load_default(12)
        )
    caption = textwrap.shorten(cell.caption, 2 * PICTURE_PX // _LETTER_PX, placeholder="…")
    pen.text((left, top + PICTURE_PX + 2), caption, _FAINT, ImageFont.load_default(12))
