"""Earlier names of modules and of kinds of perturbation.

Programs, command lines and run directories may still have them.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

MOVED: Mapping[str, str] = {"gridseval.policies.random": "gridseval.policies.random_actions"}
"""Old module to the one that holds its classes now."""

PERTURBATIONS: Mapping[str, str] = {"robot_true": "perturbed_start"}
"""Earlier name of a kind of perturbation to the present one."""


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


def current_perturbation(text: str) -> str:
    """Return a kind's name, or a text ``KIND:…`` of ``--perturb``, with the present name.

    >>> current_perturbation("robot_true:3")
    'perturbed_start:3'
    >>> current_perturbation("camera:3")
    'camera:3'
    """
    name, colon, rest = text.partition(":")
    return PERTURBATIONS.get(name.strip(), name) + colon + rest


def renaming_note(text: str) -> str | None:
    """Return what to tell a user who wrote an earlier name; ``None`` for a present one."""
    name = text.partition(":")[0].strip()
    now = PERTURBATIONS.get(name)
    return None if now is None else f"the perturbation {name} is called {now} now"


def current_manifest(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a ``run.yaml`` with present names."""
    texts = manifest.get("perturb")
    if not isinstance(texts, (list, tuple)):
        return dict(manifest)
    current = [current_perturbation(text) if isinstance(text, str) else text for text in texts]
    return {**manifest, "perturb": current}


def current_extra(extra: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a record says beyond its columns, with present names."""
    drawn = extra.get("perturb")
    if not isinstance(drawn, Mapping) or not PERTURBATIONS.keys() & drawn.keys():
        return extra
    return {**extra, "perturb": {PERTURBATIONS.get(key, key): drawn[key] for key in drawn}}
