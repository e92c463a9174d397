"""Gable-top cartons: milk and orange juice."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gridseval.assets.standins.canvas import Area, Canvas
from gridseval.assets.standins.mesh import Mesh, join
from gridseval.assets.standins.objects.model import LYING, PAPER_SHADE, Model
from gridseval.assets.standins.shapes import box, quad, triangle
from gridseval.assets.standins.solids import Block, about_y, between

_FRONT: Area = (0.0, 0.3, 0.5, 1.0)
_SIDE: Area = (0.5, 0.3, 1.0, 1.0)
_SLOPE: Area = (0.0, 0.0, 0.5, 0.28)
_GABLE: Area = (0.52, 0.0, 0.8, 0.28)
_FIN: Area = (0.84, 0.04, 0.98, 0.24)
_HALF, _BOTTOM, _EAVES, _RIDGE, _TOP = 0.0268, -0.0698, 0.0395, 0.061, 0.0714
_RED, _ORANGE, _YELLOW, _WHITE = (206, 38, 18), (226, 92, 18), (238, 206, 48), (244, 244, 240)
_BLACK, _GREEN, _SKY = (26, 24, 26), (40, 116, 52), (186, 210, 236)
_FOIL = (188, 188, 190)


def carton_models() -> list[Model]:
    """Return the models of both cartons."""
    return [_model("milk", _print_milk), _model("orange_juice", _print_juice)]


def _model(name: str, print_paper: Callable[[Canvas], None]) -> Model:
    picture = Canvas(256, 256, _WHITE)
    print_paper(picture)
    picture.shade(PAPER_SHADE)
    return Model(
        name=name,
        folder="stable_hope_objects",
        mesh=_mesh(),
        picture=picture,
        solids=_solids(),
        frame=LYING,
    )


def _solids() -> list[Block]:
    half = 0.0262
    roof = [
        Block((0.0022, 0.0263, 0.0138), (sign * 0.0134, 0.0, 0.0478), about_y(-sign * 0.83))
        for sign in (-1, 1)
    ]
    return [
        between((-half, -half, _BOTTOM), (half, half, 0.0398)),
        *roof,
        between((-0.0035, -0.0265, 0.0556), (0.0035, 0.0265, 0.0614)),
    ]


def _mesh() -> Mesh:
    faces = {"+x": _FRONT, "-x": _FRONT, "else": _SIDE, "+z": _FIN, "-z": _FIN}
    body = box(2 * _HALF, 2 * _HALF, _EAVES - _BOTTOM, faces).moved(z=(_EAVES + _BOTTOM) / 2)
    fin = box(0.003, 2 * _HALF, _TOP - _RIDGE, _FIN).moved(z=(_TOP + _RIDGE) / 2)
    slope = quad(
        np.array(
            (
                (_HALF, -_HALF, _EAVES),
                (_HALF, _HALF, _EAVES),
                (0.0, _HALF, _RIDGE),
                (0.0, -_HALF, _RIDGE),
            )
        ),
        _SLOPE,
    )
    corners = (
        (-_HALF, -_HALF, _EAVES),
        (_HALF, -_HALF, _EAVES),
        (0.0, -_HALF + 0.008, _RIDGE),
    )
    gable = triangle(np.array(corners), _GABLE)
    return join(body, fin, slope, slope.turned("z", 180), gable, gable.turned("z", 180))


def _print_milk(picture: Canvas) -> None:
    picture.fill((0, 0, 1, 1), _RED)
    for left in (0.0, 0.5):
        picture.fill((left, 0.3, left + 0.5, 0.62), _SKY)
        picture.polygon([(left, 0.5), (left + 0.5, 0.62), (left + 0.5, 0.75), (left, 0.75)], _RED)
        picture.text((left + 0.03, 0.88, left + 0.3, 0.97), "DAIRY\nFRESH", _WHITE)
        picture.text((left + 0.04, 0.65, left + 0.47, 0.87), "MILK", _WHITE)
        picture.fill((left, 0.3, left + 0.5, 0.35), _GREEN)
        picture.ellipse((left + 0.24, 0.53, left + 0.44, 0.64), (226, 62, 40))
        _cow(picture, left + 0.06)
    picture.text((0.03, 0.04, 0.47, 0.2), "MILK", _WHITE)
    picture.text((0.1, 0.21, 0.4, 0.27), "DAIRY FRESH", _WHITE)
    picture.fill(_FIN, _FOIL)


def _cow(picture: Canvas, left: float) -> None:
    picture.ellipse((left, 0.39, left + 0.22, 0.5), _BLACK)
    picture.ellipse((left + 0.07, 0.41, left + 0.13, 0.47), _WHITE)
    picture.ellipse((left + 0.19, 0.43, left + 0.28, 0.51), _BLACK)
    picture.ellipse((left + 0.23, 0.43, left + 0.28, 0.47), (236, 180, 170))
    for x in (0.03, 0.08, 0.13, 0.17):
        picture.fill((left + x, 0.33, left + x + 0.025, 0.42), _BLACK)


def _print_juice(picture: Canvas) -> None:
    picture.fill((0, 0, 1, 1), _YELLOW)
    for left in (0.0, 0.5):
        picture.fill((left, 0.9, left + 0.5, 1.0), _ORANGE)
        picture.ellipse((left + 0.12, 0.82, left + 0.38, 1.0), _ORANGE)
        picture.ellipse((left + 0.16, 0.84, left + 0.34, 0.9), (92, 40, 20))
        picture.text((left + 0.19, 0.85, left + 0.31, 0.89), "PURE", _WHITE)
        picture.text((left + 0.03, 0.73, left + 0.47, 0.82), "ORANGE", (34, 84, 40))
        picture.text((left + 0.03, 0.6, left + 0.47, 0.72), "JUICE", (34, 84, 40))
        picture.fill((left, 0.3, left + 0.5, 0.34), (200, 196, 60))
        _orange(picture, (left + 0.06, 0.31, left + 0.44, 0.58))
    picture.ellipse((0.03, 0.0, 0.47, 0.34), _ORANGE)
    picture.text((0.1, 0.15, 0.4, 0.23), "ORANGE", _WHITE)
    picture.text((0.12, 0.05, 0.38, 0.14), "JUICE", _WHITE)
    picture.fill(_FIN, _FOIL)


def _orange(picture: Canvas, area: Area) -> None:
    """Print a sliced orange."""
    left, bottom, right, top = area
    u, v = (left + right) / 2, (bottom + top) / 2
    for shrink, colour in ((0.0, _ORANGE), (0.02, (252, 226, 160)), (0.035, (240, 140, 40))):
        picture.ellipse((left + shrink, bottom + shrink, right - shrink, top - shrink), colour)
    for du, dv in ((1.0, 0.0), (0.7, 0.7), (0.0, 1.0), (-0.7, 0.7)):
        x, y = du * (right - u - 0.03), dv * (top - v - 0.03)
        across = (-dv * 0.006, du * 0.006)
        picture.polygon(
            [
                (u - x - across[0], v - y - across[1]),
                (u + x - across[0], v + y - across[1]),
                (u + x + across[0], v + y + across[1]),
                (u - x + across[0], v - y + across[1]),
            ],
            (252, 226, 160),
        )
