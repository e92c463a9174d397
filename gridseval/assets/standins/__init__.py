"""Models made by gridseval itself, for machines that have none of LIBERO's.

They have LIBERO's names, joints, sites, sizes and masses, so that its package, its initial states
and its goals work with them unchanged, and they look alike; what is measured on them is not
comparable with results on LIBERO's own models.
"""

from gridseval.assets.standins.build import build
from gridseval.assets.standins.cache import description_hash, standins_root

__all__ = ["build", "description_hash", "standins_root"]
