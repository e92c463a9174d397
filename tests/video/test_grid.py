"""Contact sheets of many small pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gridseval.errors import OutputError
from gridseval.video.grid import Cell, Section, write_grid

RED, GREEN = (np.full((40, 60, 3), rgb, np.uint8) for rgb in ((200, 0, 0), (0, 200, 0)))


def sections(*counts: int) -> list[Section]:
    return [
        Section(f"part {number}", tuple(Cell(f"cell {n}", (RED, GREEN)) for n in range(count)))
        for number, count in enumerate(counts)
    ]


def pixels_of(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def boxes_of(path: Path, rgb: tuple[int, int, int]) -> list[tuple[int, int]]:
    """Return top and left of every picture of one colour."""
    same = (pixels_of(path) == rgb).all(axis=2)
    corners = same.copy()
    corners[1:] &= ~same[:-1]
    corners[:, 1:] &= ~same[:, :-1]
    return [(int(top), int(left)) for top, left in np.argwhere(corners)]


def test_every_picture_is_there_whole_and_beside_its_partner(tmp_path: Path) -> None:
    path = write_grid(tmp_path / "sheet.png", "title", sections(3, 1), columns=2)
    red, green = boxes_of(path, (200, 0, 0)), boxes_of(path, (0, 200, 0))
    assert len(red) == len(green) == 4
    assert green == [(top, left + 60) for top, left in red]
    image = pixels_of(path)
    assert (image == (200, 0, 0)).all(axis=2).sum() == 4 * 40 * 60
    rows = sorted({top for top, _ in red})
    assert [sum(top == row for top, _ in red) for row in rows] == [2, 1, 1]


def test_something_is_written_below_each_picture_and_above_all(tmp_path: Path) -> None:
    path = write_grid(tmp_path / "sheet.png", "title", sections(2), columns=2)
    image = pixels_of(path)
    white = (image > 240).all(axis=2)
    for top, left in boxes_of(path, (200, 0, 0)):
        assert white[top + 40 : top + 62, left : left + 120].any()
    assert white[:30].any()


def test_equal_pictures_make_an_equal_file(tmp_path: Path) -> None:
    one = write_grid(tmp_path / "one.png", "title", sections(5, 2))
    two = write_grid(tmp_path / "two.png", "title", sections(5, 2))
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize("counts", [(1,), (10,), (10, 10, 10, 10), (90, 3)])
def test_a_sheet_is_about_square_and_not_too_wide(tmp_path: Path, counts: tuple[int, ...]) -> None:
    path = write_grid(tmp_path / "sheet.png", "title", sections(*counts))
    with Image.open(path) as image:
        width, height = image.size
    assert width <= 2400
    assert sum(counts) == 1 or 1 / 3 < width / height < 3


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "sheet.png").mkdir()
    with pytest.raises(OutputError, match=r"cannot write .*sheet\.png"):
        write_grid(tmp_path / "sheet.png", "title", sections(1))
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]


def test_a_jpeg_shows_the_same_in_less_space(tmp_path: Path) -> None:
    png = write_grid(tmp_path / "sheet.png", "title", sections(3, 1))
    jpg = write_grid(tmp_path / "sheet.jpg", "title", sections(3, 1))
    with Image.open(png) as exact, Image.open(jpg) as close:
        assert (exact.format, close.format) == ("PNG", "JPEG")
        difference = np.asarray(exact, float) - np.asarray(close, float)
    assert np.abs(difference).mean() < 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sheet.jpg", "sheet.png"]
