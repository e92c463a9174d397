"""Several policies for one run: replicas in processes, or servers that serve the same one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gridseval.errors import UsageError
from gridseval.evaluation.conditions import at_least, policy_seed
from gridseval.evaluation.config import RunConfig
from gridseval.policies import LoadedPolicy
from gridseval.policies.hub import hub_id
from gridseval.policies.remote.line import SCHEMES
from gridseval.results.run.manifest import manifest_differences
from gridseval.rollout.answer_limit import answer_seconds
from gridseval.rollout.dispatch import Replica, ReplicaDispatcher
from gridseval.rollout.dispatch.process import ProcessReplica
from gridseval.rollout.dispatch.request import DEVICE, PolicyRequest, devices_of
from gridseval.rollout.dispatch.served import ServedReplica

MOST_POLICIES = 256

_DESCRIBED = "policy"
_OWN = tuple(
    f"{_DESCRIBED}.{place}arguments.{name}"
    for place in ("", "server.gridseval.description.")
    for name in (DEVICE, "threads")
)
"""What replicas of one policy may differ in."""


def request_of(config: RunConfig) -> PolicyRequest:
    """Return what a run's policy is loaded from."""
    return PolicyRequest(
        config.policy,
        config.checkpoint,
        config.policy_arguments,
        policy_seed(config),
        config.trust_remote_code,
    )


def addresses_of(config: RunConfig) -> tuple[str, ...]:
    """Return the addresses of a run's servers; empty where its checkpoint is something else.

    Raises:
        UsageError: One is given twice, or is not an address as the others are.
    """
    parts = [part.strip() for part in (config.checkpoint or "").split(",")]
    if not any(map(_is_address, parts)):
        return ()
    for part in parts:
        if not _is_address(part):
            raise UsageError(
                f"--ckpt names servers, but {part!r} is not of the form ws://host:port"
            )
        if parts.count(part) > 1:
            raise UsageError(f"--ckpt names the server {part} twice")
    return tuple(parts)


def replicas_of(config: RunConfig) -> tuple[Replica, ...]:
    """Return the replicas that answer in a run, not started; empty for a policy in this process.

    Raises:
        UsageError: ``--policies`` is out of its range, or given for servers.
    """
    addresses, request = addresses_of(config), request_of(config)
    if config.policies is None:
        if len(addresses) < 2:
            return ()
        return tuple(ServedReplica(replace(request, checkpoint=each)) for each in addresses)
    count = at_least(1, "--policies", config.policies, MOST_POLICIES)
    if addresses:
        raise UsageError(
            "--policies starts policies on this machine, but --ckpt names a server",
            "leave --policies out; several servers have commas between: --ckpt ws://a,ws://b",
        )
    limit_s = answer_seconds(config.timeout_s)
    return tuple(
        ProcessReplica(_name(number, device), request.on(device), limit_s)
        for number, device in enumerate(devices_of(config.policy_arguments, count))
    )


def start(config: RunConfig, replicas: Sequence[Replica]) -> tuple[LoadedPolicy, ReplicaDispatcher]:
    """Start a run's replicas.

    Returns:
        What is known of their policy, as of one in this process, and what asks them; to be closed.

    Raises:
        UsageError: Servers serve different policies.
        GridsevalError: The policy cannot be loaded, or no server answers.
    """
    dispatcher = ReplicaDispatcher(replicas, check_same)
    try:
        loaded = dispatcher.start(one_first=hub_id(config.checkpoint or "") is not None)
    except BaseException:
        dispatcher.close()
        raise
    return _as_one(config, loaded, dispatcher.notes), dispatcher


def check_same(first: LoadedPolicy, other: LoadedPolicy, name: str, other_name: str) -> None:
    """Compare what two replicas say of their policies.

    Args:
        first: Of the first one.
        other: Of another.
        name: The first one's.
        other_name: The other's.

    Raises:
        UsageError: They are different policies; it names both, and the first differences.
    """
    differences = list(manifest_differences(_compared(first), _compared(other), _OWN))
    if differences:
        told = "; ".join(differences[:3]) + ("; …" if len(differences) > 3 else "")
        raise UsageError(
            f"{other_name} has another policy than {name}: {told}",
            "serve one policy at all addresses, or leave this one out",
        )


def _compared(loaded: LoadedPolicy) -> dict[str, Any]:
    """Return all that may tell a policy from another: a server's address does not."""
    return {
        _DESCRIBED: {key: v for key, v in loaded.description.items() if key != "checkpoint"},
        "observation_keys": list(loaded.observation_keys),
        "replan": loaded.replan,
        "needs": loaded.needs.told(),
    }


def _as_one(config: RunConfig, loaded: LoadedPolicy, notes: Sequence[str]) -> LoadedPolicy:
    """Return what is known of a policy as it would be of one in this process."""
    asked = config.policy_arguments.get(DEVICE)
    arguments = dict(loaded.description.get("arguments", {}))
    if asked is not None:
        arguments[DEVICE] = asked
    description = {**loaded.description, "arguments": arguments, "checkpoint": config.checkpoint}
    return replace(loaded, description=description, notes=(*loaded.notes, *notes))


def _is_address(text: str) -> bool:
    return text.partition("://")[0] in SCHEMES and "://" in text


def _name(number: int, device: str | None) -> str:
    return f"replica {number}" if device is None else f"replica {number} ({device})"
