"""LIBERO's models: where they are, which they are, and how to get them.

``roots`` finds the asset root of a run; ``identity`` tells by content which models it holds;
``sources``, ``hub`` and ``pull`` download; ``inventory`` and ``verification`` look at what is
there; ``standins`` builds models of our own.
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
