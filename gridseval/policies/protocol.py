"""What a policy is: two methods, and the check on what they return.

Every check that can refuse a policy's actions is here, so that the rollout may trust what it
executes: a NaN that reaches MuJoCo only shows up as a failed episode much later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from gridseval.errors import PolicyError
from gridseval.tokens import TokenTrace

if TYPE_CHECKING:
    from gridseval.suites import Episode

ACTION_SIZE = 7
DEFAULT_OBSERVATION_KEYS = ("agentview", "wrist", "state")

Observations = Mapping[str, Any]
"""One batch of B slots, each in the middle of its own episode.

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
        failures: Batch positions that got no actions for a technical reason (a server is gone, an
            answer makes no sense), each with the reason; their rows are not executed, the episodes
            are tried again.
    """

    actions: NDArray[np.float32]
    traces: tuple[TokenTrace | None, ...] | None = None
    failures: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class EnvironmentNeeds:
    """What a policy needs of its environments beside observations.

    Attributes:
        protocol: Name of the evaluation protocol of its family, or ``None`` for the default one.
        env_seed: What LIBERO's ``env.seed`` must be given, or ``None`` for the protocol's.
        actions: ``"delta"``: 0–5 of an action are a motion, as LIBERO's demonstrations have it;
            ``"absolute"``: they are a goal pose in the world (m; axis-angle, rad).
        strict: Whether the policy acts in episodes of one kind only, as recorded actions do: then
            these three, and ``env_seed``, are theirs, whatever the protocol's file says now.
        seeding: ``"task"`` or ``"trial"``; ``None`` for the protocol's.
        image_px: Side of images; ``None`` for the protocol's.
        settle_steps: Control steps before the policy's first; ``None`` for the protocol's.
    """

    protocol: str | None = None
    env_seed: int | None = None
    actions: Literal["delta", "absolute"] = "delta"
    strict: bool = False
    seeding: Literal["task", "trial"] | None = None
    image_px: int | None = None
    settle_steps: int | None = None

    def told(self) -> dict[str, Any]:
        """Return what differs from the defaults, for a server of the policy."""
        usual = EnvironmentNeeds()
        return {k: v for k, v in asdict(self).items() if v != getattr(usual, k)}


class CheckedChunk(NamedTuple):
    """What a policy gave back, ready to be executed and recorded.

    Attributes:
        actions: float32 (B, H, 7), all finite, H ≥ 1, contiguous.
        traces: One per slot; ``None`` where the policy says nothing.
        failures: Batch positions without actions, and why.
    """

    actions: NDArray[np.float32]
    traces: tuple[TokenTrace | None, ...]
    failures: Mapping[int, str]


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
    * ``needs: EnvironmentNeeds``: what its environments must be like; by default nothing special.
    * ``notes: tuple[str, ...]``: what the user should know before it runs.
    * ``reads_addresses: bool``: whether ``--ckpt`` may be neither a file or folder that exists nor
      of the form ``scheme://…``, such as ``host:port``; by default not. Others get a hub's
      ``owner/name`` as the folder that was downloaded.

    A constructor argument ``seed`` (int) receives the run's seed, ``checkpoint`` (str) the value of
    ``--ckpt``.
    """

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        """Begin these episodes in these batch slots; whatever was known of the slots is void.

        An episode's actions must depend on the episode and its observations only: neither on the
        slot's number nor on the other slots, or a resumed run differs from an uninterrupted one.
        """

    def act(self, observations: Observations) -> ActionChunk:
        """Return the next actions of the slots in ``observations["slots"]``, in that order."""


def check_actions(chunk: ActionChunk | Any, batch: int) -> NDArray[np.float32]:
    """Return what a policy gave back as an array that can be executed.

    Values outside [−1, 1] pass unchanged: robosuite's controller clips them itself, and clipping
    here as well would hide from a recorded run what the policy really asked for.

    Args:
        chunk: An ActionChunk, or a bare array or torch tensor of the same shape.
        batch: The number of slots B that were asked for.

    Returns:
        float32 (B, H, 7), all finite, H ≥ 1, contiguous.

    Raises:
        PolicyError: The type, shape or element type is wrong, the chunk is empty, a value is not
            finite, or the traces are none of B slots.
    """
    return check_chunk(chunk, batch).actions


def check_chunk(chunk: ActionChunk | Any, batch: int) -> CheckedChunk:
    """Return what a policy gave back as what can be executed and recorded.

    Args:
        chunk: As for :func:`check_actions`; a bare array has no traces.
        batch: The number of slots B that were asked for.

    Raises:
        PolicyError: As :func:`check_actions` does.
    """
    traces = chunk.traces if isinstance(chunk, ActionChunk) else None
    actions = _to_array(chunk.actions if isinstance(chunk, ActionChunk) else chunk)
    _check_shape(actions.shape, batch)
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes inf and is refused below
        actions = np.ascontiguousarray(actions, dtype=np.float32)
    _check_finite(actions)
    known = (None,) * batch if traces is None else _traces(traces, batch)
    return CheckedChunk(actions, known, _failures(chunk, batch))


def at_least(least: int, name: str, value: int) -> int:
    """Return a policy's constructor argument, if it is large enough.

    Raises:
        PolicyError: ``value`` is below ``least``.
    """
    if value < least:
        raise PolicyError(f"{name} must be at least {least}, not {value}")
    return value


def _to_array(actions: Any) -> NDArray[Any]:
    """Return a floating-point array, whatever library it came from."""
    if hasattr(actions, "is_floating_point") and actions.is_floating_point():
        # Numpy knows no bfloat16, and a tensor may require gradients or live on a GPU.
        actions = actions.detach().cpu().float()
    try:
        array = np.asarray(actions)
    except Exception as error:
        raise PolicyError(
            f"policy returned {type(actions).__name__}, which is not an array: {error}", _EXPECTED
        ) from error
    if array.dtype.kind != "f":
        got = type(actions).__name__ if array.dtype.kind == "O" else array.dtype
        raise PolicyError(f"policy returned elements of type {got}, expected float32", _EXPECTED)
    return array


_EXPECTED = "act() returns ActionChunk(actions), float32 of shape (batch, steps, 7)"


def _check_shape(shape: tuple[int, ...], batch: int) -> None:
    if len(shape) == 3 and shape[0] == batch and shape[1] > 0 and shape[2] == ACTION_SIZE:
        return
    hint = _EXPECTED
    if len(shape) == 3 and shape[1] == 0:
        hint = "a chunk needs at least one step"
    elif shape == (batch, ACTION_SIZE):
        hint = "for one step per query add an axis: actions[:, None]"
    raise PolicyError(
        f"policy returned actions of shape {shape}, expected ({batch}, steps, {ACTION_SIZE})", hint
    )


def _failures(chunk: ActionChunk | Any, batch: int) -> dict[int, str]:
    failures = chunk.failures if isinstance(chunk, ActionChunk) else {}
    if not isinstance(failures, Mapping) or not all(
        isinstance(index, int) and 0 <= index < batch for index in failures
    ):
        raise PolicyError(
            f"policy returned failures {failures!r}, expected batch positions below {batch}",
            "ActionChunk(actions, failures={position: reason})",
        )
    return {index: str(reason) for index, reason in sorted(failures.items())}


def _traces(traces: Any, batch: int) -> tuple[TokenTrace | None, ...]:
    """Return traces as a tuple; a trace itself was checked when it was made."""
    if not isinstance(traces, Sequence) or isinstance(traces, str):
        raise PolicyError(
            f"policy returned traces of type {type(traces).__name__}, expected a tuple", _TRACES
        )
    if len(traces) != batch:
        raise PolicyError(f"policy returned {len(traces)} traces for {batch} slots", _TRACES)
    for position, trace in enumerate(traces):
        if trace is not None and not isinstance(trace, TokenTrace):
            raise PolicyError(
                f"policy returned a {type(trace).__name__} as trace at batch position {position}",
                _TRACES,
            )
        if trace is not None:
            _check_cameras(trace, position)
    return tuple(traces)


_TRACES = "ActionChunk(actions, traces): per slot a gridseval.tokens.TokenTrace or None"


def _check_cameras(trace: TokenTrace, position: int) -> None:
    names = [camera.camera for camera in trace.cameras]
    where = f"the trace at batch position {position}"
    if not names:
        raise PolicyError(f"{where} has no camera", "give None where nothing is known")
    if len(set(names)) < len(names):
        raise PolicyError(f"{where} names a camera twice: {', '.join(names)}")


def _check_finite(actions: NDArray[np.float32]) -> None:
    wrong = np.argwhere(~np.isfinite(actions))
    if not len(wrong):
        return
    slot, step, component = (int(index) for index in wrong[0])
    raise PolicyError(
        f"policy returned {actions[slot, step, component]} at batch position {slot}, "
        f"chunk step {step}, action component {component} ({len(wrong)} such values in all)",
        "look for a division by zero or an overflow in half precision",
    )
