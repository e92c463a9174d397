"""Frying pan, moka pot and wine bottle."""

from __future__ import annotations

import numpy as np

from gridseval.assets.standins.canvas import Area, Canvas
from gridseval.assets.standins.mesh import Mesh, join
from gridseval.assets.standins.noise import layered_noise
from gridseval.assets.standins.objects.model import Model
from gridseval.assets.standins.rounds import curved, lathe, tube
from gridseval.assets.standins.shapes import triangle
from gridseval.assets.standins.solids import (
    Block,
    Vector,
    about_z,
    between,
    multiply,
    prism,
    ring,
    rod,
)

# Away from the edges, where textures mix with what is beside them.
_LOWER: Area = (0.0, 0.02, 1.0, 0.48)
_UPPER: Area = (0.02, 0.52, 0.88, 0.98)
_ACCENT: Area = (0.94, 0.55, 1.0, 0.95)


def kitchenware_models() -> list[Model]:
    """Return the models of pan, pot and bottle."""
    return [_pan(), _moka_pot(), _wine_bottle()]


def _pan() -> Model:
    x = 0.0075
    outside = [(0.0, 0.0008), (0.068, 0.0008), (0.074, 0.004), (0.083, 0.0125), (0.0915, 0.0225),
               (0.0975, 0.0335), (0.1016, 0.0398), (0.1018, 0.0412)]  # fmt: skip
    inside = [(0.1018, 0.0412), (0.099, 0.0412), (0.0945, 0.034), (0.088, 0.0225), (0.079, 0.0125),
              (0.07, 0.0058), (0.0, 0.0045)]  # fmt: skip
    handle: list[Vector] = [
        (0.098, 0.0, 0.032), (0.118, 0.0, 0.0385), (0.14, 0.0, 0.042), (0.175, 0.0, 0.045),
        (0.21, 0.0, 0.0475), (0.24, 0.0, 0.0475), (0.26, 0.0, 0.0445),
    ]  # fmt: skip
    picture = Canvas(128, 256, (34, 34, 36))
    picture.fill((0.0, 0.0, 1.0, 0.5), (40, 41, 42))
    # The inside from the rim down: a bright edge, a wall that mirrors the light, a darker floor.
    picture.fill((0.0, 0.462, 1.0, 0.5), (150, 150, 150))
    picture.fade((0.0, 0.33, 1.0, 0.462), (50, 51, 52), (84, 85, 86))
    picture.fade((0.0, 0.28, 1.0, 0.33), (70, 71, 72), (50, 51, 52))
    grain = layered_noise(256, 128, 8, 8, seed=5)
    picture.shade(0.85 + 0.3 * grain)
    picture.fill((0.93, 0.5, 1.0, 1.0), (24, 24, 26))
    return Model(
        name="chefmate_8_frypan",
        folder="stable_scanned_objects",
        mesh=join(
            join(
                lathe(outside, 48, _UPPER, smooth=True),
                lathe(inside, 48, (0.02, 0.498, 0.88, 0.02), smooth=True),
            ).moved(x),
            tube(curved(handle), 0.0078, part=_ACCENT, flatten=1.7),
        ),
        picture=picture,
        solids=[
            *prism(0.071, 0.0008, 0.0056, x=x),
            *ring((0.073, 0.003), (0.1025, 0.0412), 0.0045, x=x, boxes=16),
            *rod(handle, 0.0135, 0.007),
        ],
        shininess=0.7,
        specular=0.5,
    )


def _moka_pot() -> Model:
    facets = 8
    base = [
        (0.0, -0.0663),
        (0.0392, -0.0663),
        (0.0398, -0.064),
        (0.0335, -0.0145),
        (0.0335, -0.012),
    ]
    waist = [(0.0335, -0.0145), (0.0318, -0.014), (0.0318, 0.003), (0.0335, 0.0035)]
    jug = [(0.0318, 0.0035), (0.0355, 0.0045), (0.0425, 0.061), (0.0432, 0.062), (0.0432, 0.0645)]
    lid = [(0.0432, 0.0645), (0.041, 0.067), (0.012, 0.0735), (0.0, 0.0735)]
    knob = [(0.005, 0.0735), (0.0055, 0.0755), (0.0082, 0.0862), (0.0, 0.087)]
    handle: list[Vector] = [
        (0.04, 0.0, 0.0545), (0.056, 0.0, 0.0615), (0.07, 0.0, 0.061), (0.0785, 0.0, 0.05),
        (0.0765, 0.0, 0.036), (0.0705, 0.0, 0.0165), (0.06, 0.0, 0.0), (0.055, 0.0, -0.0035),
    ]  # fmt: skip
    steel = [lathe(part, facets, _LOWER).faceted() for part in (base, jug, lid)]
    steel.append(lathe(waist, 32, _LOWER))
    black = [
        lathe(knob, 16, _ACCENT, smooth=True),
        tube(curved(handle), 0.0068, part=_ACCENT, flatten=0.9).turned("z", 90),
    ]
    picture = Canvas(128, 128, (222, 222, 222))
    picture.shade(0.93 + 0.1 * layered_noise(128, 128, 16, 2, seed=9))
    picture.fill((0.9, 0.5, 1.0, 1.0), (26, 26, 28))
    body = join(*steel).turned("z", 22.5)
    return Model(
        name="moka_pot",
        folder="turbosquid_objects",
        mesh=join(body, _beak(), *black),
        picture=picture,
        solids=_moka_solids(handle),
        shininess=0.8,
        specular=0.8,
    )


def _beak() -> Mesh:
    """Return the spout: a triangle that points to -y, drawn together to the wall below it."""
    left, right, tip = (-0.019, -0.036, 0.0638), (0.019, -0.036, 0.0638), (0.0, -0.0605, 0.066)
    low = (0.0, -0.034, 0.02)
    sides = ((left, tip, right), (left, low, tip), (low, right, tip))
    return join(*(triangle(np.array(corners), _LOWER) for corners in sides))


def _moka_solids(handle: list[Vector]) -> list[Block]:
    sideways: list[Vector] = [(x, 0.0, z) for x, _, z in handle]
    turned = about_z(1.5707963267948966)
    grip = [
        Block(
            block.half,
            (0.0, block.center[0], block.center[2]),
            multiply(turned, block.turn),
        )
        for block in rod(sideways, 0.0066, 0.0066)
    ]
    return [
        *prism(0.036, -0.0661, 0.067, boxes=4),
        between((-0.017, -0.056, 0.05), (0.017, -0.03, 0.062)),
        between((-0.006, -0.006, 0.067), (0.006, 0.006, 0.0857)),
        *grip,
    ]


def _wine_bottle() -> Model:
    glass = [
        (0.0, 0.0011), (0.0195, 0.0011), (0.0213, 0.003), (0.0216, 0.008), (0.0215, 0.052),
        (0.0204, 0.0635), (0.0185, 0.0745), (0.015, 0.084), (0.0115, 0.092), (0.009, 0.1),
        (0.0077, 0.112), (0.007, 0.124), (0.0069, 0.138), (0.0079, 0.1395), (0.0079, 0.1455),
        (0.007, 0.1475),
    ]  # fmt: skip
    cork = [(0.0066, 0.147), (0.0068, 0.1495), (0.0076, 0.151), (0.0077, 0.1575), (0.0068, 0.1585),
            (0.0, 0.1585)]  # fmt: skip
    # A strip of glass, a little wider than the bottle, that carries the label; it faces -y.
    paper = lathe([(0.0218, 0.009), (0.0218, 0.0505)], 48, _LOWER)
    picture = Canvas(256, 256, (9, 20, 11))
    picture.fill((0.9, 0.5, 1.0, 1.0), (206, 160, 104))
    picture.fill((0.0, 0.0, 1.0, 0.5), (226, 214, 184))
    picture.fill((0.0, 0.42, 1.0, 0.45), (120, 24, 30))
    picture.fill((0.0, 0.05, 1.0, 0.08), (120, 24, 30))
    picture.text((0.64, 0.26, 0.86, 0.4), "WINE", (110, 20, 28))
    picture.ellipse((0.7, 0.1, 0.8, 0.24), (120, 24, 30))
    # The label ends before it meets itself: the rest of the strip looks like glass.
    for area in ((0.0, 0.0, 0.56, 0.5), (0.94, 0.0, 1.0, 0.5)):
        picture.fill(area, (9, 20, 11))
    return Model(
        name="wine_bottle",
        folder="turbosquid_objects",
        mesh=join(
            lathe(glass, 40, _UPPER, smooth=True), paper, lathe(cork, 20, _ACCENT, smooth=True)
        ),
        picture=picture,
        solids=[
            *prism(0.021, 0.0011, 0.0635),
            *prism(0.0125, 0.0635, 0.0885, boxes=3),
            *prism(0.0077, 0.0885, 0.158, boxes=3),
        ],
        shininess=0.9,
        specular=0.8,
    )
