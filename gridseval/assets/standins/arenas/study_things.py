"""The study's organic shapes: the potted palm and the desk lamp."""

from __future__ import annotations

import numpy as np

from gridseval.assets.standins.carpentry import rod
from gridseval.assets.standins.mesh import Array, Mesh, join
from gridseval.assets.standins.noise import white_noise
from gridseval.assets.standins.rounds import lathe, tube
from gridseval.assets.standins.shapes import quad

_TRUNKS = ((0.0, 0.0, 0.6), (0.07, 0.05, 0.42), (-0.05, -0.04, 0.28))
"""x, y and height of the palm's trunks, from the pot's middle (m)."""

_LEAVES_PER_TRUNK, _PIECES = 13, 4


def trunks() -> Mesh:
    """Return the trunks of the palm, each a little crooked."""
    rods = []
    for x, y, height in _TRUNKS:
        path = [(x * 0.6, y * 0.6, 0.25), (x, y, 0.25 + height / 2), (x * 1.15, y, 0.3 + height)]
        rods.append(tube(path, [0.032, 0.028, 0.022], segments=10))
    return join(*rods)


def leaves() -> Mesh:
    """Return tufts of long leaves that rise and hang over at the tips, seen from both sides."""
    draws = white_noise(len(_TRUNKS) * _LEAVES_PER_TRUNK, 4, 77)
    blades = []
    for number, draw in enumerate(draws):
        x, y, height = _TRUNKS[number // _LEAVES_PER_TRUNK]
        turn = 360.0 * (number % _LEAVES_PER_TRUNK) / _LEAVES_PER_TRUNK + 40.0 * float(draw[0])
        reach, rise = 0.2 + 0.17 * float(draw[1]), 0.42 * float(draw[2]) + 0.02
        blade = _blade(reach, rise, 0.02 + 0.012 * float(draw[3]))
        blades.append(blade.turned("z", turn).moved(x * 1.15, y, 0.3 + height - 0.02))
    upper = join(*blades)
    return join(upper, upper.turned_inside_out())


def _blade(reach: float, rise: float, half: float) -> Mesh:
    """Return a leaf along +x: up to its middle, then over; widest at a third of its length."""
    way = np.arange(_PIECES + 1) / _PIECES
    x = reach * way * (1.6 - 0.6 * way)
    z = rise * (2.2 * way - 1.5 * way * way) + 0.12 * way - 0.2 * way * way * way
    y = half * np.array((0.35, 1.0, 0.9, 0.6, 0.04))
    pieces = []
    for first in range(_PIECES):
        second = first + 1
        corners: Array = np.array(
            (
                (x[first], -y[first], z[first]),
                (x[second], -y[second], z[second]),
                (x[second], y[second], z[second]),
                (x[first], y[first], z[first]),
            )
        )
        pieces.append(quad(corners, (first / _PIECES, 0.0, second / _PIECES, 1.0)))
    return join(*pieces)


def lamp() -> Mesh:
    """Return a desk lamp: a heavy foot, a bent arm and a bell, its head over +y."""
    bell = [(0.02, 0.1), (0.03, 0.1), (0.125, 0.0), (0.12, 0.0), (0.02, 0.09)]
    arm = [
        (0.0, 0.0, 0.03),
        (0.0, -0.08, 0.4),
        (0.0, 0.02, 0.72),
        (0.0, 0.3, 0.76),
        (0.0, 0.42, 0.7),
    ]
    return join(
        rod((0, 0, 0), 0.03, 0.12, segments=32),
        tube(arm, 0.012, segments=10),
        lathe(bell, 32).moved(0, 0.42, 0.6),
    )
