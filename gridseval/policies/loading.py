"""From ``--policy``, ``--ckpt`` and ``--policy-arg`` to a policy that is ready to act."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gridseval.errors import GridsevalError, PolicyError, UsageError
from gridseval.moved import warned_target
from gridseval.policies.arguments import accepted, convert_arguments
from gridseval.policies.declared import (
    declared_details,
    declared_flops,
    declared_mapping,
    declared_needs,
    declared_notes,
    declared_observation_keys,
    declared_replan,
    declared_skipping,
)
from gridseval.policies.detection import Detection, detect
from gridseval.policies.hub import Repository, hub_id, look_up
from gridseval.policies.identity import checkpoint_sha256, named_files, source_sha256
from gridseval.policies.kinds import kind_of
from gridseval.policies.one_by_one import OneByOne
from gridseval.policies.protocol import EnvironmentNeeds, Policy
from gridseval.policies.reference import meant_reference, reference_folder
from gridseval.policies.registry import POLICIES
from gridseval.policies.skipping import SkippingPolicy
from gridseval.tokens import ImageMapping, TokenTrace
from gridseval.tokens.skipping import Skipping

_MODEL_CARD = "README.md"


@dataclass(frozen=True)
class LoadedPolicy:
    """A policy, and what a run must know and record of it.

    Attributes:
        policy: The policy itself.
        name: As given by ``--policy``, or the kind detected from the checkpoint.
        observation_keys: What it looks at.
        replan: Policy steps executed per query, at least 1; ``None`` for the whole chunk.
        description: For ``run.yaml``, all a repetition needs: kind, class, ``source_sha256`` of the
            file that defines the class (``None`` for gridseval's own), checkpoint, its sha256,
            arguments as given, hashes of files that they name, the version of ``torch`` (``None``
            where nothing loaded it), what the hub said, and the policy's own ``details``: its card,
            what its server said.
        flops: Function from a query's trace to its floating-point operations; ``None`` if unknown.
        mapping: From its input image to the observed frame, for drawing traces.
        notes: What the user should know before it runs: how its kind was detected, how it runs.
        needs: What its environments must be like.
        remembers_actions: Whether what it answers depends on the actions before, which it takes for
            executed.
    """

    policy: Policy
    name: str
    observation_keys: tuple[str, ...]
    replan: int | None
    description: dict[str, Any]
    flops: Callable[[TokenTrace], float] | None = None
    mapping: ImageMapping = field(default_factory=ImageMapping)
    notes: tuple[str, ...] = ()
    needs: EnvironmentNeeds = field(default_factory=EnvironmentNeeds)
    remembers_actions: bool = False


def load_policy(
    name: str | None,
    checkpoint: str | None,
    arguments: Mapping[str, str],
    seed: int,
    trusted: bool = False,
) -> LoadedPolicy:
    """Build a policy.

    Args:
        name: A registered name, ``module:Class`` or ``path/to/file.py:Class``; ``None`` tells the
            kind from the checkpoint.
        checkpoint: A file or directory; if nothing with that name is here, one that ships
            (:mod:`gridseval.policies.reference`) or a hub id (``owner/name[@revision]``); or an
            address (``scheme://…``) for policies that take one.
        arguments: Further constructor arguments as texts.
        seed: The run's seed, for constructors with an argument ``seed``.
        trusted: Whether code in the checkpoint may run.

    Raises:
        UsageError: Neither a name nor a checkpoint is given.
        PolicyError: The checkpoint does not exist or is of no known kind, the class cannot be
            imported, an argument does not fit, the constructor raises, or the policy asks for an
            environment that there is not.
    """
    repository = None if name is not None else _repository(checkpoint)
    shipped = reference_folder(checkpoint)
    name, found = _named(name, checkpoint, shipped, repository)
    loaded = POLICIES.load(name)
    elsewhere = getattr(loaded, "reads_addresses", False)
    if repository is None and not elsewhere:
        repository = _repository(checkpoint)
    path = checkpoint if shipped is None else str(shipped)
    own_kind = POLICIES.target(name).startswith("gridseval.")  # other code may read all files
    if repository is not None:
        found += (repository.note,) if repository.note else ()
        path = str(repository.download(everything=not own_kind))
    elif checkpoint is not None and shipped is None and not (elsewhere or "://" in checkpoint):
        _check_exists(checkpoint)
    given = convert_arguments(loaded, arguments, name)
    provided = {
        "checkpoint": path,
        "seed": seed,
        "trust_remote_code": trusted or None,  # left out unless the user gave it
    }
    policy = _construct(loaded, name, given, provided)
    own = {
        **_identity(loaded, name, given),
        "checkpoint": checkpoint,
        "sha256": checkpoint_sha256(path, own_kind),
        **({} if repository is None else {"hub": repository.origin}),
    }
    skipping = declared_skipping(policy, name)
    return LoadedPolicy(
        policy=_wrapped(policy, skipping),
        name=name,
        observation_keys=declared_observation_keys(policy, name),
        replan=declared_replan(policy, name),
        description=own | declared_details(policy, name) | own,  # whose keys no details replace
        flops=declared_flops(policy, name),
        mapping=declared_mapping(policy, name),
        notes=(*found, *declared_notes(policy, name)),
        needs=declared_needs(policy, name),
        remembers_actions=skipping is not None,
    )


def _wrapped(policy: Policy, skipping: Skipping | None) -> Policy:
    """Return a policy that takes any batch of slots, and skips the queries that it may skip."""
    acting = policy if getattr(policy, "batches", True) else OneByOne(policy)
    return acting if skipping is None else SkippingPolicy(acting, skipping)


def _identity(loaded: type[Any], name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what tells a policy's class and arguments from others'."""
    files = named_files(given)
    return {
        "kind": name,
        "class": POLICIES.target(name),
        "source_sha256": source_sha256(loaded),
        "arguments": given,
        "torch": _torch_version(loaded, name),
        **({"argument_files": files} if files else {}),
    }


def _repository(checkpoint: str | None) -> Repository | None:
    """Return what a checkpoint names on the hub, if it names something there."""
    hub = None if checkpoint is None else hub_id(checkpoint)
    return None if hub is None else look_up(hub)


def _check_exists(checkpoint: str) -> None:
    if not Path(checkpoint).exists():
        raise PolicyError(f"checkpoint {checkpoint} does not exist", meant_reference(checkpoint))


def _named(
    name: str | None, checkpoint: str | None, shipped: Path | None, repository: Repository | None
) -> tuple[str, tuple[str, ...]]:
    """Return the kind's present name, and how it was detected if it was not given."""
    if name is not None:
        return warned_target(name), ()
    if checkpoint is None:
        raise UsageError("no policy is given", "name one with --policy, or a file with --ckpt")
    if shipped is not None:
        kind, _ = detect(str(shipped))
        return kind, (f"{checkpoint} ships with gridseval; its card is {shipped / _MODEL_CARD}",)
    kind, why = _detected(checkpoint, repository)
    return warned_target(kind), (f"{checkpoint} is taken for {kind}: {why}",)


def _detected(checkpoint: str, repository: Repository | None) -> Detection:
    if repository is None:
        return detect(checkpoint)
    with repository.outline() as folder:
        try:
            return detect(str(folder))
        except PolicyError as error:
            message = error.message.replace(str(folder), checkpoint)
            raise PolicyError(message, error.hint) from error


def _construct(
    loaded: type[Any], name: str, given: dict[str, Any], provided: dict[str, Any]
) -> Policy:
    """Call the constructor with the user's arguments, and the run's that it accepts."""
    parameters = accepted(loaded)
    if provided["checkpoint"] is not None and "checkpoint" not in parameters:
        raise PolicyError(f"policy {name!r} takes no checkpoint", "leave --ckpt out")
    known = {key: value for key, value in provided.items() if value is not None}
    keywords = given | {key: value for key, value in known.items() if key in parameters}
    missing = [
        key
        for key, parameter in parameters.items()
        if parameter.default is parameter.empty and key not in keywords
    ]
    if missing:
        option = "--ckpt PATH" if missing[0] == "checkpoint" else f"--policy-arg {missing[0]}=VALUE"
        raise PolicyError(f"policy {name!r} needs {missing[0]!r}", f"give {option}")
    try:
        policy: Policy = loaded(**keywords)
    except GridsevalError:
        raise
    except (Exception, SystemExit) as error:
        raise PolicyError(
            f"cannot make policy {name!r}: {type(error).__name__}: {error}"
        ) from error
    return policy


def _torch_version(loaded: type, name: str) -> str | None:
    """Return the version of torch if the policy can have to do with it, else ``None``.

    Only few of gridseval's kinds have, even if other code has loaded torch into this process.
    """
    torch, kind = sys.modules.get("torch"), kind_of(name)
    ours = loaded.__module__.startswith("gridseval.")
    if torch is None or (ours and (kind is None or not kind.torch)):
        return None
    return str(torch.__version__)
