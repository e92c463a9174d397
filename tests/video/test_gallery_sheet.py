"""The contact sheet of perturbations as a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gridseval.errors import OutputError, UsageError
from gridseval.video.gallery_sheet import (
    PICTURE_PX,
    GalleryCell,
    GallerySheet,
    checked_suffix,
    draw_sheet,
    write_sheet,
)

RED, BLUE = (255, 0, 0), (0, 0, 255)


def plain(colour: tuple[int, int, int]) -> np.ndarray:
    return np.full((256, 256, 3), colour, np.uint8)


def sheet(columns: int = 2) -> GallerySheet:
    full = GalleryCell(plain(RED), plain(BLUE), "view 1 2")
    empty = GalleryCell(text="all 3 tasks unavailable: " + "a_very_long_name_" * 9)
    return GallerySheet(
        "title",
        tuple(f"level {n}" for n in range(columns)),
        (("camera", (full,) * columns), ("light", (empty,) * columns)),
    )


def share(image: Image.Image, colour: tuple[int, int, int]) -> float:
    pixels = np.asarray(image)
    return float((pixels == colour).all(axis=-1).sum() / PICTURE_PX**2)


@pytest.mark.parametrize("columns", [1, 6])
def test_each_cell_shows_before_beside_after(columns: int) -> None:
    image = draw_sheet(sheet(columns))
    assert share(image, RED) == columns
    assert share(image, BLUE) == columns
    pixels = np.asarray(image)
    reds = np.flatnonzero((pixels == RED).all(axis=-1).any(axis=0))
    blues = np.flatnonzero((pixels == BLUE).all(axis=-1).any(axis=0))
    assert blues[0] == reds[0] + PICTURE_PX


def test_a_text_stays_in_its_cell() -> None:
    """A long name is broken: nothing is drawn in the gap to the right of the cells."""
    pixels = np.asarray(draw_sheet(sheet(1)))
    lower = pixels[-PICTURE_PX:, -10:]
    assert (lower == 255).all()


@pytest.mark.parametrize("name", ["sheet.png", "sheet.JPG", "new/sheet.jpeg"])
def test_it_is_written_as_its_name_says(name: str, tmp_path: Path) -> None:
    path = write_sheet(sheet(), tmp_path / name)
    with Image.open(path) as image:
        assert image.format == ("PNG" if name.endswith("png") else "JPEG")
        assert image.size == draw_sheet(sheet()).size


def test_names_and_places_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"sheet\.txt.*\.png"):
        checked_suffix(Path("sheet.txt"))
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        write_sheet(sheet(), tmp_path / "file" / "sheet.png")
