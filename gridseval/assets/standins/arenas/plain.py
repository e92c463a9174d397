"""The rooms with little in them: the plain table, the bare floor, and the low coffee table."""

from __future__ import annotations

from pathlib import Path

from gridseval.assets.standins.arenas.furniture import Furniture, plain_table, table_assets
from gridseval.assets.standins.arenas.living_room import wall_picture, wall_unit
from gridseval.assets.standins.arenas.room import (
    floor,
    floor_body,
    shell_assets,
    walls,
    write_scene,
)
from gridseval.assets.standins.carpentry import Corners, boxes
from gridseval.assets.standins.mjcf import Element, element, textured
from gridseval.assets.standins.png import write_png
from gridseval.assets.standins.surfaces import Shades, marble, plaster


def build_tabletop(root: Path) -> None:
    """Write the room of libero_goal and libero_spatial."""
    write_scene(
        root / "scenes" / "libero_tabletop_base_style.xml",
        [*shell_assets(), *table_assets()],
        [floor(), *walls(), plain_table()],
    )


def build_floor(root: Path) -> None:
    """Write the room of libero_object, where everything stands on the floor."""
    write_scene(
        root / "scenes" / "libero_floor_base_style.xml", shell_assets(), [floor_body(), *walls()]
    )


def build_coffee_table(root: Path) -> None:
    """Write the room with the low marble table between seats, which no task of the suites uses."""
    scenes = root / "scenes"
    table, unit, picture = _low_table(scenes), wall_unit(scenes), wall_picture(scenes)
    write_scene(
        scenes / "libero_coffee_table_base_style.xml",
        [*shell_assets(0.2, 0.9), *table.assets, *unit.assets, *picture.assets],
        [floor_body(), _table_body(table), *picture.geoms, *unit.geoms, *walls()],
    )


def _low_table(scenes: Path) -> Furniture:
    table = Furniture(scenes, "short_coffee_table")
    stone = Shades((170, 165, 155), (40, 40, 38)).coloured(marble(128, 51))
    write_png(scenes / "short_coffee_table" / "marble.png", stone)
    hide = Shades((150, 128, 100), (14, 14, 14)).coloured(plaster(128, 52, 16))
    write_png(scenes / "short_coffee_table" / "leather.png", hide)
    top: list[Corners] = [
        ((-0.35, -0.74, 0.396), (0.35, 0.86, 0.424)),
        ((-0.3, -0.6, 0.0), (-0.24, 0.72, 0.396)),
        ((0.24, -0.6, 0.0), (0.3, 0.72, 0.396)),
    ]
    seats: list[Corners] = [((-0.5, y, 0.0), (0.5, y + 0.42, 0.385)) for y in (-1.4, 1.1)]
    marble_look = textured("short_coffee_table", "short_coffee_table/marble.png")
    leather_look = textured("coffee_table_seats", "short_coffee_table/leather.png")
    table.add("top", boxes(top), marble_look)
    table.add("seats", boxes(seats), leather_look)
    return table


def _table_body(table: Furniture) -> Element:
    return element(
        "body",
        *table.geoms,
        element(
            "geom",
            name="coffee_table_collision",
            type="box",
            size=(0.35, 0.8, 0.014),
            pos=(0, 0.06, 0.41),
            group="0",
            friction=(1, 0.005, 0.0001),
        ),
        name="coffee_table",
        pos=(0, 0, 0),
    )
