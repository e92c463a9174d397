"""Squeeze bottles with a screw cap: ketchup, barbecue sauce and salad dressing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gridseval.assets.standins.canvas import Area, Canvas, Colour
from gridseval.assets.standins.mesh import Mesh, join
from gridseval.assets.standins.objects.model import LYING, PAPER_SHADE, Model
from gridseval.assets.standins.rounds import loft
from gridseval.assets.standins.solids import Block, Quaternion, Vector, between, prism

Section = tuple[float, float, float]
"""Half thickness (m, towards the label), half width (m), height (m)."""

# Where on the picture the parts are: the label's side is in the middle of the lower part.
_BODY: Area = (0.0, 0.0, 1.0, 0.75)
_CAP: Area = (0.0, 0.8, 1.0, 1.0)
_LABEL: Area = (0.36, 0.1, 0.64, 0.6)


@dataclass(frozen=True)
class Bottle:
    """One kind of bottle.

    Attributes:
        body: Cross-sections from the bottom to the shoulder.
        cap: Radius (m), lower and upper height (m).
        colour: Of the body.
        cap_colour: Of the cap.
        paper: Colour of the label.
        words: Printed on the label, from the top, with colours.
        spots: Ellipses on the label: area on the picture and colour.
        blocks: Colliding boxes of the body: low and high corner (m).
        cap_solid: Radius, low and high (m) of the colliding cap.
        frame: How it lies in its body's frame.
        raised_m: Shift along the upright axis.
    """

    body: Sequence[Section]
    cap: tuple[float, float, float]
    colour: Colour
    cap_colour: Colour
    paper: Colour
    words: Sequence[tuple[str, float, float, Colour]]
    blocks: Sequence[tuple[Vector, Vector]]
    cap_solid: tuple[float, float, float]
    spots: Sequence[tuple[Area, Colour]] = ()
    frame: Quaternion = LYING
    raised_m: float = 0.0


def bottle_models() -> list[Model]:
    """Return the models of all squeeze bottles."""
    return [_model(name, bottle) for name, bottle in _BOTTLES.items()]


def _model(name: str, bottle: Bottle) -> Model:
    solids = [*(between(*corners) for corners in bottle.blocks), *prism(*bottle.cap_solid)]
    raised = [
        Block(solid.half, _raise(solid.center, bottle.raised_m), solid.turn) for solid in solids
    ]
    return Model(
        name=name,
        folder="stable_hope_objects",
        mesh=_mesh(bottle).turned("z", 180).moved(z=bottle.raised_m),
        picture=_picture(bottle),
        solids=raised,
        frame=bottle.frame,
        shininess=0.6,
        specular=0.5,
    )


def _raise(center: Vector, by: float) -> Vector:
    return (center[0], center[1], center[2] + by)


def _mesh(bottle: Bottle) -> Mesh:
    thick, wide, bottom = bottle.body[0]
    radius, low, high = bottle.cap
    cap = [
        (radius * 0.96, low),
        (radius, low + 0.001),
        (radius, high - 0.002),
        (radius * 0.94, high),
        (0.0, high),
    ]
    return join(
        loft([(0.0, 0.0, bottom), (thick, wide, bottom)], part=(0.02, 0.02, 0.06, 0.05)),
        loft(bottle.body, part=_BODY),
        loft([(r, r, z) for r, z in cap], part=_CAP),
    )


def _picture(bottle: Bottle) -> Canvas:
    picture = Canvas(256, 256, bottle.colour)
    picture.fill((0.0, 0.77, 1.0, 1.0), bottle.cap_colour)
    darker = (bottle.cap_colour[0] * 0.9, bottle.cap_colour[1] * 0.9, bottle.cap_colour[2] * 0.9)
    for number in range(32):
        picture.fill((number / 32, 0.8, number / 32 + 0.01, 0.93), darker)
    left, bottom, right, top = _LABEL
    picture.ellipse((left, bottom + 0.2, right, top + 0.06), bottle.paper)
    picture.ellipse((left, bottom - 0.04, right, top - 0.15), bottle.paper)
    picture.fill((left, bottom + 0.14, right, top - 0.12), bottle.paper)
    for area, colour in bottle.spots:
        picture.ellipse(area, colour)
    for words, low, high, colour in bottle.words:
        picture.text((left + 0.01, low, right - 0.01, high), words, colour)
    picture.shade(PAPER_SHADE)
    return picture


_RED, _WHITE, _GREEN = (206, 62, 22), (238, 238, 234), (14, 118, 66)
_DRESSING = Bottle(
    body=[
        (0.0165, 0.0225, -0.0725), (0.02, 0.027, -0.069), (0.0218, 0.0312, -0.055),
        (0.0216, 0.0327, -0.04), (0.0212, 0.0322, -0.025), (0.0208, 0.029, -0.011),
        (0.0205, 0.0238, 0.001), (0.0195, 0.0198, 0.012), (0.0178, 0.018, 0.022),
        (0.0168, 0.017, 0.03), (0.0168, 0.017, 0.0345),
    ],
    cap=(0.0183, 0.034, 0.0737),
    colour=(226, 226, 222),
    cap_colour=_GREEN,
    paper=(92, 152, 50),
    words=[
        ("CREAMY", 0.47, 0.53, (16, 84, 48)), ("RANCH", 0.33, 0.45, (60, 40, 100)),
        ("DRESSING", 0.25, 0.33, (60, 40, 100)),
    ],
    spots=[
        ((0.375, 0.1, 0.625, 0.62), (250, 248, 236)), ((0.39, 0.1, 0.5, 0.2), (214, 70, 30)),
        ((0.48, 0.09, 0.57, 0.18), (60, 130, 40)), ((0.53, 0.12, 0.61, 0.2), (240, 150, 40)),
    ],
    blocks=[
        ((-0.018, -0.0265, -0.0727), (0.0178, 0.0262, -0.02)),
        ((-0.0175, -0.0205, -0.02), (0.0175, 0.0205, 0.012)),
        ((-0.015, -0.015, 0.012), (0.015, 0.015, 0.036)),
    ],
    cap_solid=(0.0165, 0.036, 0.0728),
)  # fmt: skip

_BOTTLES = {
    "ketchup": Bottle(
        body=[
            (0.018, 0.027, -0.0724), (0.021, 0.031, -0.068), (0.0215, 0.0323, -0.055),
            (0.0212, 0.0323, -0.035), (0.021, 0.0318, -0.018), (0.021, 0.0306, -0.006),
            (0.021, 0.0285, 0.008), (0.0208, 0.0256, 0.02), (0.019, 0.0215, 0.029),
            (0.017, 0.0175, 0.034), (0.017, 0.0175, 0.038),
        ],
        cap=(0.0183, 0.0365, 0.0738),
        colour=_RED,
        cap_colour=_WHITE,
        paper=(226, 160, 60),
        words=[
            ("FANCY", 0.47, 0.56, (90, 40, 20)), ("TOMATO", 0.3, 0.4, (30, 26, 26)),
            ("KETCHUP", 0.19, 0.3, (30, 26, 26)),
        ],
        spots=[
            ((0.372, 0.1, 0.628, 0.46), (250, 236, 222)),
            ((0.4, 0.06, 0.5, 0.17), (208, 40, 20)), ((0.5, 0.06, 0.6, 0.17), (208, 40, 20)),
        ],
        blocks=[
            ((-0.0161, -0.0277, -0.0724), (0.0177, 0.0285, -0.0063)),
            ((-0.0174, -0.0235, -0.0063), (0.0191, 0.0243, 0.015)),
            ((-0.0174, -0.0183, 0.015), (0.0191, 0.0191, 0.0364)),
        ],
        cap_solid=(0.0172, 0.0364, 0.0732),
    ),
    "bbq_sauce": Bottle(
        body=[
            (0.0135, 0.0205, -0.0547), (0.0161, 0.0238, -0.051), (0.0166, 0.0248, -0.042),
            (0.0163, 0.0249, -0.027), (0.0162, 0.0245, -0.014), (0.0162, 0.0236, -0.004),
            (0.0162, 0.022, 0.006), (0.016, 0.0197, 0.015), (0.0148, 0.0168, 0.022),
            (0.0132, 0.0135, 0.026), (0.0132, 0.0135, 0.029),
        ],
        cap=(0.0141, 0.028, 0.057),
        colour=(96, 30, 12),
        cap_colour=(204, 70, 14),
        paper=(204, 44, 16),
        words=[
            ("TANGY", 0.42, 0.49, (250, 220, 90)), ("BBQ", 0.28, 0.42, (250, 226, 110)),
            ("SAUCE", 0.19, 0.27, (250, 200, 60)),
        ],
        spots=[
            ((0.4, 0.44, 0.6, 0.64), (236, 170, 40)), ((0.37, 0.16, 0.63, 0.54), (204, 44, 16)),
            ((0.46, 0.08, 0.54, 0.17), (245, 240, 230)),
        ],
        blocks=[
            ((-0.0145, -0.0235, -0.0546), (0.0145, 0.0235, -0.0058)),
            ((-0.0143, -0.0181, -0.0058), (0.0143, 0.0181, 0.0269)),
        ],
        cap_solid=(0.0132, 0.0257, 0.0525),
        frame=(0.707107, 0.0, 0.0, -0.707107),
    ),
    "salad_dressing": _DRESSING,
    "new_salad_dressing": replace(_DRESSING, raised_m=0.05),
}  # fmt: skip
