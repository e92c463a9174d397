"""What upstream calls the scenes, textures and added things of LIBERO-Plus."""

from __future__ import annotations

import re

from gridseval.suites.variant import Variant

FLOORS = {
    "brown_ceramic": "brown_ceramic_tile",
    "dapper_gray": "dapper_gray_floor",
    "dark": "dark_floor_texture",
    "light": "light_floor",
    "light_gray": "light-gray-floor-tile",
    "marble": "marble_floor",
    "rustic": "rustic_floor",
    "white_marble": "white_marble_floor",
    "wood_plank": "seamless_wood_planks_floor",
}
"""Floors of libero_object whose texture is among LIBERO's own models, and the texture's name.

``gray`` is left out: which of several gray textures upstream means is not known without its assets.
"""

WALLS = {
    "canvas": "canvas_sky_blue",
    "capriccio": "capriccio_sky",
    "ceramic": "ceramic",
    "cream": "cream-plaster",
    "dark_blue": "dark_blue_wall",
    "dark_gray_plaster": "dark_gray_plaster",
    "dark_green": "dark_green_plaster_wall",
    "gray": "gray_wall",
    "gray_ceramic": "gray_ceramic_tile",
    "gray_plaster": "gray_plaster",
    "light_blue": "light_blue_wall",
    "light_gray_plaster": "light-gray-plaster",
    "stucco": "stucco_wall",
    "white": "white_wall",
    "yellow_linen": "yellow_linen_wall_texture",
}
"""Walls of libero_object, likewise."""

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
_BEFORE_WALL = {"tabletop": "_Wall_", "study": "_Wall_", "kitchen": "_bg_", "liv": "_bg_"}


def scene_stem(variant: Variant) -> str:
    """Return the name by which upstream's scene files call a light or a background."""
    prefix = _PREFIXES.get(variant.suite) or _PREFIXES[variant.base.split("_")[0]]
    if variant.kind == "light":
        return f"{prefix}_light_sync_modified_{variant.scene}"
    table, _, wall = variant.scene.partition("+")
    return f"{prefix}_table_{table}" + (_BEFORE_WALL[prefix] + wall if wall else "")


def added_kinds(bddl: str) -> frozenset[str]:
    """Return which of ``ADDED_KINDS`` a BDDL text declares."""
    return ADDED_KINDS & set(re.findall(r"-\s+([a-z0-9_]+)", bddl.lower()))
