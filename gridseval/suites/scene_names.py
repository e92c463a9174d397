"""What upstream calls the scenes, textures and added things of LIBERO-Plus."""

from __future__ import annotations

from gridseval.suites.variant import Variant

FLOORS = {
    "brick_disp": "Bricks02_DISP_6K",
    "brown_ceramic": "brown_ceramic_tile",
    "cliffde_ao": "CliffDesert006_AO_HIRES",
    "cobble01_ao": "Cobblestone01_AO_6K",
    "cobble01_disp": "Cobblestone01_DISP_6K copy",
    "dapper_gray": "dapper_gray_floor",
    "dark": "dark_floor_texture",
    "gray": "gray_floor",
    "light": "light_floor",
    "light_gray": "light-gray-floor-tile",
    "marble": "marble_floor",
    "marble_gloss": "Marble01_GLOSS_3K",
    "rustic": "rustic_floor",
    "white_marble": "white_marble_floor",
    "wood_plank": "seamless_wood_planks_floor",
}
"""Textures of the floors in libero_object whose style is not called like its texture."""

WALLS = {
    "canvas": "canvas_sky_blue",
    "capriccio": "capriccio_sky",
    "cream": "cream_plaster",
    "dark_blue": "dark_blue_wall",
    "dark_green": "dark_green_plaster_wall",
    "gray": "gray_wall",
    "gray_ceramic": "gray_ceramic_tile",
    "light_blue": "light_blue_wall",
    "light_gray_plaster": "light-gray-plaster",
    "stucco": "stucco_wall",
    "white": "white_wall",
    "yellow_linen": "yellow_linen_wall_texture",
}
"""Textures of walls whose style is not called like its texture."""

LIBERO_TEXTURES = frozenset(
    {
        *("brown_ceramic_tile", "canvas_sky_blue", "capriccio_sky", "ceramic", "dapper_gray_floor"),
        *("dark_blue_wall", "dark_floor_texture", "dark_gray_plaster", "dark_green_plaster_wall"),
        *("gray_ceramic_tile", "gray_floor", "gray_plaster", "gray_wall", "light-gray-floor-tile"),
        *("light-gray-plaster", "light_blue_wall", "light_floor", "marble_floor", "rustic_floor"),
        *("seamless_wood_planks_floor", "stucco_wall", "white_marble_floor", "white_wall"),
        "yellow_linen_wall_texture",
    }
)
"""Those of them that are among LIBERO's own assets. It has a ``cream-plaster``, upstream asks for
``cream_plaster``."""

ADDED_KINDS = frozenset(
    {
        *("bag_of_yeast", "bottle_of_alfredo_sauce", "bottle_of_antihistamines"),
        *("bottle_of_aspirin", "bottle_of_baby_oil", "bottle_of_barbecue_sauce__2"),
        *("box_of_shampoo__1", "box_of_vegetable_juice__1", "box_of_yogurt__1"),
        *("boxed_ink_cartridge__3", "can_of_sardines", "can_of_soda__1", "canned_food__1"),
    }
)
"""The things that layouts add."""

_PREFIXES = {
    "libero_spatial": "tabletop",
    "libero_object": "floor",
    "libero_goal": "tabletop",
    "KITCHEN": "kitchen",
    "LIVING": "liv",
    "STUDY": "study",
}
_WITH_WALLS = ("kitchen", "liv")
"""Scenes with a file for each pair of a table and a background."""


def scene_stem(variant: Variant) -> str:
    """Return the name by which upstream's scene files call a light or a table."""
    prefix = _prefix(variant)
    if variant.kind == "light":
        return f"{prefix}_light_sync_modified_{variant.scene}"
    table, _, wall = variant.scene.partition("+")
    return f"{prefix}_table_{table}" + (f"_bg_{wall}" if wall and prefix in _WITH_WALLS else "")


def wall_style(variant: Variant) -> str:
    """Return the style of a background's wall, if it is not in the scene file; else nothing."""
    return "" if _prefix(variant) in _WITH_WALLS else variant.scene.partition("+")[2]


def _prefix(variant: Variant) -> str:
    return _PREFIXES.get(variant.suite) or _PREFIXES[variant.base.split("_")[0]]
