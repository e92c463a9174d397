"""The kinds of perturbation by name: gridseval's own, and those of plug-ins.

Plug-ins are packages with entry points in the group ``gridseval.perturbations``. Each names a
:class:`~gridseval.envs.perturbations.kinds.kind.Kind`.
"""

from __future__ import annotations

from gridseval.envs.perturbations.kinds.kind import Kind
from gridseval.errors import UsageError
from gridseval.moved import current_perturbation
from gridseval.registry import Interface, Registry

_ROOM = "gridseval.envs.perturbations.kinds"

# One per process: a plug-in that registers a name must be seen here.
PERTURBATIONS: Registry[Kind] = Registry(
    "gridseval.perturbations",
    {
        "camera": f"{_ROOM}.camera:KIND",
        "light": f"{_ROOM}.light:KIND",
        "robot": f"{_ROOM}.robot:KIND",
        "perturbed_start": f"{_ROOM}.perturbed_start:KIND",
        "noise": f"{_ROOM}.noise:KIND",
        "background": f"{_ROOM}.background:KIND",
        "language": f"{_ROOM}.language:KIND",
        "objects": f"{_ROOM}.objects:KIND",
    },
    Interface("perturbation", instance_of=f"{_ROOM}.kind:Kind", by_path=False),
)

_FROM_FILES: dict[str, Kind] = {}
"""Kinds whose target is a file, which would run at each look."""


def list_perturbations() -> tuple[str, ...]:
    """Return all names, gridseval's own first, without importing them."""
    return PERTURBATIONS.listed()


def find_kind(name: str) -> Kind:
    """Return a kind by its name, or by a name that it had before.

    Raises:
        UsageError: The name is unknown (with the nearest), a plug-in cannot be loaded, or the kind
            says another name.
    """
    name = current_perturbation(name)
    target = PERTURBATIONS.target(name)
    kind = _FROM_FILES.get(target) or PERTURBATIONS.load(name)
    if target.partition(":")[0].endswith(".py"):
        _FROM_FILES[target] = kind
    if kind.name != name:
        raise UsageError(
            f"perturbation {name!r} of {target} says that its name is {kind.name!r}",
            "give both the same name",
        )
    return kind
