"""The kitchen: a wooden table, and behind the robot olive cupboards with a black worktop."""

from __future__ import annotations

from pathlib import Path

from gridseval.assets.standins.arenas.furniture import Furniture, paint, plain_table, table_assets
from gridseval.assets.standins.arenas.room import floor, shell_assets, square_walls, write_scene
from gridseval.assets.standins.carpentry import Corners, boxes, rod
from gridseval.assets.standins.mesh import Mesh, join
from gridseval.assets.standins.mjcf import element, textured
from gridseval.assets.standins.png import write_png
from gridseval.assets.standins.rounds import lathe
from gridseval.assets.standins.surfaces import Shades, brushed

_WALL, _FRONT, _END, _WORKTOP = -1.95, -1.36, 1.8, 0.9
_UNITS = 6


def build_kitchen(root: Path) -> None:
    """Write the kitchen's scene, meshes and textures below the asset root."""
    scenes = root / "scenes"
    row = _cupboards(scenes)
    fridge = _fridge(scenes)
    light = element(
        "light",
        name="light_kitchen",
        pos="-1.75 0 1.6",
        dir="0 0 -1",
        diffuse=".8 .8 .8",
        specular=".8 .8 .8",
        directional="true",
        castshadow="false",
    )
    write_scene(
        scenes / "libero_kitchen_tabletop_base_style.xml",
        [*shell_assets(shininess=0.3), *table_assets(), *row.assets, *fridge.assets],
        [floor(), *row.geoms, *fridge.geoms, light, *square_walls(), plain_table()],
    )


def _cupboards(scenes: Path) -> Furniture:
    row = Furniture(scenes, "kitchen_background")
    row.add("fronts", _fronts(), paint("kitchen_fronts", (62, 60, 46), reflectance=0.5))
    row.add("dark", _dark_parts(), paint("kitchen_dark", (24, 24, 22), reflectance=0.5))
    row.add("pots", _pots(), paint("kitchen_pots", (100, 100, 100), reflectance=0.5))
    return row


def _fridge(scenes: Path) -> Furniture:
    fridge = Furniture(scenes, "fridge")
    write_png(
        scenes / "fridge" / "steel.png",
        Shades((62, 62, 64), (14, 14, 14)).coloured(brushed(128, 6)),
    )
    steel = textured("kitchen_fridge", "fridge/steel.png", reflectance=0.9)
    doors: list[Corners] = [
        ((-1.97, -2.83, 0.0), (-1.575, -1.97, 1.77)),
        ((-1.575, -2.83, 0.62), (-1.545, -2.405, 1.765)),
        ((-1.575, -2.395, 0.62), (-1.545, -1.97, 1.765)),
        ((-1.575, -2.83, 0.03), (-1.545, -1.97, 0.6)),
        ((-1.545, -2.44, 0.9), (-1.53, -2.425, 1.5)),
        ((-1.545, -2.375, 0.9), (-1.53, -2.36, 1.5)),
        ((-1.545, -2.7, 0.54), (-1.53, -2.1, 0.555)),
    ]
    fridge.add("doors", boxes(doors, grain="y"), steel)
    return fridge


def _fronts() -> Mesh:
    """Return the doors below the worktop and of the wall cupboards, with gaps between them."""
    width = 2 * _END / _UNITS
    doors: list[Corners] = []
    for number in range(_UNITS):
        left, right = -_END + number * width + 0.006, -_END + (number + 1) * width - 0.006
        doors.append(((_FRONT, left, 0.1), (_FRONT + 0.012, right, 0.66)))
        doors.append(((_FRONT, left, 0.672), (_FRONT + 0.012, right, 0.86)))
        doors.append(((-1.62, left, 1.5), (-1.608, right, 2.5)))
    splash: Corners = ((_WALL, -_END, _WORKTOP), (_WALL + 0.01, _END, 1.49))
    return boxes([*doors, splash], grain="y")


def _dark_parts() -> Mesh:
    """Return the carcasses, the worktop, the hob in it and the handles."""
    parts: list[Corners] = [
        ((_WALL, -_END, 0.0), (_FRONT - 0.06, _END, 0.1)),
        ((_WALL, -_END, 0.1), (_FRONT, _END, 0.86)),
        ((_WALL, -_END, 0.86), (_FRONT + 0.02, _END, _WORKTOP)),
        ((_WALL, -_END, 1.49), (-1.62, _END, 2.5)),
        ((-1.93, -0.4, _WORKTOP), (-1.37, 0.4, _WORKTOP + 0.012)),
    ]
    plates = [
        rod((x, y, _WORKTOP + 0.012), 0.02, 0.1, segments=24)
        for x in (-1.79, -1.52)
        for y in (-0.24, 0.24)
    ]
    return join(boxes(parts), *plates)


def _pots() -> Mesh:
    """Return a wide pot with a lid on the hob, and three jars on the worktop."""
    pot = [(0, 0), (0.1, 0), (0.11, 0.02), (0.11, 0.09), (0.116, 0.095), (0.06, 0.12)]
    pot += [(0.015, 0.125), (0.015, 0.14), (0, 0.14)]
    jar = [(0, 0), (0.06, 0), (0.06, 0.1), (0.045, 0.12), (0.05, 0.14), (0, 0.15)]
    jars = [
        lathe(jar, 24).stretched(z=scale).moved(-1.85, y, _WORKTOP)
        for y, scale in ((-1.08, 1.8), (-0.86, 1.45), (-0.65, 1.1))
    ]
    return join(lathe(pot, 32).moved(-1.52, 0.24, _WORKTOP + 0.032), *jars)
