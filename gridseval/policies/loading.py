"""From ``--policy``, ``--ckpt`` and ``--policy-arg`` to a policy that is ready to act."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gridseval.errors import PolicyError, UsageError, did_you_mean
from gridseval.policies.arguments import accepted, convert_arguments
from gridseval.policies.protocol import DEFAULT_OBSERVATION_KEYS, Policy
from gridseval.policies.registry import POLICIES

_OBSERVATION_KEYS = (*DEFAULT_OBSERVATION_KEYS, "instruction", "slots", "steps", "privileged")


@dataclass(frozen=True)
class LoadedPolicy:
    """A policy, and what a run must know and record of it.

    Attributes:
        policy: The policy itself.
        name: As given by ``--policy``, or the kind that was told from the checkpoint.
        observation_keys: What it looks at.
        replan: Policy steps executed per query, at least 1; ``None`` for the whole chunk.
        description: For ``run.yaml``, all a repetition needs: kind, class, ``source_sha256`` of the
            file that defines the class (``None`` for gridseval's own), checkpoint, its sha256,
            arguments as given, and the version of ``torch`` (``None`` where nothing loaded it).
    """

    policy: Policy
    name: str
    observation_keys: tuple[str, ...]
    replan: int | None
    description: dict[str, Any]


def load_policy(
    name: str | None, checkpoint: str | None, arguments: Mapping[str, str], seed: int
) -> LoadedPolicy:
    """Build a policy.

    Args:
        name: A registered name, ``module:Class`` or ``path/to/file.py:Class``; ``None`` tells the
            kind from the checkpoint.
        checkpoint: A file or directory, or an address (``scheme://…``) for policies that take one.
        arguments: Further constructor arguments as texts.
        seed: The run's seed, for constructors with an argument ``seed``.

    Raises:
        UsageError: Neither a name nor a checkpoint is given.
        PolicyError: The checkpoint does not exist or is of no known kind, the class cannot be
            imported, an argument does not fit, or the constructor raises.
    """
    if checkpoint is not None and "://" not in checkpoint and not Path(checkpoint).exists():
        raise PolicyError(f"checkpoint {checkpoint} does not exist")
    if name is None:
        if checkpoint is None:
            raise UsageError("no policy is given", "name one with --policy, or a file with --ckpt")
        name = _kind_of(checkpoint)
    loaded = POLICIES.load(name)
    given = convert_arguments(loaded, arguments, name)
    policy = _construct(loaded, name, given, {"checkpoint": checkpoint, "seed": seed})
    return LoadedPolicy(
        policy=policy,
        name=name,
        observation_keys=_observation_keys(policy, name),
        replan=_replan(policy, name),
        description={
            "kind": name,
            "class": POLICIES.target(name),
            "source_sha256": _source_sha256(loaded),
            "checkpoint": checkpoint,
            "sha256": _sha256(checkpoint),
            "arguments": given,
            "torch": _torch_version(loaded),
        },
    )


def _kind_of(checkpoint: str) -> str:
    path = Path(checkpoint)
    if path.is_file() and path.suffix in _PROGRAM_SUFFIXES:
        return "torch"
    if (path / "actions").is_dir():
        return "replay"
    raise PolicyError(
        f"cannot tell what kind of policy {checkpoint} is: it is neither a file named "
        f"*{', *'.join(_PROGRAM_SUFFIXES)} (torch) nor a run with a folder actions/ (replay)",
        "name the kind with --policy",
    )


_PROGRAM_SUFFIXES = (".pt", ".pt2", ".pth")


def _construct(
    loaded: type[Any], name: str, given: dict[str, Any], provided: dict[str, Any]
) -> Policy:
    """Call the constructor with the user's arguments and those of the run's that it takes."""
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
    except PolicyError:
        raise
    except (Exception, SystemExit) as error:
        raise PolicyError(
            f"cannot make policy {name!r}: {type(error).__name__}: {error}"
        ) from error
    return policy


def _observation_keys(policy: Policy, name: str) -> tuple[str, ...]:
    asked = getattr(policy, "observation_keys", DEFAULT_OBSERVATION_KEYS)
    if isinstance(asked, str) or not isinstance(asked, Iterable):
        raise PolicyError(
            f"policy {name!r} has observation_keys {asked!r}, which is no tuple of names",
            f"write ({asked!r},)" if isinstance(asked, str) else 'for example ("state",)',
        )
    keys = tuple(asked)
    for key in keys:
        if key not in _OBSERVATION_KEYS:
            hint = did_you_mean(str(key), _OBSERVATION_KEYS)
            raise PolicyError(f"policy {name!r} asks for unknown observation {key!r}", hint)
    return keys


def _replan(policy: Policy, name: str) -> int | None:
    replan = getattr(policy, "replan", None)
    if replan is None or (isinstance(replan, int) and replan >= 1):
        return replan
    raise PolicyError(f"policy {name!r} has replan {replan!r}", "an int of at least 1, or None")


def _sha256(checkpoint: str | None) -> str | None:
    """Return the hash of a file, or of a run's recorded actions; ``None`` for anything else."""
    digest, path = hashlib.sha256(), Path(checkpoint or "")
    if checkpoint and path.is_file():
        return _file_sha256(path)
    recordings = sorted((path / "actions").glob("*.npy")) if checkpoint else []
    for file in recordings:
        digest.update(file.name.encode())
        for block in _blocks(file):
            digest.update(block)
    return digest.hexdigest() if recordings else None


def _source_sha256(loaded: type[Any]) -> str | None:
    """Return the hash of the file that defines a class: edited, it is another policy."""
    file = getattr(sys.modules.get(loaded.__module__), "__file__", None)
    own = loaded.__module__.partition(".")[0] == "gridseval"
    return None if own or file is None else _file_sha256(Path(file))


def _torch_version(loaded: type) -> str | None:
    """Return the version of torch if the policy can have to do with it, else ``None``.

    Of our own kinds only ``torch`` has, whatever else loaded torch into this process before.
    """
    ours = loaded.__module__.startswith("gridseval.")
    torch = sys.modules.get("torch")
    if torch is None or (ours and loaded.__module__ != "gridseval.policies.torch_file"):
        return None
    return str(torch.__version__)


def _file_sha256(path: Path) -> str:
    digest = hashlib.sha256()
    for block in _blocks(path):
        digest.update(block)
    return digest.hexdigest()


def _blocks(path: Path) -> Iterator[bytes]:
    """Yield a file in pieces: checkpoints are larger than memory at times."""
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            yield block
