"""Names of policies, those of plug-ins (entry points ``gridseval.policies``) included."""

from __future__ import annotations

from typing import Any

from gridseval.errors import PolicyError
from gridseval.policies.kinds import KINDS
from gridseval.registry import Interface, Registry

# The one registry of the process, like Gymnasium's: without it `register` in a plug-in could not be
# seen here.
POLICIES: Registry[type[Any]] = Registry(
    "gridseval.policies",
    {kind.name: kind.entry_point for kind in KINDS},
    Interface("policy", methods=("reset", "act"), error=PolicyError),
)


def register(name: str, entry_point: str) -> None:
    """Give a policy class (``"module:Class"``) a name for ``--policy``; nothing is imported.

    Raises:
        PolicyError: The name belongs to another class.
    """
    POLICIES.register(name, entry_point)


def list_policies() -> tuple[str, ...]:
    """Return the names that ``--policy`` knows, those of installed plug-ins included."""
    return POLICIES.names()
