"""Pruners: torch modules that choose which visual tokens a language model gets to see.

Listing them costs no import: only the classes' own modules need torch.
"""

from gridseval.tokens.pruners.layout import CameraGrid, Host, Needs, Place, Role
from gridseval.tokens.pruners.registry import build_pruner, list_pruners, load_pruner

__all__ = [
    "CameraGrid",
    "Host",
    "Needs",
    "Place",
    "Role",
    "build_pruner",
    "list_pruners",
    "load_pruner",
]
