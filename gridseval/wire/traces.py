"""Token traces inside a server's reply.

``reply["traces"]`` maps a camera (``"agentview"``, ``"wrist"``) to a map with ``grid`` (rows,
columns) and one of

* ``kept``: bool (rows * columns,), or the indices of the kept tokens, integers;
* ``points``: float (K, 2), x and y in [0, 1] of the model's input image, edge to edge;
* ``coordinates``: float (K, 2), x and y in [0, 1] as GridS's scout MLP gives them, together with
  ``sampling``: ``"align_corners"`` (openpi, the default) or ``"half_pixel"`` (the LeRobot fork).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridseval.errors import PolicyError
from gridseval.tokens import CameraTrace, TokenTrace
from gridseval.tokens.token_trace import MOST_ROWS
from gridseval.wire.arrays import WireError


def trace_to_wire(trace: TokenTrace) -> dict[str, Any]:
    """Return a trace as a reply carries it."""
    sent: dict[str, Any] = {}
    for camera in trace.cameras:
        fields: dict[str, Any] = {"grid": list(camera.grid)}
        for name in ("kept", "points", "weights"):
            values = getattr(camera, name)
            if values is not None:
                fields[name] = values
        sent[camera.camera] = fields
    return sent


def trace_from_wire(sent: Any) -> TokenTrace | None:
    """Return the trace of a reply's ``traces``; ``None`` for a reply without.

    Raises:
        WireError: It is malformed.
    """
    if sent is None:
        return None
    if not isinstance(sent, Mapping):
        raise WireError(f"traces are {type(sent).__name__}, expected a map of cameras")
    if not sent:
        raise WireError("traces have no camera")
    try:
        return TokenTrace(tuple(_camera(name, fields) for name, fields in sent.items()))
    except PolicyError as error:
        raise WireError(error.message) from error


def _camera(name: Any, fields: Any) -> CameraTrace:
    if name not in ("agentview", "wrist") or not isinstance(fields, Mapping):
        raise WireError(f"traces have camera {str(name)[:40]!r}, expected agentview or wrist")
    grid = _grid(fields.get("grid"))
    if "kept" in fields:
        return CameraTrace(name, grid, kept=_kept(fields["kept"], grid), weights=_weights(fields))
    if "points" in fields:
        return CameraTrace(name, grid, points=_pairs(fields["points"]), weights=_weights(fields))
    if "coordinates" in fields:
        pairs = _pairs(fields["coordinates"])
        return CameraTrace(name, grid, points=_placed(pairs, grid, fields.get("sampling")))
    raise WireError(f"the trace of {name} has neither kept, points nor coordinates")


def _grid(value: Any) -> tuple[int, int]:
    if isinstance(value, np.ndarray):
        value = value.tolist()  # a number, where it has no dimension
    numbers = list(value) if isinstance(value, (list, tuple)) else []
    if len(numbers) != 2 or not all(type(n) is int and 1 <= n <= MOST_ROWS for n in numbers):
        raise WireError(f"a trace's grid is {str(value)[:40]}, expected [rows, columns]")
    return numbers[0], numbers[1]


def _kept(value: Any, grid: tuple[int, int]) -> NDArray[np.bool_]:
    given = _array(value)
    if given.dtype == np.bool_:
        return given
    count = grid[0] * grid[1]
    if given.dtype.kind not in "iu" and given.size:
        raise WireError(f"kept tokens are {given.dtype}, expected booleans or indices")
    if given.ndim != 1:
        raise WireError(f"kept tokens have shape {given.shape}, expected one dimension")
    if given.size and not 0 <= given.min() <= given.max() < count:
        raise WireError(f"kept tokens must lie within 0 and {count - 1}")
    kept = np.zeros(count, np.bool_)
    kept[given.astype(np.intp)] = True
    return kept


def _pairs(value: Any) -> NDArray[np.float32]:
    pairs = _array(value)
    if pairs.dtype.kind not in "fiu":
        raise WireError(f"a trace's places are {pairs.dtype}, expected floats")
    with np.errstate(over="ignore"):  # what becomes infinite is refused
        return pairs.astype(np.float32)


def _array(value: Any) -> NDArray[Any]:
    try:
        return np.asarray(value)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:  # unequal lengths, …
        raise WireError(f"a trace holds no array: {error}") from error


def _weights(fields: Mapping[str, Any]) -> NDArray[np.float32] | None:
    return None if fields.get("weights") is None else _pairs(fields["weights"])


def _placed(pairs: NDArray[np.float32], grid: tuple[int, int], sampling: Any) -> NDArray[Any]:
    """Return where on the image GridS's coordinates sample."""
    named = sampling if isinstance(sampling, str) or sampling is None else type(sampling).__name__
    if named not in (None, "align_corners", "half_pixel"):
        raise WireError(f"unknown sampling {named[:40]!r}: align_corners or half_pixel")
    if sampling == "half_pixel" or pairs.shape[1:] != (2,):
        return pairs  # those of another shape are refused there
    size = np.array([grid[1], grid[0]], np.float32)
    return (pairs * (size - 1) + 0.5) / size
