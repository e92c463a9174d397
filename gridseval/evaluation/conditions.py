"""The conditions of a run's episodes: the protocol, and what differs from it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from gridseval.errors import UsageError
from gridseval.evaluation.config import RunConfig
from gridseval.policies import EnvironmentNeeds
from gridseval.suites import (
    DEFAULT_PROTOCOL,
    MOST_SEED,
    MOST_STEPS,
    EvaluationProtocol,
    Suite,
    list_protocols,
    load_protocol,
)

POLICY_SEED = 7
"""OpenVLA's, OpenVLA-OFT's and openpi's own default for everything but the environment."""


@dataclass(frozen=True)
class Conditions:
    """How a run's environments start, what they show and how long they last.

    Attributes:
        protocol: The protocol by whose values the others are chosen.
        env_seed: What LIBERO's ``env.seed`` is given.
        policy_seed: The policy's.
        max_steps: Policy steps per episode.
        settle_steps: Control steps before the policy's first: the protocol's, or those of a suite
            of the user's own.
        needs: What the policy needs.
    """

    protocol: EvaluationProtocol
    env_seed: int
    policy_seed: int
    max_steps: int
    settle_steps: int
    needs: EnvironmentNeeds

    @classmethod
    def of(cls, config: RunConfig, needs: EnvironmentNeeds, suite: Suite) -> Conditions:
        """Return a run's conditions: its options before the policy's needs before the protocol.

        Raises:
            UsageError: There is no such protocol, or an option contradicts what the policy needs.
        """
        protocol = _protocol(config.protocol, needs)
        steps = config.max_steps
        return cls(
            protocol=protocol,
            env_seed=_env_seed(config, needs, protocol),
            policy_seed=policy_seed(config),
            max_steps=protocol.steps_of(suite) if steps is None else steps,
            settle_steps=_settle_steps(protocol, needs, suite),
            needs=needs,
        )

    def manifest(self) -> dict[str, Any]:
        """Return what ``run.yaml`` says about it, of plain values."""
        return {
            "protocol": self.protocol.name,
            "seed": self.policy_seed,
            "env_seed": self.env_seed,
            "seeding": self.protocol.seeding,
            "image_px": self.protocol.image_px,
            "settle_steps": self.settle_steps,
            "max_steps": self.max_steps,
            "actions": self.needs.actions,
        }

    def notes(self, config: RunConfig) -> tuple[str, ...]:
        """Return what the user should know: what the policy's card or an option has changed."""
        name, per_trial = self.protocol.name, self.protocol.seeding == "trial"
        seeded = f"env.seed({self.env_seed}{' + trial' if per_trial else ''})"
        notes = []
        if config.protocol is None and name != DEFAULT_PROTOCOL:
            notes.append(
                f"protocol {name!r}, the policy's family's: images of {self.protocol.image_px} px, "
                f"{seeded}, {self.max_steps} policy steps; --protocol names another"
            )
        if self.env_seed not in (self.protocol.env_seed, config.env_seed, self.needs.env_seed):
            notes.append(
                f"--seed seeds LIBERO, too: fixtures stand elsewhere than under protocol {name!r}; "
                f"--env-seed {self.protocol.env_seed} keeps its scenes"
            )
        if self.needs.actions == "absolute":
            notes.append("the policy's actions are absolute poses, and are executed as such")
        return tuple(notes)


def _protocol(asked: str | None, needs: EnvironmentNeeds) -> EvaluationProtocol:
    if not needs.strict:
        return load_protocol(asked or needs.protocol or DEFAULT_PROTOCOL)
    name = needs.protocol or DEFAULT_PROTOCOL
    known = load_protocol(name if name in list_protocols() else DEFAULT_PROTOCOL)
    recorded = replace(
        known,
        name=name,
        seeding=needs.seeding or known.seeding,
        image_px=needs.image_px or known.image_px,
        settle_steps=known.settle_steps if needs.settle_steps is None else needs.settle_steps,
    )
    if asked is None:
        return recorded
    chosen = load_protocol(asked)
    for key in ("seeding", "settle_steps"):
        theirs, ours = getattr(recorded, key), getattr(chosen, key)
        if theirs != ours:
            raise UsageError(
                f"the policy acts under protocol {name!r} with {key} {theirs}, not {ours} as in "
                f"{asked!r}",
                "leave --protocol out",
            )
    return chosen


def _settle_steps(protocol: EvaluationProtocol, needs: EnvironmentNeeds, suite: Suite) -> int:
    # Recorded actions fit the steps that they were recorded after, also if the suite has changed.
    own = suite.file is not None and not needs.strict
    return suite.settle_steps if own else protocol.settle_steps


def policy_seed(config: RunConfig) -> int:
    """Return the policy's seed.

    Raises:
        UsageError: It, or LIBERO's, is out of range.
    """
    for option, seed in (("--seed", config.seed), ("--env-seed", config.env_seed)):
        if seed is not None and not 0 <= seed <= MOST_SEED:
            raise UsageError(f"{option} must be within 0 and {MOST_SEED}, not {shown(seed)}")
    return POLICY_SEED if config.seed is None else config.seed


def checked_max_steps(asked: int) -> int:
    """Return ``--max-steps``, if it is within 1 and 100,000.

    Raises:
        UsageError: It is out of range.
    """
    return at_least(1, "--max-steps", asked)


def at_least(least: int, option: str, value: int, most: int = MOST_STEPS) -> int:
    """Return an option's value, if it is within ``least`` and ``most``.

    Raises:
        UsageError: It is not.
    """
    if value < least:
        raise UsageError(f"{option} must be at least {least}, not {shown(value)}")
    if value > most:
        raise UsageError(f"{option} must be at most {most}, not {shown(value)}")
    return value


def shown(number: int) -> str:
    """Return a number's digits, or its length if it has too many for a message."""
    bits = number.bit_length()
    return str(number) if bits < 100 else f"a number of {bits} bits"


def _env_seed(config: RunConfig, needs: EnvironmentNeeds, protocol: EvaluationProtocol) -> int:
    if needs.env_seed is not None:
        if config.env_seed not in (None, needs.env_seed):
            raise UsageError(
                f"the policy needs LIBERO's seed {needs.env_seed}, not {config.env_seed}",
                "leave --env-seed out",
            )
        return needs.env_seed
    if config.env_seed is not None:
        return config.env_seed
    return protocol.env_seed if config.seed is None else config.seed
