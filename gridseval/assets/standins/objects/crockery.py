"""Round crockery: bowls, the ramekin and the plate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gridseval.assets.standins.canvas import Area, Canvas, Colour
from gridseval.assets.standins.mesh import join
from gridseval.assets.standins.objects.model import Model
from gridseval.assets.standins.rounds import lathe
from gridseval.assets.standins.solids import Block, prism, ring

Point = tuple[float, float]
"""Radius and height (m)."""

_OUTSIDE: Area = (0.0, 0.52, 1.0, 1.0)
# Upside down: the profile begins at the rim, which belongs beside the outside's.
_INSIDE: Area = (0.0, 0.48, 1.0, 0.0)


@dataclass(frozen=True)
class Dish:
    """A round, open, hollow thing.

    Attributes:
        outside: Profile from the middle of the bottom up to the rim.
        inside: Profile from the rim down to the middle.
        colour: Of all of it.
        inner_colour: Of its inside.
        bands: Stripes round it: lower and upper share of the picture's height, and colour.
        floor: Radius, lower and upper height (m) of the colliding bottom.
        walls: Colliding wall: lower and upper outer edge, thickness (m), number of boxes.
        flutes: How many grooves the outside has.
    """

    outside: Sequence[Point]
    inside: Sequence[Point]
    colour: Colour
    inner_colour: Colour
    floor: tuple[float, float, float]
    walls: Sequence[tuple[Point, Point, float, int]]
    bands: Sequence[tuple[float, float, Colour]] = ()
    flutes: int = 0
    shininess: float = 0.5
    specular: float = 0.4


def crockery_models() -> list[Model]:
    """Return the models of bowls, ramekin and plate."""
    return [_model(name, dish) for name, dish in _DISHES.items()]


def _model(name: str, dish: Dish) -> Model:
    solids: list[Block] = prism(*dish.floor)
    for bottom, top, thickness, boxes in dish.walls:
        solids += ring(bottom, top, thickness, boxes=boxes)
    return Model(
        name=name,
        folder="stable_scanned_objects",
        mesh=join(
            lathe(dish.outside, part=_OUTSIDE, smooth=True),
            lathe(dish.inside, part=_INSIDE, smooth=True),
        ),
        picture=_picture(dish),
        solids=solids,
        shininess=dish.shininess,
        specular=dish.specular,
    )


def _picture(dish: Dish) -> Canvas:
    picture = Canvas(128, 256, dish.colour)
    picture.fill((0.0, 0.0, 1.0, 0.5), dish.inner_colour)
    for low, high, colour in dish.bands:
        picture.fill((0.0, low, 1.0, high), colour)
    for number in range(dish.flutes):
        left = number / dish.flutes
        shadow = tuple(0.86 * channel for channel in dish.colour)
        area = (left, 0.74, left + 0.4 / dish.flutes, 0.92)
        picture.fill(area, (shadow[0], shadow[1], shadow[2]))
    return picture


_DISHES = {
    "akita_black_bowl": Dish(
        outside=[
            (0.0, 0.0016), (0.0235, 0.0016), (0.0252, 0.0022), (0.031, 0.0058), (0.0365, 0.01),
            (0.041, 0.015), (0.0445, 0.0215), (0.048, 0.031), (0.051, 0.042), (0.053, 0.0515),
            (0.0526, 0.0523),
        ],
        inside=[
            (0.0526, 0.0523), (0.051, 0.052), (0.0488, 0.042), (0.0458, 0.031), (0.0422, 0.0215),
            (0.037, 0.0145), (0.029, 0.0095), (0.018, 0.0072), (0.0, 0.0066),
        ],
        colour=(30, 30, 33),
        inner_colour=(36, 36, 39),
        bands=[
            (0.955, 0.965, (120, 118, 116)), (0.925, 0.93, (96, 94, 92)),
            (0.86, 0.864, (80, 79, 78)), (0.44, 0.45, (96, 94, 92)),
        ],
        floor=(0.026, 0.0016, 0.0068),
        walls=[
            ((0.0275, 0.0025), (0.0432, 0.0155), 0.006, 16),
            ((0.0434, 0.0145), (0.053, 0.0521), 0.003, 16),
        ],
    ),
    "white_bowl": Dish(
        outside=[
            (0.0, 0.0006), (0.02, 0.0006), (0.0215, 0.002), (0.0255, 0.0042), (0.0325, 0.009),
            (0.038, 0.015), (0.041, 0.0215), (0.0421, 0.0285), (0.042, 0.0342), (0.0413, 0.0353),
        ],
        inside=[
            (0.0413, 0.0353), (0.0392, 0.0345), (0.0382, 0.0265), (0.0365, 0.0185),
            (0.0315, 0.0105), (0.022, 0.0058), (0.0, 0.0042),
        ],
        colour=(236, 235, 230),
        inner_colour=(242, 241, 237),
        floor=(0.0215, 0.0006, 0.007),
        walls=[
            ((0.0235, 0.0015), (0.0345, 0.0125), 0.005, 16),
            ((0.0345, 0.0118), (0.0407, 0.0351), 0.003, 16),
        ],
    ),
    "glazed_rim_porcelain_ramekin": Dish(
        outside=[
            (0.0, 0.0007), (0.0375, 0.0007), (0.0395, 0.002), (0.0405, 0.008), (0.0418, 0.0305),
            (0.0436, 0.0335), (0.0445, 0.038), (0.0442, 0.042), (0.0432, 0.0433),
        ],
        inside=[
            (0.0432, 0.0433), (0.0405, 0.042), (0.0385, 0.0385), (0.0352, 0.0295),
            (0.0348, 0.013), (0.033, 0.009), (0.0, 0.0075),
        ],
        colour=(238, 237, 233),
        inner_colour=(244, 243, 240),
        bands=[(0.48, 0.52, (226, 222, 214))],
        flutes=28,
        floor=(0.039, 0.0007, 0.0075),
        walls=[((0.0388, 0.0012), (0.0443, 0.0427), 0.007, 16)],
    ),
    "plate": Dish(
        outside=[
            (0.0, 0.0005), (0.041, 0.0), (0.044, 0.0), (0.046, 0.0022), (0.055, 0.006),
            (0.064, 0.011), (0.0686, 0.0148), (0.0684, 0.0162),
        ],
        inside=[
            (0.0684, 0.0162), (0.067, 0.0164), (0.0605, 0.0128), (0.053, 0.0088),
            (0.0465, 0.0052), (0.041, 0.0032), (0.0, 0.003),
        ],
        colour=(238, 236, 232),
        inner_colour=(240, 238, 234),
        bands=[
            (0.98, 1.0, (170, 58, 44)), (0.455, 0.48, (170, 58, 44)),
            (0.428, 0.436, (196, 120, 106)), (0.33, 0.336, (214, 206, 200)),
        ],
        floor=(0.0385, -0.0025, 0.0048),
        walls=[((0.0395, -0.001), (0.069, 0.0142), 0.005, 12)],
    ),
}  # fmt: skip
