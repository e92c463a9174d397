"""Everything that LIBERO's tasks let a robot move."""

from gridseval.assets.standins.objects.building import build_objects

__all__ = ["build_objects"]
