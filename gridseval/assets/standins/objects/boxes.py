"""Folding boxes with printed faces: butter, chocolate pudding, cookies and cream cheese."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gridseval.assets.standins.canvas import Area, Canvas
from gridseval.assets.standins.objects.model import PAPER_SHADE, Model
from gridseval.assets.standins.shapes import box
from gridseval.assets.standins.solids import Block

# Where on the picture the faces are: the lid, the two long sides, the two short ends.
_LID: Area = (0.0, 0.4, 1.0, 1.0)
_SIDE: Area = (0.0, 0.2, 1.0, 0.4)
_END: Area = (0.0, 0.0, 0.6, 0.2)
_FACES = {"+z": _LID, "-z": _LID, "+y": _SIDE, "-y": _SIDE, "else": _END}

_RED, _ORANGE, _YELLOW = (196, 32, 18), (226, 84, 20), (250, 205, 70)
_CREAM, _WHITE, _BLACK = (250, 238, 205), (245, 245, 245), (24, 22, 24)
_SKY, _BROWN, _TAN, _BLUE = (150, 195, 230), (74, 36, 24), (222, 170, 96), (58, 72, 168)


@dataclass(frozen=True)
class Carton:
    """One kind of box.

    Attributes:
        size: Extents (m).
        solid: Half sizes of the colliding box (m).
        center: Its middle (m).
        draw: What prints the faces.
    """

    size: tuple[float, float, float]
    solid: tuple[float, float, float]
    center: tuple[float, float, float]
    draw: Callable[[Canvas], None]


def box_models() -> list[Model]:
    """Return the models of all folding boxes."""
    return [_model(name, carton) for name, carton in _CARTONS.items()]


def _model(name: str, carton: Carton) -> Model:
    picture = Canvas(256, 256, _WHITE)
    carton.draw(picture)
    picture.shade(PAPER_SHADE)
    return Model(
        name=name,
        folder="stable_hope_objects",
        mesh=box(*carton.size, faces=_FACES).moved(*carton.center),
        picture=picture,
        solids=[Block(carton.solid, carton.center)],
    )


def _butter(picture: Canvas) -> None:
    picture.fill((0, 0, 1, 1), _RED)
    picture.fill((0.66, 0.4, 1, 1), _SKY)
    picture.polygon([(0.6, 0.4), (0.72, 0.4), (0.66, 1.0), (0.54, 1.0)], _RED)
    _cow_patch(picture, (0.7, 0.5, 0.98, 0.95))
    picture.text((0.03, 0.7, 0.58, 0.97), "FARM\nFRESH", _YELLOW)
    picture.text((0.03, 0.43, 0.66, 0.66), "BUTTER", _CREAM)
    picture.text((0.03, 0.22, 0.5, 0.38), "BUTTER", _CREAM)
    picture.text((0.54, 0.24, 0.95, 0.36), "FARM FRESH", _YELLOW)
    picture.text((0.03, 0.03, 0.57, 0.17), "BUTTER", _CREAM)


def _cow_patch(picture: Canvas, area: Area) -> None:
    left, bottom, right, top = area
    wide, high = right - left, top - bottom

    def part(x: float, y: float, to_x: float, to_y: float) -> Area:
        return (left + x * wide, bottom + y * high, left + to_x * wide, bottom + to_y * high)

    picture.ellipse(part(0.1, 0.0, 0.9, 0.95), _WHITE)
    picture.ellipse(part(0.0, 0.55, 0.45, 1.0), _BLACK)
    picture.ellipse(part(0.55, 0.4, 1.0, 0.9), _BLACK)
    picture.ellipse(part(0.3, 0.05, 0.7, 0.3), (236, 170, 160))


def _pudding(picture: Canvas) -> None:
    picture.fill((0, 0, 1, 1), _BROWN)
    picture.fill((0, 0.4, 1, 0.5), (112, 58, 36))
    picture.fill((0, 0.2, 1, 0.4), _SKY)
    picture.fill((0.0, 0.9, 0.26, 1.0), _ORANGE)
    picture.text((0.01, 0.92, 0.25, 0.985), "INSTANT", _WHITE)
    picture.polygon([(0.88, 0.4), (1.0, 0.4), (1.0, 1.0), (0.8, 1.0)], _SKY)
    picture.ellipse((0.0, 0.5, 0.16, 0.72), (128, 74, 48))
    picture.text((0.08, 0.72, 0.84, 0.89), "CHOCOLATE", (206, 160, 120))
    picture.text((0.12, 0.46, 0.88, 0.7), "PUDDING", (240, 178, 84))
    picture.text((0.05, 0.31, 0.7, 0.39), "CHOCOLATE", _BROWN)
    picture.text((0.05, 0.21, 0.95, 0.305), "PUDDING", (206, 120, 40))
    picture.text((0.02, 0.11, 0.58, 0.18), "CHOCOLATE", (206, 160, 120))
    picture.text((0.02, 0.02, 0.58, 0.1), "PUDDING", (240, 178, 84))


def _cookies(picture: Canvas) -> None:
    _checker(picture, (0.0, 0.4, 1.0, 0.86), 10, 8)
    _checker(picture, (0.0, 0.0, 1.0, 0.4), 10, 6)
    picture.fill((0, 0.92, 1, 1), _RED)
    picture.text((0.08, 0.93, 0.92, 0.99), "OATMEAL RAISIN", _WHITE)
    picture.fill((0.08, 0.8, 0.92, 0.91), _WHITE)
    picture.text((0.12, 0.81, 0.88, 0.9), "COOKIES", (120, 50, 20))
    for x, y in ((0.06, 0.44), (0.52, 0.44), (0.28, 0.56), (0.1, 0.6), (0.5, 0.6)):
        _cookie(picture, (x, y, x + 0.42, y + 0.2))
    picture.fill((0.1, 0.24, 0.9, 0.36), _WHITE)
    picture.text((0.14, 0.25, 0.86, 0.35), "COOKIES", (120, 50, 20))


def _cookie(picture: Canvas, area: Area) -> None:
    left, bottom, right, top = area
    picture.ellipse(area, (150, 104, 52))
    picture.ellipse((left + 0.01, bottom + 0.01, right - 0.01, top - 0.005), (222, 184, 112))
    for x, y in ((0.2, 0.3), (0.5, 0.6), (0.7, 0.35), (0.35, 0.7), (0.6, 0.15), (0.75, 0.65)):
        u, v = left + x * (right - left), bottom + y * (top - bottom)
        picture.ellipse((u, v, u + 0.04, v + 0.025), (84, 46, 30))


def _checker(picture: Canvas, area: Area, columns: int, rows: int) -> None:
    left, bottom, right, top = area
    for column in range(columns):
        for row in range(rows):
            colour = _RED if (column + row) % 2 else _WHITE
            x, y = (right - left) / columns, (top - bottom) / rows
            corner = (left + column * x, bottom + row * y)
            picture.fill((*corner, corner[0] + x, corner[1] + y), colour)


def _cream_cheese(picture: Canvas) -> None:
    paper = (168, 180, 204)
    picture.fill((0, 0, 1, 1), paper)
    picture.fill((0, 0.9, 1, 1), (184, 196, 218))
    picture.fill((0, 0.4, 1, 0.5), (150, 164, 192))
    picture.ellipse((0.16, 0.45, 0.84, 0.95), (120, 134, 206))
    picture.ellipse((0.2, 0.49, 0.8, 0.91), _BLUE)
    picture.text((0.24, 0.7, 0.76, 0.86), "CREAM", _WHITE)
    picture.text((0.24, 0.54, 0.76, 0.69), "CHEESE", _WHITE)
    picture.ellipse((0.25, 0.215, 0.75, 0.385), _BLUE)
    picture.text((0.3, 0.25, 0.7, 0.35), "CREAM CHEESE", _WHITE)
    picture.ellipse((0.12, 0.03, 0.48, 0.17), (206, 70, 40))
    picture.text((0.18, 0.06, 0.42, 0.14), "CHEESE", _WHITE)


_CARTONS = {
    "butter": Carton((0.0772, 0.0398, 0.018), (0.0381, 0.0198, 0.0087), (0.0, 0.0, 0.0), _butter),
    "chocolate_pudding": Carton(
        (0.0828, 0.049, 0.0285), (0.0401, 0.0232, 0.0137), (-0.0005, 0.0, 0.0006), _pudding
    ),
    "cookies": Carton((0.0618, 0.0832, 0.0196), (0.031, 0.0413, 0.0094), (0.0, 0.0, 0.0), _cookies),
    "cream_cheese": Carton(
        (0.0826, 0.0426, 0.0188), (0.0406, 0.0213, 0.0089), (0.0, 0.0, 0.0), _cream_cheese
    ),
}
