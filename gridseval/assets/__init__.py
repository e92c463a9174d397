"""LIBERO's assets (meshes and textures): finds, identifies and downloads them.

``roots`` finds the asset root of a run. ``identity`` names the assets in a folder by their content.
``sources``, ``hub`` and ``pull`` download. ``inventory`` lists and ``verification`` checks what is
on this machine. ``standins`` builds assets of gridseval's own.
"""

from gridseval.assets.hashing import content_hash
from gridseval.assets.identity import Identity, identify
from gridseval.assets.layout import cache_dir
from gridseval.assets.roots import (
    ENVIRONMENT_VARIABLE,
    Assets,
    announced_assets,
    build_standins,
    find_assets,
)

__all__ = [
    "ENVIRONMENT_VARIABLE",
    "Assets",
    "Identity",
    "announced_assets",
    "build_standins",
    "cache_dir",
    "content_hash",
    "find_assets",
    "identify",
]
