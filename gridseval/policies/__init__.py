"""Policies: what they are, how they are named and loaded; importing this loads no torch."""

from gridseval.policies.chunk_check import CheckedChunk, check_actions, check_chunk
from gridseval.policies.loading import LoadedPolicy, load_policy
from gridseval.policies.protocol import (
    ACTION_SIZE,
    DEFAULT_OBSERVATION_KEYS,
    ActionChunk,
    EnvironmentNeeds,
    Observations,
    Policy,
)
from gridseval.policies.registry import list_policies, register
from gridseval.registry import Registry

__all__ = [
    "ACTION_SIZE",
    "DEFAULT_OBSERVATION_KEYS",
    "ActionChunk",
    "CheckedChunk",
    "EnvironmentNeeds",
    "LoadedPolicy",
    "Observations",
    "Policy",
    "Registry",
    "check_actions",
    "check_chunk",
    "list_policies",
    "load_policy",
    "register",
]
