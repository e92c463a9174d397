"""Under which conditions a run's episodes take place: the protocol, and what differs from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gridseval.errors import UsageError
from gridseval.evaluation.config import RunConfig
from gridseval.policies import EnvironmentNeeds
from gridseval.suites import DEFAULT_PROTOCOL, EvaluationProtocol, Suite, load_protocol

POLICY_SEED = 7
"""OpenVLA's, OpenVLA-OFT's and openpi's own default for everything but the environment."""

MOST_STEPS = 100_000
"""Most policy steps of an episode: 200 times LIBERO's longest. Memory is laid out for all."""


@dataclass(frozen=True)
class Conditions:
    """How a run's environments start, what they show and how long they last.

    Attributes:
        protocol: The protocol by whose values the others are chosen.
        env_seed: What LIBERO's ``env.seed`` is given.
        policy_seed: The policy's.
        max_steps: Policy steps per episode.
        needs: What the policy needs.
    """

    protocol: EvaluationProtocol
    env_seed: int
    policy_seed: int
    max_steps: int
    needs: EnvironmentNeeds

    @classmethod
    def of(cls, config: RunConfig, needs: EnvironmentNeeds, suite: Suite) -> Conditions:
        """Return a run's conditions: its options before the policy's needs before the protocol.

        Raises:
            UsageError: There is no such protocol, or an option contradicts what the policy needs.
        """
        if needs.strict and config.protocol not in (None, needs.protocol or DEFAULT_PROTOCOL):
            raise UsageError(
                f"the policy acts under protocol {needs.protocol or DEFAULT_PROTOCOL!r} only, not "
                f"{config.protocol!r}",
                "leave --protocol out",
            )
        protocol = load_protocol(config.protocol or needs.protocol or DEFAULT_PROTOCOL)
        steps = config.max_steps
        return cls(
            protocol=protocol,
            env_seed=_env_seed(config, needs, protocol),
            policy_seed=policy_seed(config),
            max_steps=protocol.steps_of(suite) if steps is None else steps,
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
            "settle_steps": self.protocol.settle_steps,
            "max_steps": self.max_steps,
            "actions": self.needs.actions,
        }

    def notes(self, asked: str | None) -> tuple[str, ...]:
        """Return what the user should know: a protocol that only the policy's card has named.

        Args:
            asked: The protocol that the user named.
        """
        notes = []
        if asked is None and self.protocol.name != DEFAULT_PROTOCOL:
            notes.append(
                f"protocol {self.protocol.name!r}, the policy's family's: images of "
                f"{self.protocol.image_px} px, env.seed({self.env_seed}), {self.max_steps} policy "
                "steps; --protocol names another"
            )
        if self.needs.actions == "absolute":
            notes.append("the policy's actions are absolute poses, and are executed as such")
        return tuple(notes)


def policy_seed(config: RunConfig) -> int:
    """Return the policy's seed.

    Raises:
        UsageError: It, or LIBERO's, is out of range.
    """
    for option, seed in (("--seed", config.seed), ("--env-seed", config.env_seed)):
        if seed is not None and not 0 <= seed < 2**32:
            raise UsageError(f"{option} must be within 0 and {2**32 - 1}, not {shown(seed)}")
    return POLICY_SEED if config.seed is None else config.seed


def checked_max_steps(asked: int) -> int:
    """Return ``--max-steps``, if it is within 1 and 100,000.

    Raises:
        UsageError: It is not.
    """
    if at_least(1, "--max-steps", asked) > MOST_STEPS:
        raise UsageError(f"--max-steps must be at most {MOST_STEPS}, not {shown(asked)}")
    return asked


def at_least(least: int, option: str, value: int) -> int:
    """Return an option's value, if it is not below ``least``.

    Raises:
        UsageError: It is.
    """
    if value < least:
        raise UsageError(f"{option} must be at least {least}, not {shown(value)}")
    return value


def shown(number: int) -> str:
    """Return a number's digits, or of one that has too many for a message its length."""
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
