"""openpi's packing: msgpack with arrays as maps of bytes keys (openpi-client 0.1, msgpack_numpy).

A connection begins with one frame from the server, its metadata; then every request, a map, gets
one reply, a map. A text frame is an error, after which the server closes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgpack
import numpy as np

from gridseval.wire.arrays import WireError, array_from, number_type

IMAGE, WRIST_IMAGE, STATE, PROMPT = (
    "observation/image",
    "observation/wrist_image",
    "observation/state",
    "prompt",
)
"""Keys of a LIBERO request: two uint8 images (h, w, 3), the state (8,), and the instruction."""


def pack(message: Mapping[str, Any]) -> bytes:
    """Return a message's bytes; numpy arrays and numbers may be anywhere in it.

    Raises:
        WireError: It holds something that msgpack or this dialect has no form for.
    """
    try:
        packed: bytes = msgpack.packb(message, default=_pack_array)
    except (TypeError, ValueError, OverflowError) as error:
        raise WireError(f"cannot pack the message: {error}") from error
    return packed


def unpack(data: bytes | bytearray | str) -> dict[str, Any]:
    """Return the message that some bytes are.

    Raises:
        WireError: They are not msgpack or not a map, or an array holds something else than numbers.
    """
    if isinstance(data, str):
        raise WireError("got text, expected msgpack")
    try:
        message = msgpack.unpackb(data, object_hook=_unpack_array, strict_map_key=False)
    except WireError:
        raise
    except Exception as error:  # msgpack raises a dozen kinds, and RecursionError
        raise WireError(f"not msgpack: {type(error).__name__}: {error}") from error
    if not isinstance(message, dict):
        raise WireError(f"got {type(message).__name__}, expected a map")
    return message


def _pack_array(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind not in "biuf":
        raise WireError(f"dtype {value.dtype} cannot be sent")
    if isinstance(value, np.ndarray):
        return {
            b"__ndarray__": True,
            b"data": value.tobytes(),
            b"dtype": value.dtype.str,
            b"shape": value.shape,
        }
    if isinstance(value, np.generic):
        return {b"__npgeneric__": True, b"data": value.item(), b"dtype": value.dtype.str}
    raise WireError(f"{type(value).__name__} cannot be sent")


def _unpack_array(value: dict[Any, Any]) -> Any:
    if b"__ndarray__" in value:
        return array_from(value.get(b"data"), value.get(b"dtype"), value.get(b"shape"))
    if b"__npgeneric__" in value:
        number = value.get(b"data")
        if not isinstance(number, (bool, int, float)):
            raise WireError(f"a number's data are {type(number).__name__}")
        return number_type(value.get(b"dtype")).type(number)
    return value
