"""A trace as plain JSON values, for files; :mod:`gridseval.wire.traces` has what servers send.

One object per camera: ``{"camera": "wrist", "grid": [16, 16], "kept": BITS}``, or ``"points":
FLOATS`` instead of ``kept``. BITS is base64 of one bit per token, row-major, most significant bit
first, padded with zeros to whole bytes; FLOATS is base64 of little-endian float32 pairs x, y.
"""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from gridseval.errors import PolicyError
from gridseval.tokens.token_trace import MOST_ROWS, CameraTrace, TokenTrace


def trace_to_json(trace: TokenTrace) -> list[dict[str, Any]]:
    """Return a trace as plain values, one object per camera; weights are left out."""
    return [_camera_to_json(camera) for camera in trace.cameras]


def trace_from_json(given: Any) -> TokenTrace:
    """Return the trace that :func:`trace_to_json` was given.

    Raises:
        PolicyError: It is not a trace; the message says why.
    """
    try:
        if not isinstance(given, list):
            raise ValueError(f"cameras is {type(given).__name__}, expected a list")
        return TokenTrace(tuple(map(_camera_from_json, given)))
    except KeyError as error:
        raise PolicyError(f"a trace has no {error}") from error
    except (ValueError, TypeError) as error:
        raise PolicyError(f"a trace cannot be read: {error}") from error


def _camera_to_json(trace: CameraTrace) -> dict[str, Any]:
    if trace.kept is not None:
        content = {"kept": _packed(np.packbits(trace.kept).tobytes())}
    else:
        assert trace.points is not None
        content = {"points": _packed(np.asarray(trace.points, "<f4").tobytes())}
    return {"camera": trace.camera, "grid": list(trace.grid), **content}


def _packed(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _camera_from_json(given: Any) -> CameraTrace:
    rows, columns = (whole_number(size, least=1) for size in pair_of(given["grid"]))
    if max(rows, columns) > MOST_ROWS:  # before memory is laid out for it
        raise ValueError(f"its grid has more than {MOST_ROWS} rows or columns")
    name = given["camera"]
    if not isinstance(name, str):
        raise ValueError(f"camera is {name!r}")
    if "points" in given:
        data = base64.b64decode(given["points"], validate=True)
        points = np.frombuffer(data, "<f4").reshape(-1, 2).astype(np.float32)
        return CameraTrace(name, (rows, columns), points=points)
    data = base64.b64decode(given["kept"], validate=True)
    if len(data) != -(-rows * columns // 8):
        raise ValueError(f"{len(data)} bytes of kept tokens for a grid of {rows} x {columns}")
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    if bits[rows * columns :].any():
        raise ValueError(f"more kept tokens than a grid of {rows} x {columns} has")
    return CameraTrace(name, (rows, columns), kept=bits[: rows * columns].astype(np.bool_))


def pair_of(values: Any) -> tuple[Any, Any]:
    """Return the two values of a list.

    Raises:
        ValueError: It is not a list of two.
    """
    if not isinstance(values, list) or len(values) != 2:
        raise ValueError(f"{values!r} is not a pair")
    return values[0], values[1]


def whole_number(value: Any, least: int = 0) -> int:
    """Return a whole number of at least ``least``.

    Raises:
        ValueError: It is not such a number.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{value!r} is not a whole number of at least {least}")
    return value
