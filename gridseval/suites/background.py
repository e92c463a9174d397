"""Which files a background of LIBERO-Plus consists of.

In libero_object it is the floor's texture, and the wall's; in the other suites a scene file with
another table, and the wall's texture, which in kitchens and living rooms the scene file names.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gridseval.suites.plus_folder import PlusFolder
from gridseval.suites.scene_names import (
    FLOORS,
    LIBERO_TEXTURES,
    WALLS,
    scene_stem,
    wall_style,
)
from gridseval.suites.variant import Variant


@dataclass(frozen=True)
class Background:
    """Files of a background; relative paths are below the folder of LIBERO's assets.

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
    wanted: list[tuple[str, Path | None]] = []
    scene = floor = wall = None
    if variant.suite == "libero_object":
        table = variant.scene.partition("+")[0]
        name = FLOORS.get(table, table)
        floor = _texture(name, folder)
        wanted.append((f"textures/{name}.png", floor))
    else:
        scene = folder.scene_file(scene_stem(variant))
        wanted.append((f"scenes/{scene_stem(variant)}.xml", scene))
    style = wall_style(variant)
    if style:
        name = WALLS.get(style, style)
        wall = _texture(name, folder)
        wanted.append((f"textures/{name}.png", wall))
    lacking = [f"assets/{name}" for name, path in wanted if path is None]
    return Background(scene, floor, wall, lacking[0] if lacking else None)


def _texture(name: str, folder: PlusFolder) -> Path | None:
    if name in LIBERO_TEXTURES:
        return Path("textures", f"{name}.png")
    return folder.texture_file(name)
