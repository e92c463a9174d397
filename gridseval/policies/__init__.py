"""Policies: what they are, how they are named and loaded; importing this loads no torch."""

from gridseval.policies.loading import LoadedPolicy, load_policy
from gridseval.policies.protocol import (
    DEFAULT_OBSERVATION_KEYS,
    ActionChunk,
    Observations,
    Policy,
    check_actions,
)
from gridseval.policies.registry import Registry, list_policies, register

__all__ = [
    "DEFAULT_OBSERVATION_KEYS",
    "ActionChunk",
    "LoadedPolicy",
    "Observations",
    "Policy",
    "Registry",
    "check_actions",
    "list_policies",
    "load_policy",
    "register",
]
