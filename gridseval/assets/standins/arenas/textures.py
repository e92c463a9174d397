"""LIBERO's wall, floor and table textures by file name, and the pattern that stands in for each.

The names are those that the ``libero`` package and its scenes ask for; mean colours and spreads
were measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np

from gridseval.assets.standins import surfaces
from gridseval.assets.standins.canvas import Colour
from gridseval.assets.standins.mesh import Array
from gridseval.assets.standins.png import write_png
from gridseval.assets.standins.surfaces import Boards, Shades

_FLOOR, _WALL = 256, 128


@dataclass(frozen=True)
class Texture:
    """A texture to be generated.

    Attributes:
        tones: The pattern, called with the edge (pixels) and a seed.
        middle: Mean colour, red, green, blue in [0, 255].
        swing: Largest deviation from it.
        size: Edge, pixels.
        turned: Whether the grain runs upwards instead of sideways.
    """

    tones: Callable[[int, int], Array]
    middle: Colour
    swing: Colour
    size: int = _WALL
    turned: bool = False

    def write(self, path: Path, seed: int) -> None:
        """Write the texture as a PNG file."""
        image = Shades(self.middle, self.swing).coloured(self.tones(self.size, seed))
        write_png(path, np.ascontiguousarray(np.rot90(image)) if self.turned else image)


def write_textures(folder: Path) -> None:
    """Write all textures of :data:`SCENE_TEXTURES` into a folder."""
    for seed, (name, texture) in enumerate(SCENE_TEXTURES.items()):
        texture.write(folder / name, 1000 * (seed + 1))


def _wall(middle: Colour, swing: float, blotches: int = 6) -> Texture:
    return Texture(partial(surfaces.plaster, blotches=blotches), middle, (swing, swing, swing))


def _floor(
    tones: Callable[[int, int], Array], middle: Colour, swing: float, turned: bool = False
) -> Texture:
    return Texture(tones, middle, (swing, swing * 1.03, swing * 1.08), _FLOOR, turned)


_GRAY_PLANKS = _floor(Boards(4, 2, 0.25, 1.4, 2).tones, (192, 183, 174), 24)
_PALE_WALL = _wall((223, 219, 212), 9)

SCENE_TEXTURES: Mapping[str, Texture] = MappingProxyType(
    {
        "brown_ceramic_tile.png": _floor(
            partial(surfaces.tiles, count=2, joint=1.3), (176, 151, 130), 32
        ),
        "canvas_sky_blue.png": _wall((114, 176, 210), 20, 3),
        "capriccio_sky.png": _wall((70, 128, 170), 10, 2),
        "ceramic.png": _wall((249, 248, 243), 5, 3),
        "cream-plaster.png": _wall((234, 229, 214), 16, 10),
        "dapper_gray_floor.png": _floor(Boards(4, 1, 0.35, 0.0, 1).tones, (188, 178, 170), 46),
        "dark_blue_wall.png": Texture(surfaces.stucco, (102, 145, 171), (30, 30, 30)),
        "dark_floor_texture.png": _floor(Boards(8, 2, 0.5, 0.1, 1).tones, (57, 53, 47), 15),
        "dark_gray_plaster.png": _wall((97, 106, 113), 16, 4),
        "dark_green_plaster_wall.png": _wall((55, 80, 65), 6),
        "gray_ceramic_tile.png": _floor(
            partial(surfaces.tiles, count=3, joint=1.1), (186, 171, 155), 40
        ),
        "gray_floor.png": _floor(Boards(3, 2, 0.3, 0.1, 1).tones, (172, 172, 167), 26, True),
        "gray_plaster.png": _wall((236, 238, 235), 22, 8),
        "gray_wall.png": _wall((150, 150, 150), 3),
        "grigia_caldera_porcelain_floor.png": _GRAY_PLANKS,
        "kona_gotham.png": _wall((3, 95, 159), 3, 16),
        "light-gray-floor-tile.png": _GRAY_PLANKS,
        "light-gray-plaster.png": _PALE_WALL,
        "light_blue_wall.png": _wall((186, 225, 244), 14, 5),
        "light_floor.png": _floor(Boards(5, 2, 0.3, 0.0, 1).tones, (225, 215, 202), 16),
        "light_gray_plaster.png": _PALE_WALL,
        "light_grey_plaster.png": _wall((223, 219, 212), 16, 8),
        "linen_wall_texture.png": Texture(surfaces.linen, (170, 165, 155), (12, 12, 12)),
        "marble_floor.png": _floor(
            partial(surfaces.tiles, count=4, joint=0.1), (224, 219, 211), 26
        ),
        "martin_novak_wood_table.png": _floor(partial(surfaces.wood, rings=8), (197, 180, 162), 13),
        "meeka-beige-plaster.png": _wall((237, 226, 196), 10, 16),
        "new_light_gray_plaster.png": _PALE_WALL,
        "rustic_floor.png": _floor(Boards(4, 1, 0.5, -0.2, 1).tones, (162, 162, 157), 50, True),
        "seamless_wood_planks_floor.png": _floor(
            Boards(16, 2, 0.55, 0.0, 1, 1).tones, (233, 199, 138), 24
        ),
        "smooth_light_gray_plaster.png": _PALE_WALL,
        "stucco_wall.png": Texture(surfaces.stucco, (169, 170, 166), (30, 30, 30)),
        "table_light_wood.png": _floor(partial(surfaces.wood, rings=8), (222, 190, 153), 32),
        "tile_grigia_caldera_porcelain_floor.png": _GRAY_PLANKS,
        "white_marble_floor.png": _floor(surfaces.marble, (222, 222, 222), 42),
        "white_wall.png": _wall((234, 236, 233), 7, 4),
        "yellow_linen_wall_texture.png": Texture(
            surfaces.linen, (220, 213, 180), (11, 12, 14), _FLOOR
        ),
    }
)
