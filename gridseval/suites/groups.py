"""Several suites in one text: names with commas between, and the names of groups."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gridseval.errors import UsageError

_PARTS = ("spatial", "object", "goal", "10")

GROUPS: Mapping[str, tuple[str, ...]] = {
    "libero": tuple(f"libero_{part}" for part in _PARTS),
    "libero_plus": tuple(f"libero_plus_{part}" for part in _PARTS),
}
"""Suites that papers report together, by the name of the group."""


def suite_names(named: str | Path) -> tuple[str | Path, ...]:
    """Return the names or paths of the suites that ``--suite`` names, in its order.

    Args:
        named: One, or several with commas between; groups stand for their suites. What exists as a
            folder or a file is one suite, whatever its name.

    Raises:
        UsageError: One is named twice, or there is nothing between two commas.

    >>> suite_names("libero_goal,libero_90"), suite_names("libero")[:2]
    (('libero_goal', 'libero_90'), ('libero_spatial', 'libero_object'))
    """
    if isinstance(named, Path) or ("," in named and Path(named).exists()):
        return (named,)
    parts = [part.strip() for part in named.split(",")]
    if not all(parts):
        raise UsageError(f"--suite {named[:60]!r} has an empty name between its commas")
    names = [name for part in parts for name in GROUPS.get(part, (part,))]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"--suite names {name} twice", "name each suite once")
    return tuple(names)
