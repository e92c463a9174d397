"""Things to put things into: the basket and the wooden tray."""

from __future__ import annotations

import math

import numpy as np

from gridseval.assets.standins.canvas import Area, Canvas
from gridseval.assets.standins.mesh import Mesh, join
from gridseval.assets.standins.mjcf import region
from gridseval.assets.standins.noise import layered_noise
from gridseval.assets.standins.objects.model import Model
from gridseval.assets.standins.rounds import lathe
from gridseval.assets.standins.shapes import box
from gridseval.assets.standins.solids import Block, Vector, about_y, about_z, between, multiply

_WALL: Area = (0.0, 0.25, 1.0, 1.0)
_RIM: Area = (0.0, 0.0, 1.0, 0.1)
_FLOOR: Area = (0.0, 0.1, 1.0, 0.25)


def container_models() -> list[Model]:
    """Return the models of both containers."""
    return [_basket(), _tray()]


def _basket() -> Model:
    return Model(
        name="basket",
        folder="stable_scanned_objects",
        mesh=_basket_mesh(),
        picture=_wicker(),
        solids=_basket_solids(),
        regions=[
            region(
                "contain_region",
                (0.06108, 0.06108, 0.06949),
                (0.0, 0.0, 0.07185),
                quat=(0, 0, 0, 1),
            )
        ],
        shininess=0.1,
        specular=0.1,
    )


def _basket_solids() -> list[Block]:
    """Return the floor and four walls that lean outwards."""
    lean = about_y(0.075)
    blocks = [between((-0.0741, -0.0724, 0.0046), (0.0791, 0.0724, 0.0216))]
    for number, reach in enumerate((0.0732, 0.0688, 0.0732, 0.0688)):
        turn = about_z(number * math.pi / 2)
        x, y = ((1, 0), (0, 1), (-1, 0), (0, -1))[number]
        blocks.append(
            Block(
                (0.0067, 0.0724, 0.0637),
                (0.0015 + reach * x, reach * y, 0.0785),
                multiply(turn, lean),
            )
        )
    return blocks


def _basket_mesh() -> Mesh:
    """Return a square funnel with a thick rim, a lathe's work of four sides."""
    half = math.sqrt(2.0)
    outside = [(0.0, 0.0046), (0.0735 * half, 0.0046), (0.0825 * half, 0.132)]
    rim = [
        (0.0825 * half, 0.132), (0.086 * half, 0.133), (0.086 * half, 0.144),
        (0.0835 * half, 0.1465), (0.076 * half, 0.1465), (0.0735 * half, 0.144),
        (0.0735 * half, 0.132), (0.0735 * half, 0.132),
    ]  # fmt: skip
    inside = [(0.0735 * half, 0.132), (0.0645 * half, 0.0215)]
    floor = [(0.0645 * half, 0.0215), (0.0, 0.0215)]
    parts = ((outside[:2], _FLOOR), (outside[1:], _WALL), (rim[:-1], _RIM), (inside, _WALL),
             (floor, _FLOOR))  # fmt: skip
    shape = join(*(lathe(profile, 4, part).faceted() for profile, part in parts))
    return shape.turned("z", 45).stretched(y=0.935).moved(0.001)


def _wicker() -> Canvas:
    """Return woven cane: canes that pass over and under uprights, row by row."""
    picture = Canvas(256, 256, (178, 128, 72))
    height, width = 256, 256
    columns = np.arange(width)[None] * 48 // width
    rows = np.arange(height)[:, None] * 26 // height
    across = (np.arange(width)[None] * 48 / width) % 1.0
    along = (np.arange(height)[:, None] * 26 / height) % 1.0
    over = (columns + rows) % 2 == 0
    bulge = 4 * across * (1 - across)
    round_off = 4 * along * (1 - along)
    picture.shade(np.where(over, 0.62 + 0.5 * bulge, 0.5 + 0.22 * bulge) * (0.55 + 0.5 * round_off))
    picture.fill((0.0, 0.0, 1.0, 0.1), (150, 102, 54))
    height, width, _ = picture.region((0.0, 0.0, 1.0, 0.1)).shape
    braid = (
        (np.arange(width)[None] * 40 / width + np.arange(height)[:, None] * 3 / height) % 1
    ) < 0.4
    picture.shade(np.where(braid, 0.72, 1.05), (0.0, 0.0, 1.0, 0.1))
    picture.shade(0.85 + 0.3 * layered_noise(256, 256, 16, 16, seed=3))
    return picture


def _tray() -> Model:
    slats: list[tuple[Vector, Vector]] = [
        # The long boards of the bottom, on two cross bars.
        ((-0.1378, 0.0332, 0.0012), (0.1528, 0.0733, 0.0082)),
        ((-0.1378, -0.0302, 0.0012), (0.1528, 0.0190, 0.0082)),
        ((-0.1378, -0.0842, 0.0012), (0.1528, -0.0436, 0.0082)),
        ((-0.1380, -0.0838, -0.0009), (-0.1249, 0.0732, 0.0020)),
        ((0.1402, -0.0838, -0.0009), (0.1528, 0.0732, 0.0020)),
        # The short ends, the long sides.
        ((-0.1415, -0.0838, 0.0055), (-0.1370, 0.0730, 0.0548)),
        ((0.1509, -0.0838, 0.0055), (0.1555, 0.0730, 0.0548)),
        ((-0.1362, -0.0870, 0.0060), (0.1518, -0.0822, 0.0622)),
        ((-0.1362, 0.0735, 0.0060), (0.1518, 0.0782, 0.0600)),
        # Posts in the corners and the handles that join them.
        ((-0.1380, -0.0845, 0.0020), (-0.1259, -0.0724, 0.0795)),
        ((-0.1380, 0.0625, 0.0020), (-0.1259, 0.0740, 0.0795)),
        ((0.1395, -0.0845, 0.0020), (0.1515, -0.0724, 0.0795)),
        ((0.1395, 0.0632, 0.0020), (0.1515, 0.0746, 0.0795)),
        ((-0.1402, -0.0835, 0.0785), (-0.1268, 0.0737, 0.0812)),
        ((0.1404, -0.0835, 0.0785), (0.1538, 0.0737, 0.0812)),
    ]
    picture = Canvas(256, 256, (164, 108, 62))
    picture.shade(0.8 + 0.4 * layered_noise(256, 256, 48, 3, seed=21))
    boards = [between(low, high) for low, high in slats]
    return Model(
        name="wooden_tray",
        folder="turbosquid_objects",
        mesh=join(*(_board(block, number) for number, block in enumerate(boards))),
        picture=picture,
        solids=boards,
        regions=[
            region(
                "contain_region",
                (0.0404, 0.0784, 0.1355),
                (0.0086, -0.0047, 0.0425),
                quat=(0.70711, 0, 0.70711, 0),
            )
        ],
        shininess=0.1,
        specular=0.15,
    )


def _board(block: Block, number: int) -> Mesh:
    """Return a board whose grain runs along it, cut from a separate place of the wood."""
    x, y, z = (2 * half for half in block.half)
    low = (number * 5 % 16) / 20
    strip = (0.0, low, 1.0, low + 0.2)
    if y > x:
        board = box(y, x, z, strip).turned("z", 90)
    elif z > x and z > y:
        board = box(z, y, x, strip).turned("y", 90)
    else:
        board = box(x, y, z, strip)
    return board.moved(*block.center)
