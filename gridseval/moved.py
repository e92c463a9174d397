"""Earlier names of modules, arguments and kinds of perturbation.

Programs, command lines and run directories may still have them.
"""

from __future__ import annotations

import dataclasses
import functools
import warnings
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from gridseval.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_Class = TypeVar("_Class", bound="type[DataclassInstance]")

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


def current_arguments(
    given: Mapping[str, Any],
    defaults: Mapping[str, Any] = MappingProxyType({}),
    stacklevel: int = 4,
) -> dict[str, Any]:
    """Return keyword arguments with present names, and warn of earlier ones.

    Args:
        given: The arguments.
        defaults: By present name. :func:`dataclasses.replace` gives every field, so one that has
            its default beside an earlier name is not the caller's.
        stacklevel: How far above this function the warned code is, as for :func:`warnings.warn`.

    Raises:
        UsageError: An argument is given by both names, with different values.
    """
    for name in ARGUMENTS.keys() & given.keys():
        said = f"the argument {name} is called {ARGUMENTS[name]} now"
        warnings.warn(said, FutureWarning, stacklevel=stacklevel)
    return _present_keys(given, defaults)


def takes_earlier_arguments(cls: _Class) -> _Class:
    """Let a dataclass's constructor take arguments by their earlier names, too."""
    construct = cls.__init__
    defaults = {field.name: field.default for field in dataclasses.fields(cls)}

    @functools.wraps(construct)
    def __init__(self: Any, *args: Any, **given: Any) -> None:  # noqa: N807
        construct(self, *args, **current_arguments(given, defaults, 3))

    cls.__init__ = __init__  # type: ignore[method-assign]
    return cls


def _present_keys(
    given: Mapping[str, Any], defaults: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    present = {key: value for key, value in given.items() if key not in ARGUMENTS}
    for old in ARGUMENTS.keys() & given.keys():
        name, value = ARGUMENTS[old], given[old]
        other = present.get(name, value)
        if other != value and not (name in defaults and other == defaults[name]):
            raise UsageError(
                f"{old} is {value!r} and {name}, its present name, is {other!r}",
                f"give {name} alone",
            )
        present[name] = value
    return present


def renaming_note(text: str) -> str | None:
    """Return what to tell a user who wrote an earlier name; ``None`` for a present one."""
    name = text.partition(":")[0].strip()
    now = PERTURBATIONS.get(name)
    return None if now is None else f"the perturbation {name} is called {now} now"


def current_manifest(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a ``run.yaml`` with present names.

    Raises:
        UsageError: A key is there by both names, with different values.
    """
    named = _present_keys(manifest)
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
