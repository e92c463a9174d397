"""vla-eval's packing: typed messages with sequence numbers (vla-eval 0.8, protocol version 1).

The client says HELLO and the server answers with what it wants; EPISODE_START and EPISODE_END get
no answer, an OBSERVATION gets an ACTION or an ERROR of the same sequence number.
"""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgpack
import numpy as np
from PIL import Image

from gridseval.wire.arrays import WireError, array_from

PROTOCOL_VERSION = 1
HELLO, OBSERVATION, ACTION, ERROR = "hello", "observation", "action", "error"
EPISODE_START, EPISODE_END = "episode_start", "episode_end"

_TYPES = (HELLO, OBSERVATION, ACTION, ERROR, EPISODE_START, EPISODE_END)
_MOST_PIXELS = 4096 * 4096


@dataclass(frozen=True)
class Message:
    """One message.

    Attributes:
        type: One of this module's six types.
        payload: What it says.
        seq: The sender's number; an answer repeats the question's.
    """

    type: str
    payload: Mapping[str, Any]
    seq: int


def suite_name(suite: str) -> str:
    """Return what vla-eval calls a suite; LIBERO-Plus's have LIBERO's names there."""
    return suite.replace("libero_plus_", "libero_")


def pack(message: Message) -> bytes:
    """Return a message's bytes; images go as they are, without PNG's 12 ms.

    Raises:
        WireError: The payload holds something that cannot be sent.
    """
    fields = {
        "type": message.type,
        "payload": message.payload,
        "seq": message.seq,
        "timestamp": time.time(),
    }
    try:
        packed: bytes = msgpack.packb(fields, default=_pack_array)
    except (TypeError, ValueError, OverflowError) as error:
        raise WireError(f"cannot pack the message: {error}") from error
    return packed


def unpack(data: bytes | bytearray | str) -> Message:
    """Return the message that some bytes are.

    Raises:
        WireError: They are not a message of this protocol.
    """
    if isinstance(data, str):
        raise WireError("got text, expected msgpack")
    try:
        fields = msgpack.unpackb(data, object_hook=_unpack_array)
    except WireError:
        raise
    except Exception as error:  # msgpack raises a dozen kinds, and RecursionError
        raise WireError(f"not msgpack: {type(error).__name__}: {error}") from error
    if not isinstance(fields, dict) or fields.get("type") not in _TYPES:
        raise WireError("not a message of vla-eval's protocol")
    payload, seq = fields.get("payload"), fields.get("seq")
    if not isinstance(payload, dict) or type(seq) is not int:
        raise WireError(f"a message of type {fields['type']} lacks payload or seq")
    return Message(fields["type"], payload, seq)


def _pack_array(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return {
            "__ndarray__": True,
            "data": value.tobytes(),
            "dtype": value.dtype.str,
            "shape": list(value.shape),
        }
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        return value.item()
    raise WireError(f"{type(value).__name__} cannot be sent")


def _unpack_array(value: dict[Any, Any]) -> Any:
    if "__image__" in value and value.get("format") != "raw":
        return _decoded(value.get("data"))
    if "__image__" in value or "__ndarray__" in value:
        return array_from(value.get("data"), value.get("dtype"), value.get("shape"))
    return value


def _decoded(data: Any) -> np.ndarray[Any, Any]:
    """Return a PNG or JPEG; its size is looked at before its pixels are unpacked."""
    if not isinstance(data, bytes):
        raise WireError("an image has no bytes")
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as image:
            if image.width * image.height > _MOST_PIXELS:
                raise WireError(f"an image of {image.width} x {image.height} pixels is refused")
            return np.asarray(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise WireError(f"an image cannot be read: {error}") from error
