"""What servers send, as actions that can be executed and values that can be recorded."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridseval.policies.protocol import ACTION_SIZE
from gridseval.policies.remote.line import LineError
from gridseval.wire import openpi
from gridseval.wire.arrays import WireError


def checked_actions(value: Any) -> NDArray[np.float32]:
    """Return a server's actions, one step or a chunk.

    Returns:
        float32 (H, 7), H ≥ 1, all finite.

    Raises:
        LineError: They have another shape or type, or a value is not finite.
    """
    try:
        actions = np.asarray(value)
    except (ValueError, TypeError, RecursionError) as error:  # lists of unequal lengths, …
        raise LineError(f"the server's actions are not an array: {error}") from error
    if actions.dtype.kind not in "fiu":
        raise LineError(f"the server sent actions of type {actions.dtype}, expected floats")
    if actions.ndim == 1:
        actions = actions[None]
    if actions.ndim != 2 or not len(actions) or actions.shape[1] != ACTION_SIZE:
        raise LineError(
            f"the server sent actions of shape {np.shape(value)}, expected (steps, {ACTION_SIZE}) "
            "with at least one step"
        )
    with np.errstate(over="ignore"):
        actions = actions.astype(np.float32)
    if not np.isfinite(actions).all():
        step, component = (int(place) for place in np.argwhere(~np.isfinite(actions))[0])
        raise LineError(f"the server sent {actions[step, component]} at step {step}")
    return actions


def plain(sent: Any) -> Any:
    """Return what a server says of itself as ``run.yaml`` can hold it; long things are cut off.

    What is too large even so, or nested too deeply, is a hash of it.
    """
    try:
        text = repr(made := _plain(sent, _DEEPEST))
    except _TooDeepError:
        text = ""
    if text and len(text) <= _MOST_TEXT:
        return made
    try:
        packed = openpi.pack({"said": sent})
    except WireError:  # nested too deeply for that, too
        packed = b""
    return {"too_large_sha256": hashlib.sha256(packed).hexdigest()}


def _plain(sent: Any, deeper: int) -> Any:
    if deeper == 0:
        raise _TooDeepError
    if isinstance(sent, Mapping):
        items = list(sent.items())[:_MOST_ITEMS]
        return {str(key)[:200]: _plain(value, deeper - 1) for key, value in items}
    if isinstance(sent, (np.ndarray, np.generic)):
        sent = sent.ravel()[:_MOST_ITEMS].tolist()
    if isinstance(sent, (list, tuple)):
        return [_plain(value, deeper - 1) for value in sent[:_MOST_ITEMS]]
    # A nan in a stored run would differ from itself when the run is resumed.
    known = sent is None or isinstance(sent, int) or (isinstance(sent, float) and isfinite(sent))
    return sent if known else str(sent)[:1000]


class _TooDeepError(Exception):
    """What a server says is nested too deeply."""


_MOST_ITEMS, _DEEPEST, _MOST_TEXT = 100, 20, 64_000
