"""Earlier names of modules, arguments and kinds of perturbation.

Programs, command lines and run directories may still have them.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Mapping
from typing import Any, TypeVar

_Class = TypeVar("_Class", bound=type)

MOVED: Mapping[str, str] = {"gridseval.policies.random": "gridseval.policies.random_actions"}
"""Old module to the one that holds its classes now."""

PERTURBATIONS: Mapping[str, str] = {"robot_true": "perturbed_start"}
"""Earlier name of a kind of perturbation to the present one."""

ARGUMENTS: Mapping[str, str] = {"robot_true": "perturbed_start"}
"""Earlier name of an argument, and of a key of ``run.yaml``, to the present one."""


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


def current_arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return keyword arguments with present names, and warn of earlier ones."""
    for name in ARGUMENTS.keys() & given.keys():
        warnings.warn(
            f"the argument {name} is called {ARGUMENTS[name]} now", FutureWarning, stacklevel=4
        )
    return {ARGUMENTS.get(name, name): value for name, value in given.items()}


def takes_earlier_arguments(cls: _Class) -> _Class:
    """Let a class's constructor take arguments by their earlier names, too."""
    construct = cls.__init__  # type: ignore[misc]

    @functools.wraps(construct)
    def __init__(self: Any, *args: Any, **given: Any) -> None:  # noqa: N807
        construct(self, *args, **current_arguments(given))

    cls.__init__ = __init__  # type: ignore[misc]
    return cls


def renaming_note(text: str) -> str | None:
    """Return what to tell a user who wrote an earlier name; ``None`` for a present one."""
    name = text.partition(":")[0].strip()
    now = PERTURBATIONS.get(name)
    return None if now is None else f"the perturbation {name} is called {now} now"


def current_manifest(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a ``run.yaml`` with present names."""
    named = {ARGUMENTS.get(key, key): value for key, value in manifest.items()}
    texts = named.get("perturb")
    if not isinstance(texts, (list, tuple)):
        return named
    current = [current_perturbation(text) if isinstance(text, str) else text for text in texts]
    return {**named, "perturb": current}


def current_extra(extra: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a record says beyond its columns, with present names."""
    dimension = extra.get("dimension")
    if isinstance(dimension, str) and dimension in PERTURBATIONS:
        extra = {**extra, "dimension": PERTURBATIONS[dimension]}
    drawn = extra.get("perturb")
    if not isinstance(drawn, Mapping) or not PERTURBATIONS.keys() & drawn.keys():
        return extra
    return {**extra, "perturb": {PERTURBATIONS.get(key, key): drawn[key] for key in drawn}}
