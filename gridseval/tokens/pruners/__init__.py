"""Pruners: torch modules that choose which visual tokens a language model gets to see.

Listing them costs no import: only the classes' own modules need torch.
"""

from gridseval.tokens.pruners.layout import CameraGrid, Host, Needs, Place, Role
from gridseval.tokens.pruners.products import Choice
from gridseval.tokens.pruners.registry import (
    argument_names,
    build_pruner,
    is_pruner,
    list_pruners,
    load_pruner,
    macs_of,
    pruner_macs,
    usable_pruners,
)

__all__ = [
    "CameraGrid",
    "Choice",
    "Host",
    "Needs",
    "Place",
    "Role",
    "argument_names",
    "build_pruner",
    "is_pruner",
    "list_pruners",
    "load_pruner",
    "macs_of",
    "pruner_macs",
    "usable_pruners",
]
