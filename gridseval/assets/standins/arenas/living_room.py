"""The living room: an oval table on one foot, a wall unit with a screen and a picture behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gridseval.assets.standins.arenas.furniture import Furniture, paint
from gridseval.assets.standins.arenas.room import floor_body, shell_assets, walls, write_scene
from gridseval.assets.standins.carpentry import Corners, boxes, grained, rod
from gridseval.assets.standins.mesh import Mesh, directions, join
from gridseval.assets.standins.mjcf import Element, element, solid_between, textured
from gridseval.assets.standins.png import write_png
from gridseval.assets.standins.shapes import extrude
from gridseval.assets.standins.surfaces import Shades, wood

_TOP, _UNDERSIDE = 0.4368, 0.4131
_MIDDLE, _HALF_LENGTH, _HALF_WIDTH = (-0.209, -0.011), 0.8995, 0.598
_BACK, _FRONT = -1.91, -1.55


def build_living_room(root: Path) -> None:
    """Write the living room's scene, meshes and textures below the asset root."""
    scenes = root / "scenes"
    table = Furniture(scenes, "living_room_table")
    brown = Shades((98, 69, 56), (12, 9, 8)).coloured(wood(256, 41, rings=14, fibre=0.6))
    write_png(scenes / "living_room_table" / "wood.png", brown)
    table.add("wood", _table(), textured("living_room_table", "living_room_table/wood.png"))
    unit, picture = wall_unit(scenes), wall_picture(scenes)
    write_scene(
        scenes / "libero_living_room_tabletop_base_style.xml",
        [*shell_assets(0.2, 0.9), *table.assets, *unit.assets, *picture.assets],
        [floor_body(), _table_body(table), *picture.geoms, *unit.geoms, *walls()],
    )


def wall_unit(scenes: Path) -> Furniture:
    """Write the wall unit: black frames, cream fronts, rust-coloured boxes, a screen."""
    unit = Furniture(scenes, "living_room")
    black: list[Corners] = [
        ((_BACK, -1.17, 0.0), (_FRONT, 1.15, 0.06)),
        ((_BACK, -1.17, 0.06), (_FRONT, 1.15, 0.42)),
        ((_BACK, -0.62, 0.42), (_BACK + 0.03, 0.62, 1.3)),
        ((_BACK + 0.06, -0.55, 0.55), (_BACK + 0.1, 0.55, 1.2)),
        ((_BACK, -1.17, 0.9), (_FRONT - 0.05, -0.65, 0.93)),
        ((_BACK, 0.65, 0.9), (_FRONT - 0.05, 1.15, 0.93)),
    ]
    cream: list[Corners] = [
        ((_FRONT, -1.15, 0.09), (_FRONT + 0.015, -0.4, 0.39)),
        ((_FRONT, -0.385, 0.09), (_FRONT + 0.015, 0.385, 0.39)),
        ((_FRONT, 0.4, 0.09), (_FRONT + 0.015, 1.13, 0.39)),
        ((_BACK, -1.17, 0.93), (_FRONT - 0.08, -0.92, 1.595)),
        ((_BACK, 0.9, 0.93), (_FRONT - 0.08, 1.15, 1.595)),
        ((_BACK, -0.62, 1.33), (_FRONT - 0.1, 0.62, 1.56)),
    ]
    rust: list[Corners] = [
        ((_BACK, -0.91, 0.93), (_FRONT - 0.1, -0.65, 1.3)),
        ((_BACK, 0.65, 0.93), (_FRONT - 0.1, 0.89, 1.3)),
        ((_BACK, -1.1, 0.42), (_FRONT - 0.1, -0.75, 0.72)),
    ]
    unit.add("black", boxes(black), paint("living_black", (14, 14, 14), reflectance=0.5))
    unit.add("cream", boxes(cream), paint("living_cream", (232, 224, 214), reflectance=0.5))
    unit.add("rust", boxes(rust), paint("living_rust", (176, 80, 52), reflectance=0.5))
    return unit


def wall_picture(scenes: Path) -> Furniture:
    """Write the grey picture on the wall."""
    picture = Furniture(scenes, "wall_decoration")
    canvas: list[Corners] = [((-1.95, 0.15, 0.957), (-1.946, 1.012, 1.966))]
    grey = paint("wall_decoration", (170, 165, 155), reflectance=0.5)
    picture.add("canvas", boxes(canvas), grey, geom="wall_decoration")
    return picture


def _table_body(table: Furniture) -> Element:
    solids: list[Corners] = [
        ((-0.8693, -0.5887, _UNDERSIDE), (0.4741, 0.5742, _TOP)),
        ((0.4741, -0.4168, _UNDERSIDE), (0.65, 0.4168, _TOP)),
        ((-1.0714, -0.4168, _UNDERSIDE), (-0.8693, 0.4168, _TOP)),
        ((-0.435, -0.4116, 0.0), (0.435, 0.4116, _UNDERSIDE)),
    ]
    turned = element(
        "body",
        *table.geoms,
        *(solid_between(*pair) for pair in solids),
        name="living_room_table_col",
        pos=(-0.25, 0.25, 0),
        quat=(0.707107, 0, 0, 0.707107),
    )
    # LIBERO adds the regions of a task to the outer body, which stands straight.
    return element("body", turned, name="living_room_table", pos=(0, 0, 0), quat=(1, 0, 0, 0))


def _table() -> Mesh:
    """Return an oval board with rounded edge on a round foot."""
    layers = [
        extrude(_oval(inset), low, high)
        for inset, low, high in (
            (0.02, 0.396, 0.404),
            (0.004, 0.404, 0.414),
            (0.0, 0.414, 0.429),
            (0.004, 0.429, 0.434),
            (0.012, 0.434, _TOP),
        )
    ]
    foot = rod((-0.021, -0.011, 0), 0.4, 0.43, segments=48)
    return join(grained(join(*layers), "x", 0.6), grained(foot, "z", 0.6))


def _oval(inset: float) -> list[tuple[float, float]]:
    """Return the board's outline, fuller than an ellipse, counter-clockwise."""
    circle = directions(48)[:-1]
    size = np.abs(circle)
    # |cosine| to the power of 3/4, by square roots, which are the same on every machine.
    fuller = np.sign(circle) * np.sqrt(size) * np.sqrt(np.sqrt(size))
    half = np.array((_HALF_LENGTH - inset, _HALF_WIDTH - inset))
    return [(float(x), float(y)) for x, y in fuller * half + np.array(_MIDDLE)]
