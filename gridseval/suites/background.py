"""Which files a background of LIBERO-Plus consists of.

In libero_object it is the floor's texture, and the wall's; in the other suites a scene file with
another table, and the wall's texture, or that of the whole background.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gridseval.suites.plus_folder import PlusFolder
from gridseval.suites.scene_names import FLOORS, WALLS, scene_stem
from gridseval.suites.variant import Variant


@dataclass(frozen=True)
class Background:
    """Files of a background; relative paths are below the folder of LIBERO's models.

    Attributes:
        scene: The arena's XML file, or ``None`` for LIBERO's.
        floor: The floor's texture, or ``None`` for LIBERO's.
        wall: The wall's texture, or ``None`` for LIBERO's.
        missing: The first file that is not there, below LIBERO-Plus's folder; ``None`` if all are.
    """

    scene: Path | None = None
    floor: Path | None = None
    wall: Path | None = None
    missing: str | None = None


def background_of(variant: Variant, folder: PlusFolder) -> Background:
    """Return the files of a task of the background dimension."""
    table, _, wall = variant.scene.partition("+")
    lacking = []
    if variant.suite == "libero_object":
        floor, scene = _texture(table, FLOORS, folder), None
        if floor is None:
            lacking.append(f"assets/textures/{table}.png")
    else:
        stem = scene_stem(variant)
        floor, scene = None, folder.scene_file(stem)
        if scene is not None:
            return Background(scene)  # it says all, the wall included
        scene = folder.scene_file(stem.partition(f"{table}_")[0] + table) if wall else None
        if scene is None:
            lacking.append(f"assets/scenes/{stem}.xml")
    shown = _texture(wall, WALLS, folder) if wall else None
    if wall and shown is None:
        lacking.append(f"assets/textures/{wall}.png")
    return Background(scene, floor, shown, lacking[0] if lacking else None)


def _texture(style: str, own: Mapping[str, str], folder: PlusFolder) -> Path | None:
    return Path("textures", f"{own[style]}.png") if style in own else folder.texture_file(style)
