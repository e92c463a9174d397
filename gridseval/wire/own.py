"""What gridseval's own server and client say to each other beyond openpi's protocol.

Under the key ``gridseval`` the server's metadata tell what the policy looks at, and a request names
its episode and step and carries frames as they were observed, so that a policy acts over the wire
exactly as it would in the evaluation's own process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from gridseval.config import build
from gridseval.errors import UsageError
from gridseval.suites import Episode
from gridseval.tokens import ImageMapping
from gridseval.wire import openpi
from gridseval.wire.arrays import WireError

OWN = "gridseval"
T = TypeVar("T", "ServedPolicy", "Question")

CLIENT = "X-Gridseval-Client"
"""HTTP header by which gridseval's client says that it speaks openpi's protocol."""

SKIPPED = "skipped"
"""Key of a reply: whether its actions came without the model. Earlier servers send none, nor do
those whose policy asks its model every time; earlier clients do not read it."""

_KEYS = {
    "agentview": openpi.IMAGE,
    "wrist": openpi.WRIST_IMAGE,
    "state": openpi.STATE,
    "controller_state": "observation/controller_state",
}
CAMERAS = ("agentview", "wrist")
OBSERVED = tuple(_KEYS)
"""What requests carry beside the instruction."""


@dataclass(frozen=True)
class ServedPolicy:
    """What a server says of its policy.

    Args:
        policy: Its name.
        observation_keys: What it looks at.
        replan: Policy steps per query, or ``None`` for the whole chunk.
        mapping: From its input image to the observed frame.
        flops: Whether replies with a trace say what the query cost, under ``flops``.
        needs: What its environments must be like, as far as it differs from the defaults of
            ``EnvironmentNeeds``; earlier servers send none.
        description: What is served, as a run of it in the server's own process would record it.
        protocol: Version of these keys.

    Raises:
        ValueError: The version is another one.
    """

    policy: str
    observation_keys: tuple[str, ...]
    replan: int | None
    mapping: ImageMapping
    flops: bool = False
    needs: Mapping[str, Any] = field(default_factory=dict)
    description: Mapping[str, Any] = field(default_factory=dict)
    protocol: int = 1

    def __post_init__(self) -> None:
        if self.protocol != 1:
            raise ValueError(
                f"protocol {self.protocol} is not known here, only 1: update gridseval"
            )
        if self.replan is not None and self.replan < 1:
            raise ValueError(f"replan must be at least 1, not {self.replan}")

    def to_metadata(self) -> dict[str, Any]:
        """Return the server's metadata."""
        return {OWN: asdict(self)}

    @classmethod
    def of(cls, sent: Any) -> ServedPolicy | None:
        """Return what metadata say under ``gridseval``; ``None`` for another server's.

        Raises:
            WireError: It is malformed.
        """
        return _read(cls, sent)


@dataclass(frozen=True)
class Question:
    """The part of a request that names its episode.

    Args:
        suite: The suite.
        task: The task's index.
        trial: The trial.
        step: Policy steps executed so far.
        privileged: Object poses and the parsed goal, for policies that ask for it.
    """

    suite: str
    task: int
    trial: int
    step: int
    privileged: Any = None

    @property
    def episode(self) -> Episode:
        """The episode."""
        return Episode(self.suite, self.task, self.trial)

    @classmethod
    def of(cls, sent: Any) -> Question | None:
        """Return what a request says under ``gridseval``; ``None`` for another client's.

        Raises:
            WireError: It is malformed.
        """
        return _read(cls, sent)


def _read(kind: type[T], sent: Any) -> T | None:
    """Return what was sent under ``gridseval``; ``None`` where nothing was."""
    if sent is None:
        return None
    try:
        return build(kind, sent, OWN)
    except UsageError as error:
        raise WireError(error.message) from error


def question(observations: Mapping[str, Any], index: int, episode: Episode) -> dict[str, Any]:
    """Return a request with everything that is observed in one slot of a batch.

    Args:
        observations: A batch, as policies get it.
        index: The slot's place in it.
        episode: The slot's episode.
    """
    message: dict[str, Any] = {
        wire: observations[key][index] for key, wire in _KEYS.items() if key in observations
    }
    own = Question(
        suite=episode.suite,
        task=episode.task,
        trial=episode.trial,
        step=int(observations["steps"][index]),
        privileged=observations["privileged"][index] if "privileged" in observations else None,
    )
    return message | {openpi.PROMPT: observations["instruction"][index], OWN: asdict(own)}


def skipped_in(reply: Mapping[str, Any]) -> bool | None:
    """Return whether a reply's actions came without the model; ``None`` where it does not say.

    Raises:
        WireError: It says something else than yes or no.
    """
    value = reply.get(SKIPPED)
    if value is None or type(value) is bool:
        return value
    raise WireError(f"{SKIPPED} is {str(value)[:40]}, expected true or false")


def observed(message: Mapping[str, Any], key: str) -> Any:
    """Return one observation of a request, by one of :data:`OBSERVED`.

    Raises:
        WireError: The request has none.
    """
    value = message.get(_KEYS[key])
    if value is None:
        raise WireError(f"the request has no {_KEYS[key]!r}, which the policy looks at")
    return value
