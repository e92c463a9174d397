"""Evaluation protocols: how a family of policies is evaluated by its own authors, one YAML each.

Under OpenVLA's seed and openpi's the stored states are equal, but fixtures stand elsewhere: 7,700
to 8,800 of an image's 65,536 pixels differ. So a protocol is data that a card names and a run
records, not a default that users have to remember.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from gridseval.errors import UsageError, did_you_mean
from gridseval.named_files import NamedFiles
from gridseval.suites.bounds import BOUNDS
from gridseval.suites.catalogue import list_suites, shipped_suites
from gridseval.suites.suite import Suite

DEFAULT_PROTOCOL = "openvla"
"""The protocol of policies whose family does not name one."""

Seeding = Literal["task", "trial"]
SEEDINGS: tuple[Seeding, ...] = ("task", "trial")
Starts = Literal["stored", "fresh"]
STARTS: tuple[Starts, ...] = ("stored", "fresh")


@dataclass(frozen=True)
class EvaluationProtocol:
    """How episodes of a family's evaluation start, what they show and how long they last.

    Args:
        name: The file's stem.
        title: For people.
        env_seed: What LIBERO's ``env.seed`` is given, 0 to 2³² − 1: it decides where fixtures
            stand.
        seeding: ``"task"`` seeds once per task, before the reset of trial 0; ``"trial"`` seeds
            each trial's reset with ``env_seed`` plus the trial's number.
        image_px: Side of the rendered images, 1 to 4096.
        settle_steps: Control steps with an open gripper before the policy's first, at least 0.
        max_steps: Policy steps per episode by suite, each at least 1; of a suite that is not
            listed the suite's own count.
        source: The code that it is taken from.

    Raises:
        ValueError: A number is out of its range.
    """

    name: str
    title: str
    env_seed: int
    image_px: int
    settle_steps: int
    max_steps: Mapping[str, int]
    source: str
    seeding: Seeding = "task"

    def __post_init__(self) -> None:
        for key in ("env_seed", "image_px", "settle_steps"):
            _check_bounds(key, key, getattr(self, key))
        for suite, steps in self.max_steps.items():
            _check_bounds("max_steps", f"max_steps of {suite}", steps)

    def steps_of(self, suite: Suite) -> int:
        """Return the policy steps of an episode; LIBERO-Plus has those of LIBERO."""
        base = suite.name.replace("libero_plus_", "libero_")
        return self.max_steps.get(base, suite.max_steps)

    def describe(self) -> str:
        """Return the protocol in one sentence."""
        seeded = "per task" if self.seeding == "task" else "+ trial, per trial"
        steps = ", ".join(
            f"{name.removeprefix('libero_')} {n}" for name, n in self.max_steps.items()
        )
        return (
            f"{self.title}: env.seed({self.env_seed}) {seeded}; images of {self.image_px} px; "
            f"{self.settle_steps} settle steps; policy steps: {steps}"
        )


_PROTOCOLS = NamedFiles("protocol", EvaluationProtocol, ("policies", "protocols"))


def list_protocols() -> tuple[str, ...]:
    """Return the names of all protocols that ship with gridseval, sorted."""
    return _PROTOCOLS.names()


def load_protocol(name: str) -> EvaluationProtocol:
    """Return a protocol by name, or from a user's file.

    Args:
        name: A name of :func:`list_protocols`, or a path that ends in ``.yaml``.

    Raises:
        UsageError: There is no such protocol (names the nearest), or the file is not one.
    """
    path, protocol = _PROTOCOLS.path(name), _PROTOCOLS.load(name)
    if path.parent != _PROTOCOLS.folder and path.stem in list_protocols():
        raise UsageError(
            f"{path}: {path.stem!r} is a protocol that ships with gridseval",
            "give yours another name",
        )
    for suite in protocol.max_steps:
        if suite not in shipped_suites() and suite not in list_suites():
            hint = did_you_mean(suite, list_suites())
            raise UsageError(f"{path}: max_steps: there is no suite {suite!r}", hint)
    return protocol


def _check_bounds(key: str, name: str, value: int) -> None:
    least, most = BOUNDS[key]
    if not least <= value <= most:
        raise ValueError(f"{name} must be within {least} and {most}, not {value}")
