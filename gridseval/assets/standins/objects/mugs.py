"""Mugs: white porcelain, red coffee mug, yellow and white mug."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gridseval.assets.standins.canvas import Area, Canvas, Colour
from gridseval.assets.standins.mesh import join
from gridseval.assets.standins.objects.model import Model
from gridseval.assets.standins.rounds import curved, lathe, tube
from gridseval.assets.standins.solids import Block, Vector, prism, ring, rod

Point = tuple[float, float]
"""Radius and height (m)."""

_OUTSIDE: Area = (0.02, 0.5, 0.88, 0.99)
_INSIDE: Area = (0.02, 0.45, 0.88, 0.01)
_HANDLE: Area = (0.95, 0.1, 1.0, 0.9)


@dataclass(frozen=True)
class Mug:
    """One mug.

    Attributes:
        axis: x and y of the axis in the body's frame (m).
        outside: Profile from the middle of the bottom up to the rim.
        inside: Profile from the rim down to the middle.
        handle: Path in the xz plane, away from the axis towards +x (m); mirrored if it is at -x.
        handle_radius: Half thickness (m); ``handle_flat`` times that across.
        colour: Outside; ``inner_colour`` inside, ``handle_colour`` of the handle.
        floor: Radius, lower and upper height (m) of the colliding bottom.
        walls: Colliding walls: lower and upper outer edge, thickness (m), number of boxes.
        mirrored: Whether the handle is at -x.
        diamonds: Whether the outside has a pattern of diamonds.
        band: Lower share of the picture's height from which the outside has its second colour.
    """

    axis: tuple[float, float]
    outside: Sequence[Point]
    inside: Sequence[Point]
    handle: Sequence[Point]
    handle_radius: float
    handle_flat: float
    colour: Colour
    inner_colour: Colour
    handle_colour: Colour
    floor: tuple[float, float, float]
    walls: Sequence[tuple[Point, Point, float, int]]
    mirrored: bool = False
    diamonds: bool = False
    band: tuple[float, Colour] | None = None


def mug_models() -> list[Model]:
    """Return the models of all mugs."""
    return [_model(name, mug) for name, mug in _MUGS.items()]


def _model(name: str, mug: Mug) -> Model:
    x, y = mug.axis
    solids: list[Block] = prism(*mug.floor, x=x, y=y)
    for bottom, top, thickness, boxes in mug.walls:
        solids += ring(bottom, top, thickness, x, y, boxes)
    sign = -1 if mug.mirrored else 1
    path: list[Vector] = [(x + sign * reach, y, z) for reach, z in mug.handle]
    solids += rod(path, mug.handle_radius * mug.handle_flat, mug.handle_radius)
    cup = join(
        lathe(mug.outside, 48, _OUTSIDE, smooth=True),
        lathe(mug.inside, 48, _INSIDE, smooth=True),
    )
    return Model(
        name=name,
        folder="turbosquid_objects",
        mesh=join(
            cup.moved(x, y),
            tube(curved(path), mug.handle_radius, part=_HANDLE, flatten=mug.handle_flat),
        ),
        picture=_picture(mug),
        solids=solids,
        shininess=0.6,
        specular=0.4,
    )


def _picture(mug: Mug) -> Canvas:
    picture = Canvas(256, 256, mug.colour)
    picture.fill((0.0, 0.0, 1.0, 0.475), mug.inner_colour)
    if mug.diamonds:
        area = (0.0, 0.62, 1.0, 0.93)
        height, width, _ = picture.region(area).shape
        u = np.arange(width)[None] * 36 / width
        v = np.arange(height)[:, None] * 9 / height
        rising, falling = (u + v) % 1.0, (u - v) % 1.0
        picture.shade(np.where((rising < 0.25) | (falling < 0.25), 0.86, 1.0), area)
    if mug.band is not None:
        low, colour = mug.band
        picture.fill((0.0, low, 0.92, 1.0), colour)
    picture.fill((0.92, 0.0, 1.0, 1.0), mug.handle_colour)
    return picture


_MUGS = {
    "porcelain_mug": Mug(
        axis=(0.0165, -0.0015),
        outside=[
            (0.0, 0.0024), (0.026, 0.0022), (0.031, 0.004), (0.0355, 0.0115), (0.0405, 0.024),
            (0.0437, 0.038), (0.0462, 0.056), (0.0477, 0.073), (0.0482, 0.09), (0.0479, 0.104),
            (0.047, 0.1115), (0.0455, 0.1132),
        ],
        inside=[
            (0.0455, 0.1132), (0.0438, 0.1118), (0.0428, 0.105), (0.0425, 0.08), (0.041, 0.05),
            (0.037, 0.025), (0.028, 0.0105), (0.0, 0.0085),
        ],
        handle=[
            (0.0462, 0.089), (0.056, 0.0935), (0.067, 0.0895), (0.0755, 0.078), (0.078, 0.062),
            (0.074, 0.045), (0.064, 0.031), (0.05, 0.0225), (0.041, 0.0235),
        ],
        handle_radius=0.0045,
        handle_flat=1.5,
        colour=(232, 231, 227),
        inner_colour=(240, 239, 236),
        handle_colour=(232, 231, 227),
        floor=(0.031, 0.0024, 0.0095),
        walls=[
            ((0.034, 0.006), (0.0437, 0.038), 0.0045, 12),
            ((0.0437, 0.037), (0.0475, 0.1085), 0.005, 14),
        ],
        mirrored=True,
        diamonds=True,
    ),
    "red_coffee_mug": Mug(
        axis=(-0.0165, -0.001),
        outside=[
            (0.0, -0.0015), (0.033, -0.0018), (0.0365, 0.001), (0.0373, 0.006), (0.0377, 0.03),
            (0.0395, 0.065), (0.0425, 0.107), (0.0448, 0.125), (0.0466, 0.1325), (0.0455, 0.1345),
        ],
        inside=[
            (0.0455, 0.1345), (0.0437, 0.1335), (0.0395, 0.115), (0.0352, 0.09), (0.0338, 0.06),
            (0.0322, 0.03), (0.029, 0.012), (0.0, 0.0095),
        ],
        handle=[
            (0.039, 0.107), (0.052, 0.1135), (0.066, 0.1115), (0.0755, 0.101), (0.0765, 0.084),
            (0.072, 0.066), (0.062, 0.047), (0.05, 0.033), (0.037, 0.0255),
        ],
        handle_radius=0.0045,
        handle_flat=1.6,
        colour=(178, 22, 20),
        inner_colour=(186, 28, 26),
        handle_colour=(178, 22, 20),
        floor=(0.036, -0.0018, 0.0095),
        walls=[
            ((0.0375, 0.001), (0.04, 0.072), 0.005, 12),
            ((0.04, 0.071), (0.0448, 0.1308), 0.0055, 14),
        ],
    ),
    "white_yellow_mug": Mug(
        axis=(-0.018, -0.001),
        outside=[
            (0.0, 0.0), (0.029, 0.0), (0.0335, 0.0025), (0.037, 0.008), (0.0395, 0.0175),
            (0.0412, 0.03), (0.0435, 0.048), (0.0465, 0.067), (0.0495, 0.086), (0.0513, 0.1),
            (0.0512, 0.1035), (0.05, 0.1048),
        ],
        inside=[
            (0.05, 0.1048), (0.0475, 0.103), (0.0455, 0.09), (0.042, 0.07), (0.0385, 0.05),
            (0.0355, 0.03), (0.031, 0.0125), (0.0, 0.0095),
        ],
        handle=[
            (0.045, 0.0885), (0.068, 0.086), (0.0785, 0.082), (0.083, 0.074), (0.0825, 0.052),
            (0.0805, 0.034), (0.076, 0.0265), (0.066, 0.0235), (0.039, 0.0225),
        ],
        handle_radius=0.0048,
        handle_flat=1.6,
        colour=(230, 202, 104),
        inner_colour=(238, 234, 220),
        handle_colour=(230, 202, 104),
        floor=(0.0335, 0.0, 0.0105),
        walls=[
            ((0.037, 0.003), (0.0432, 0.05), 0.005, 12),
            ((0.0432, 0.049), (0.0512, 0.1031), 0.005, 14),
        ],
        band=(0.955, (238, 234, 220)),
    ),
}  # fmt: skip
