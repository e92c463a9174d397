"""Stand-ins for LIBERO's rooms: tables, walls, furniture, cameras, lights and their textures."""

from __future__ import annotations

from pathlib import Path

from gridseval.assets.standins.arenas.kitchen import build_kitchen
from gridseval.assets.standins.arenas.living_room import build_living_room
from gridseval.assets.standins.arenas.loose import build_loose
from gridseval.assets.standins.arenas.plain import build_coffee_table, build_floor, build_tabletop
from gridseval.assets.standins.arenas.study import build_study
from gridseval.assets.standins.arenas.textures import write_textures

__all__ = ["build_arenas"]


def build_arenas(root: Path) -> None:
    """Write all scenes, their furniture and textures below the asset root."""
    write_textures(root / "textures")
    build_tabletop(root)
    build_floor(root)
    build_kitchen(root)
    build_living_room(root)
    build_study(root)
    build_coffee_table(root)
    build_loose(root)
