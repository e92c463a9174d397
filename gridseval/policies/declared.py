"""What a policy object says of itself, checked: each a plain attribute that may be absent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gridseval.errors import PolicyError, did_you_mean
from gridseval.policies.needs import checked_needs
from gridseval.policies.protocol import DEFAULT_OBSERVATION_KEYS, EnvironmentNeeds, Policy
from gridseval.tokens import ImageMapping, TokenTrace
from gridseval.tokens.skipping import Skipping

_OBSERVATION_KEYS = (
    *DEFAULT_OBSERVATION_KEYS,
    *("controller_state", "instruction", "slots", "steps", "privileged"),
)


def declared_observation_keys(policy: Policy, name: str) -> tuple[str, ...]:
    """Return what the policy looks at."""
    asked = getattr(policy, "observation_keys", DEFAULT_OBSERVATION_KEYS)
    if isinstance(asked, str) or not isinstance(asked, Iterable):
        raise PolicyError(
            f"policy {name!r} has observation_keys {asked!r}, which is not a tuple of names",
            f"write ({asked!r},)" if isinstance(asked, str) else 'for example ("state",)',
        )
    keys = tuple(asked)
    for key in keys:
        if key not in _OBSERVATION_KEYS:
            hint = did_you_mean(str(key), _OBSERVATION_KEYS)
            raise PolicyError(f"policy {name!r} asks for unknown observation {key!r}", hint)
    return keys


def declared_replan(policy: Policy, name: str) -> int | None:
    """Return how many policy steps it executes per query; ``None`` for the whole chunk."""
    replan = getattr(policy, "replan", None)
    if replan is None or (isinstance(replan, int) and replan >= 1):
        return replan
    raise PolicyError(f"policy {name!r} has replan {replan!r}", "an int of at least 1, or None")


def declared_details(policy: Policy, name: str) -> dict[str, Any]:
    """Return what it adds to ``run.yaml``."""
    details = getattr(policy, "details", {})
    if isinstance(details, Mapping):
        return dict(details)
    raise PolicyError(f"policy {name!r} has details {details!r}", "a mapping of plain values")


def declared_flops(policy: Policy, name: str) -> Callable[[TokenTrace], float] | None:
    """Return its count of operations; ``None`` if it does not say."""
    flops = getattr(policy, "flops", None)
    if flops is None or callable(flops):
        return flops
    raise PolicyError(f"policy {name!r} has flops {flops!r}", "a method that takes a TokenTrace")


def declared_mapping(policy: Policy, name: str) -> ImageMapping:
    """Return the way from its input image to the observed frame."""
    mapping = getattr(policy, "image_mapping", ImageMapping())
    if isinstance(mapping, ImageMapping):
        return mapping
    raise PolicyError(f"policy {name!r} has image_mapping {mapping!r}", "an ImageMapping")


def declared_needs(policy: Policy, name: str) -> EnvironmentNeeds:
    """Return what it asks of the environment."""
    needs = getattr(policy, "needs", EnvironmentNeeds())
    if isinstance(needs, EnvironmentNeeds):
        return checked_needs(needs, f"policy {name!r}")
    raise PolicyError(f"policy {name!r} has needs {needs!r}", "an EnvironmentNeeds")


def declared_skipping(policy: Policy, name: str) -> Skipping | None:
    """Return what decides which queries need no model; ``None``: all need it.

    Raises:
        PolicyError: It is of another type, or the policy acts by goal poses.
    """
    skipping = getattr(policy, "skipping", None)
    if skipping is not None and declared_needs(policy, name).actions == "absolute":
        raise PolicyError(
            f"policy {name!r} acts by goal poses, and what may skip its queries decides by motions",
            "give it a pruner that does not reuse actions",
        )
    if skipping is None or isinstance(skipping, Skipping):
        return skipping
    raise PolicyError(f"policy {name!r} has skipping {skipping!r}", "a Skipping, or None")


def declared_notes(policy: Policy, name: str) -> tuple[str, ...]:
    """Return what a user must know of it, one sentence each."""
    own = tuple(str(note) for note in getattr(policy, "notes", ()))
    skipping = declared_skipping(policy, name)
    if skipping is not None and skipping.active:
        own = (*own, f"policy {name!r} answers some queries without its model (reuse=false: none)")
    if getattr(policy, "batches", True):
        return own
    return (*own, f"policy {name!r} does not batch: it is asked for one environment at a time")
