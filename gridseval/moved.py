"""Modules that have another name now: programs and run directories may still have the old one."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

MOVED: Mapping[str, str] = {"gridseval.policies.random": "gridseval.policies.random_actions"}
"""Old module to the one that holds its classes now."""


def present_target(target: str) -> str:
    """Return ``"module:Class"`` with the module's present name; other texts as they are."""
    module, colon, name = target.partition(":")
    return f"{MOVED[module]}:{name}" if colon and module in MOVED else target


def warned_target(target: str) -> str:
    """Return what :func:`present_target` does, and warn of an old name."""
    present = present_target(target)
    if present != target:
        warnings.warn(f"{target} is now {present}", DeprecationWarning, stacklevel=3)
    return present
