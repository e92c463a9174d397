"""Arrays from the bytes of another process."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


class WireError(ValueError):
    """A message is not what the protocol says."""


def array_from(data: Any, dtype: Any, shape: Any) -> NDArray[Any]:
    """Return the array that three fields of a message describe.

    Args:
        data: Its bytes.
        dtype: Numpy's text for its element type: booleans, integers or floats.
        shape: Its lengths.

    Returns:
        A read-only view of the bytes.

    Raises:
        WireError: The fields contradict each other, or the elements are not numbers.
    """
    kind = number_type(dtype)
    if not isinstance(data, (bytes, bytearray)):
        raise WireError(f"an array's data are {type(data).__name__}, expected bytes")
    lengths = _lengths(shape)
    expected = math.prod(lengths) * kind.itemsize  # Python's integers do not overflow
    if expected != len(data):
        raise WireError(f"an array of shape {lengths} and {kind} has {len(data)} bytes")
    return np.frombuffer(data, kind).reshape(lengths)


def number_type(dtype: Any) -> np.dtype[Any]:
    """Return the element type of a text like ``"<f4"``.

    Raises:
        WireError: It is not an array, or not one of numbers (objects would be pickles).
    """
    if not isinstance(dtype, str) or len(dtype) > 16:
        raise WireError(f"an array's dtype is {str(dtype)[:40]!r}, expected a short text")
    try:
        kind = np.dtype(dtype)
    except (TypeError, ValueError, SyntaxError) as error:
        raise WireError(f"unknown dtype {dtype!r}") from error
    if kind.kind not in "biuf" or kind.hasobject or kind.shape:
        raise WireError(f"dtype {dtype!r} is refused: only booleans, integers and floats")
    return kind


def _lengths(shape: Any) -> tuple[int, ...]:
    if not isinstance(shape, Sequence) or isinstance(shape, (str, bytes)) or len(shape) > 32:
        raise WireError(f"an array's shape is {str(shape)[:40]!r}, expected a list of lengths")
    for length in shape:
        if type(length) is not int or length < 0:
            raise WireError(f"an array's shape has {str(length)[:40]!r}, expected a length")
    return tuple(shape)
