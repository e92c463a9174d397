"""What a policy is: two methods, what they take and return, and what it may say of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from gridseval.errors import PolicyError
from gridseval.tokens import TokenTrace

if TYPE_CHECKING:
    from gridseval.suites import Episode

ACTION_SIZE = 7
DEFAULT_OBSERVATION_KEYS = ("agentview", "wrist", "state")

Observations = Mapping[str, Any]
"""One batch of B slots, each within another episode.

* ``slots``: int64 (B,), the batch slots that ask, numbered as in ``reset``.
* ``steps``: int64 (B,), policy steps executed so far in each slot's episode.
* ``instruction``: tuple of B texts.
* ``state``: float32 (B, 8); 0–2 eef position (m), 3–5 eef axis-angle (rad), 6–7 gripper joints (m).
* ``controller_state``: float32 (B, 8), the same of the arm's controller, whose orientation is the
  grip site's (90° from the hand's) with an angle of at most π; X-VLA reads it.
* ``agentview``, ``wrist``: uint8 (B, 256, 256, 3), rotated by 180° as policies are trained.
* ``privileged``: tuple of B dicts with object poses and the parsed goal.

The first three are always there, the others if the policy's ``observation_keys`` name them.
"""


@dataclass(frozen=True, eq=False)
class ActionChunk:
    """The next H actions of each of B slots.

    Attributes:
        actions: float32 (B, H, 7); 0–2 eef translation, 3–5 eef rotation (axis-angle), 6 gripper
            (−1 opens, +1 closes). Meant range [−1, 1]; the controller (robosuite's OSC_POSE) clips
            what lies outside.
        traces: What the policy looked at, one per slot in the same order, or ``None``. A policy
            without pruning may say so too; videos and token statistics need it.
        remarks: What the policy says of each slot's episode so far, plain values for JSON, or
            ``None``. The last remark on an episode is kept in its record. A policy server does not
            send them on.
        failures: Batch positions that got no actions for a technical reason (a server is gone, an
            answer makes no sense), each with the reason; their rows are not executed, the episodes
            are tried again.
        skipped: Whether a slot's actions come without the model, one per slot, from a policy that
            may skip queries; ``None`` from others. The trace is then the last query's that the
            model answered. A policy server does not send them on.
    """

    actions: NDArray[np.float32]
    traces: tuple[TokenTrace | None, ...] | None = None
    remarks: tuple[Mapping[str, Any] | None, ...] | None = field(default=None, kw_only=True)
    failures: Mapping[int, str] = field(default_factory=dict)
    skipped: tuple[bool, ...] | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class EnvironmentNeeds:
    """What a policy needs of its environments beside observations.

    Attributes:
        protocol: Name of the evaluation protocol of its family, or ``None`` for the default one.
        env_seed: What LIBERO's ``env.seed`` must be given, or ``None`` for the protocol's.
        actions: ``"delta"``: 0–5 of an action are a motion, as LIBERO's demonstrations have it;
            ``"absolute"``: they are a goal pose in the world (m; axis-angle, rad).
        strict: Whether the policy acts in episodes of one kind only, as recorded actions do: then
            these three, and ``env_seed``, are theirs, not those of the protocol's present file.
        seeding: ``"task"`` or ``"trial"``; ``None`` for the protocol's.
        starts: ``"stored"`` or ``"fresh"``; ``None`` for stored ones.
        image_px: Side of images; ``None`` for the protocol's.
        settle_steps: Control steps before the policy's first; ``None`` for the protocol's.
    """

    protocol: str | None = None
    env_seed: int | None = None
    actions: Literal["delta", "absolute"] = "delta"
    strict: bool = False
    seeding: Literal["task", "trial"] | None = None
    starts: Literal["stored", "fresh"] | None = None
    image_px: int | None = None
    settle_steps: int | None = None

    def told(self) -> dict[str, Any]:
        """Return what differs from the defaults, for a server of the policy."""
        usual = EnvironmentNeeds()
        return {k: v for k, v in asdict(self).items() if v != getattr(usual, k)}


class Policy(Protocol):
    """Chooses actions for a batch of slots; any class with these two methods will do.

    A class may also have these attributes (class or instance):

    * ``observation_keys: tuple[str, ...]``: what it looks at, by default ``("agentview", "wrist",
      "state")``. Cameras that are not named are never rendered.
    * ``replan: int | None``: policy steps executed before the next query; ``None`` (the default)
      executes the whole chunk.
    * ``flops(trace: TokenTrace) -> float``: floating-point operations of a query in which that was
      kept, for the tables.
    * ``image_mapping: ImageMapping``: where places on its input image lie on the observed frame, by
      default the same; videos draw traces through it.
    * ``batches: bool``: whether it takes several slots at once, by default so; one that does not is
      asked for each alone.
    * ``details: Mapping[str, Any]``: plain values that belong to what ``run.yaml`` says of the
      policy; a run of other ones is another run.
    * ``skipping: Skipping | None``: decides which queries need no model
      (:mod:`gridseval.tokens.skipping`); then a run asks about the others only.
    * ``needs: EnvironmentNeeds``: what its environments must be like; by default nothing special.
    * ``notes: tuple[str, ...]``: what the user should know before it runs.
    * ``reads_addresses: bool``: whether ``--ckpt`` may be neither a file or folder that exists nor
      of the form ``scheme://…``, such as ``host:port``; by default not. Others get a hub's
      ``owner/name`` as the folder that was downloaded.

    A constructor argument ``seed`` (int) receives the run's seed, ``checkpoint`` (str) the value of
    ``--ckpt``.
    """

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        """Begin these episodes in these batch slots, and forget their earlier episodes.

        An episode's actions must depend on the episode and its observations only: neither on the
        slot's number nor on the other slots, or a resumed run differs from an uninterrupted one.
        """

    def act(self, observations: Observations) -> ActionChunk:
        """Return the next actions of the slots in ``observations["slots"]``, in that order."""


def at_least(least: int, name: str, value: int) -> int:
    """Return a policy's constructor argument, if it is large enough.

    Raises:
        PolicyError: ``value`` is below ``least``.
    """
    if value < least:
        raise PolicyError(f"{name} must be at least {least}, not {value}")
    return value
