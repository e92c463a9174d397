"""How replicas of a policy are loaded, and on which device each is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from gridseval.errors import GridsevalError
from gridseval.policies import LoadedPolicy, load_policy

DEVICE, GPUS = "device", "cuda"
"""The argument of policies that names a device, and the text that leaves its number open."""


@dataclass(frozen=True)
class PolicyRequest:
    """What a policy is loaded from; see :func:`gridseval.policies.load_policy`.

    Attributes:
        name: Its kind, or ``None`` to tell it from the checkpoint.
        checkpoint: The checkpoint or a server's address, or ``None``.
        arguments: Constructor arguments, as texts.
        seed: The run's.
        trusted: Whether code in the checkpoint may run.
    """

    name: str | None
    checkpoint: str | None
    arguments: Mapping[str, str]
    seed: int
    trusted: bool = False

    def load(self) -> LoadedPolicy:
        """Load the policy in this process.

        Raises:
            UsageError: Neither a name nor a checkpoint is given.
            PolicyError: It cannot be loaded.
        """
        return load_policy(self.name, self.checkpoint, self.arguments, self.seed, self.trusted)

    def on(self, device: str | None) -> PolicyRequest:
        """Return the request for a device; ``None`` leaves it as it is."""
        if device is None:
            return self
        return replace(self, arguments={**self.arguments, DEVICE: device})


def devices_of(arguments: Mapping[str, str], count: int) -> tuple[str | None, ...]:
    """Return the device of each of a policy's replicas.

    Args:
        arguments: The policy's, as texts.
        count: How many replicas, at least 1.

    Returns:
        ``"cuda:0"``, ``"cuda:1"`` and so on for ``device=cuda``; ``None`` where the arguments
        decide: another device, also one GPU by its number, is all replicas'.

    >>> devices_of({"device": "cuda"}, 2)
    ('cuda:0', 'cuda:1')
    >>> devices_of({"device": "cuda:1"}, 2), devices_of({}, 1)
    ((None, None), (None,))
    """
    if arguments.get(DEVICE) != GPUS:
        return (None,) * count
    return tuple(f"{GPUS}:{number}" for number in range(count))


@dataclass(frozen=True)
class Elsewhere:
    """Stands for a policy in another process.

    Attributes:
        name: The policy's class.
    """

    name: str

    def reset(self, *_: Any) -> NoReturn:
        """Refuse to be asked.

        Raises:
            RuntimeError: Always.
        """
        raise RuntimeError(f"{self.name} is in another process: a dispatcher asks it")

    def act(self, *_: Any) -> NoReturn:
        """Refuse to be asked, as ``reset`` does."""
        self.reset()


def told(loaded: LoadedPolicy) -> LoadedPolicy:
    """Return what is known of a policy, for another process."""
    return replace(loaded, policy=Elsewhere(type(loaded.policy).__name__), flops=None)


@dataclass(frozen=True)
class Refusal:
    """An error that a user can cause, from the replica's process.

    Attributes:
        error: The error.
        traceback: How it came about, for ``--debug``.
    """

    error: GridsevalError
    traceback: str
