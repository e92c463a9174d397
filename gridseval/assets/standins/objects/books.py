"""Ring binders that LIBERO calls books: a black and a yellow one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridseval.assets.standins.canvas import Area, Canvas, Colour
from gridseval.assets.standins.mesh import Mesh, join
from gridseval.assets.standins.objects.model import Model
from gridseval.assets.standins.shapes import box
from gridseval.assets.standins.solids import Vector, between

_COVER: Area = (0.05, 0.05, 0.45, 0.95)
_SPINE: Area = (0.5, 0.02, 0.7, 0.98)
_PAPER: Area = (0.75, 0.05, 0.98, 0.95)
_BOARD_M = 0.0022


@dataclass(frozen=True)
class Book:
    """One binder, standing; the spine faces +y.

    Attributes:
        low: Corner (m) of what is seen; ``high`` the opposite one.
        high: See ``low``.
        solid: The same for what collides.
        cover: Colour of the boards.
        ink: Colour of the rivets.
    """

    low: Vector
    high: Vector
    solid: tuple[Vector, Vector]
    cover: Colour
    ink: Colour


def book_models() -> list[Model]:
    """Return the models of both binders."""
    return [
        Model(
            name=name,
            folder="turbosquid_objects",
            mesh=_mesh(book),
            picture=_picture(book),
            solids=[between(*book.solid)],
            shininess=0.2,
            specular=0.2,
        )
        for name, book in _BOOKS.items()
    ]


def _mesh(book: Book) -> Mesh:
    (x, y, z), (to_x, to_y, to_z) = book.low, book.high
    deep, high, wide = to_y - y, to_z - z, to_x - x
    middle_x, middle_z = (x + to_x) / 2, (z + to_z) / 2
    board = box(_BOARD_M, deep, high, _COVER)
    spine = box(wide, _BOARD_M, high, {"+y": _SPINE, "else": _COVER})
    paper = box(wide - 2 * _BOARD_M - 0.003, deep - 0.008, high - 0.006, _PAPER)
    return join(
        board.moved(x + _BOARD_M / 2, (y + to_y) / 2, middle_z),
        board.moved(to_x - _BOARD_M / 2, (y + to_y) / 2, middle_z),
        spine.moved(middle_x, to_y - _BOARD_M / 2, middle_z),
        paper.moved(middle_x, (y + to_y) / 2 + 0.001, middle_z + 0.001),
    )


def _picture(book: Book) -> Canvas:
    picture = Canvas(128, 256, book.cover)
    # Sheets: thin lines along the block's height on its sides.
    picture.fill((0.73, 0.0, 1.0, 1.0), (214, 212, 206))
    _, width, _ = picture.region((0.73, 0.0, 1.0, 1.0)).shape
    picture.shade(np.where(np.arange(width) % 3 == 0, 0.78, 1.0)[None], (0.73, 0.0, 1.0, 1.0))
    # The spine: finger hole and rivets.
    picture.ellipse((0.55, 0.09, 0.65, 0.15), (150, 150, 150))
    picture.ellipse((0.57, 0.1, 0.63, 0.14), (40, 40, 42))
    for u, v in ((0.53, 0.58), (0.64, 0.58), (0.53, 0.24), (0.64, 0.24)):
        picture.ellipse((u, v, u + 0.03, v + 0.015), book.ink)
    return picture


_BOOKS = {
    "black_book": Book(
        low=(-0.0152, -0.0682, 0.0022),
        high=(0.0143, 0.0440, 0.1378),
        solid=((-0.0148, -0.0673, 0.0022), (0.0138, 0.0431, 0.1366)),
        cover=(20, 20, 22),
        ink=(120, 120, 120),
    ),
    "yellow_book": Book(
        low=(-0.0105, -0.0505, 0.0020),
        high=(0.0148, 0.0497, 0.1240),
        solid=((-0.0102, -0.0488, 0.0020), (0.0134, 0.0490, 0.1242)),
        cover=(200, 184, 136),
        ink=(60, 54, 44),
    ),
}
