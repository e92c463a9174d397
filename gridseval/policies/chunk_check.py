"""The check on what a policy returns, before anything executes it.

Every check that can refuse a policy's actions is here, so that the rollout may trust what it
executes: a NaN that reaches MuJoCo only shows up as a failed episode much later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridseval.errors import PolicyError
from gridseval.foreign_text import one_line
from gridseval.policies.protocol import ACTION_SIZE, ActionChunk
from gridseval.policies.remark_check import checked_remarks
from gridseval.tokens import TokenTrace


class CheckedChunk(NamedTuple):
    """What a policy gave back, ready to be executed and recorded.

    Attributes:
        actions: float32 (B, H, 7), all finite, H ≥ 1, contiguous.
        traces: One per slot; ``None`` where the policy says nothing.
        failures: Batch positions without actions, and why.
        remarks: What the policy says of the episodes so far; empty where it says nothing.
        skipped: Whether a slot's query was answered without the model; empty of policies that ask
            it always.
    """

    actions: NDArray[np.float32]
    traces: tuple[TokenTrace | None, ...]
    failures: Mapping[int, str]
    remarks: tuple[Mapping[str, Any] | None, ...] = ()
    skipped: tuple[bool, ...] = ()


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
            finite, or the traces are not of B slots.
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
    said = chunk.remarks if isinstance(chunk, ActionChunk) else None
    remarks = () if said is None else checked_remarks(said, batch)
    skipped = _skipped(chunk, batch)
    return CheckedChunk(actions, known, _failures(chunk, batch), remarks, skipped)


def _to_array(actions: Any) -> NDArray[Any]:
    """Return an array of any library as a floating-point array."""
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
    return {index: one_line(str(reason)) for index, reason in sorted(failures.items())}


def _skipped(chunk: ActionChunk | Any, batch: int) -> tuple[bool, ...]:
    skipped = chunk.skipped if isinstance(chunk, ActionChunk) else None
    if skipped is None:
        return ()
    if not isinstance(skipped, Sequence) or [type(each) for each in skipped] != [bool] * batch:
        raise PolicyError(
            f"policy returned skipped {skipped!r} for {batch} slots",
            "ActionChunk(actions, skipped=…): per slot true or false",
        )
    return tuple(skipped)


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
