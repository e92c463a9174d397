"""Tins with a printed label: alphabet soup and tomato sauce."""

from __future__ import annotations

from collections.abc import Callable

from gridseval.assets.standins.canvas import Area, Canvas, Colour
from gridseval.assets.standins.mesh import Mesh, join
from gridseval.assets.standins.objects.model import LYING, PAPER_SHADE, Model
from gridseval.assets.standins.rounds import lathe
from gridseval.assets.standins.shapes import box
from gridseval.assets.standins.solids import prism

_LABEL: Area = (0.0, 0.0, 1.0, 0.8)
_METAL: Area = (0.0, 0.86, 1.0, 1.0)
_BOTTOM, _TOP, _RADIUS = -0.0386, 0.0386, 0.0323
# The scanned tins do not stand on their origin: half of the height is here, the axis 3 mm beside.
_AXIS_X = -0.003
_SILVER: Colour = (138, 140, 146)
_WHITE, _BLUE, _ORANGE, _RED = (236, 236, 232), (48, 92, 176), (232, 130, 30), (186, 44, 16)


def can_models() -> list[Model]:
    """Return the models of both tins."""
    return [
        _model("alphabet_soup", _print_soup),
        _model("tomato_sauce", _print_sauce),
    ]


def _model(name: str, print_label: Callable[[Canvas], None]) -> Model:
    picture = Canvas(512, 256, _SILVER)
    print_label(picture)
    picture.shade(PAPER_SHADE)
    picture.fill((0.0, 0.8, 1.0, 1.0), _SILVER)
    picture.fade((0.0, 0.86, 1.0, 1.0), (150, 152, 156), (104, 106, 112))
    return Model(
        name=name,
        folder="stable_hope_objects",
        mesh=_mesh().turned("z", 95).moved(x=_AXIS_X),
        picture=picture,
        solids=prism(0.0312, _BOTTOM, _TOP - 0.001, x=_AXIS_X),
        frame=LYING,
        shininess=0.7,
        specular=0.5,
    )


def _mesh() -> Mesh:
    rim = _RADIUS + 0.0007
    lid = [(rim, _TOP - 0.0025), (rim, _TOP), (rim - 0.0018, _TOP)]
    inside = [(rim - 0.0026, _TOP - 0.0035), (0.012, _TOP - 0.0035), (0.0, _TOP - 0.003)]
    return join(
        lathe([(0.0, _BOTTOM), (_RADIUS, _BOTTOM)], part=(0.0, 0.82, 1.0, 0.84)),
        lathe([(_RADIUS, _BOTTOM), (_RADIUS, _TOP - 0.0025)], part=_LABEL),
        lathe([(_RADIUS, _TOP - 0.0025), *lid, *inside], part=_METAL),
        box(0.018, 0.011, 0.0016, (0.1, 0.82, 0.2, 0.84)).moved(0.014, 0.0, _TOP + 0.0004),
    )


def _print_soup(picture: Canvas) -> None:
    picture.fill((0, 0, 1, 0.8), _BLUE)
    picture.fill((0, 0, 1, 0.22), _ORANGE)
    letters = ("ABC", "XDR", "MOP", "SUZ", "EKA", "NIT", "CLP", "BOS")
    for number, words in enumerate(letters):
        left = number / 8
        picture.text((left, 0.02, left + 0.115, 0.1), words, (250, 214, 90))
        picture.text((left + 0.05, 0.11, left + 0.12, 0.19), words[1:], (250, 226, 130))
        picture.ellipse((left + 0.01, 0.12, left + 0.035, 0.17), (196, 50, 20))
    for left in (0.3, 0.8):
        picture.ellipse((left, 0.26, left + 0.28, 0.74), (84, 150, 214))
    picture.text((0.35, 0.5, 0.65, 0.7), "ALPHABET", _WHITE)
    picture.text((0.38, 0.28, 0.62, 0.47), "SOUP", (250, 222, 80))
    _nutrition(picture, 0.08)
    picture.fill((0.66, 0.0, 0.78, 0.8), _WHITE)


def _print_sauce(picture: Canvas) -> None:
    picture.fill((0, 0, 1, 0.8), _RED)
    picture.fill((0, 0.26, 1, 0.5), (24, 138, 54))
    for number in range(24):
        picture.fill((number / 24, 0.26, number / 24 + 0.012, 0.5), (18, 116, 44))
    picture.fill((0, 0.24, 1, 0.26), (240, 190, 60))
    picture.fill((0, 0.5, 1, 0.52), (240, 190, 60))
    picture.fill((0, 0, 1, 0.24), (240, 226, 206))
    for number in range(8):
        left = number / 8
        picture.ellipse((left, 0.03, left + 0.12, 0.23), (206, 56, 26))
        picture.fill((left + 0.045, 0.19, left + 0.075, 0.22), (40, 120, 40))
    picture.text((0.33, 0.55, 0.67, 0.76), "TOMATO", (250, 240, 220))
    picture.text((0.36, 0.29, 0.64, 0.48), "SAUCE", (250, 240, 220))
    _nutrition(picture, 0.08)
    picture.fill((0.66, 0.0, 0.76, 0.8), _WHITE)


def _nutrition(picture: Canvas, left: float) -> None:
    """Print the white panel with its table."""
    picture.fill((left, 0.0, left + 0.2, 0.8), _WHITE)
    picture.ellipse((left + 0.03, 0.68, left + 0.17, 0.78), (214, 70, 30))
    for number in range(9):
        low = 0.12 + number * 0.06
        picture.fill((left + 0.03, low, left + 0.17, low + 0.02), (150, 150, 150))
