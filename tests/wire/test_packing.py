"""Both dialects, against the packages that defined them, and against whoever sends rubbish."""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Callable
from types import ModuleType
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gridseval.wire import openpi, vla_eval
from gridseval.wire.arrays import WireError
from gridseval.wire.vla_eval import Message

DTYPES = ("bool", "uint8", "int32", "int64", "float16", "float32", "float64")
arrays = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0))
)
messages = st.dictionaries(
    st.text(max_size=10),
    st.recursive(
        arrays | st.text(max_size=20) | st.integers(-(2**40), 2**40) | st.booleans() | st.none(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=5,
    ),
    max_size=5,
)


def same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        equal = isinstance(b, np.ndarray) and a.dtype == b.dtype and a.shape == b.shape
        return equal and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


@settings(max_examples=60, deadline=None)
@given(messages)
def test_openpi_messages_come_back(message: dict[str, Any]) -> None:
    assert same(message, openpi.unpack(openpi.pack(message)))


def test_openpi_is_the_packages_own_dialect(openpi_packing: ModuleType) -> None:
    message = {
        "observation/image": np.arange(12, dtype=np.uint8).reshape(2, 2, 3),
        "observation/state": np.linspace(0, 1, 8),
        "prompt": "put the bowl on the plate",
        "number": np.float32(0.5),
        "nested": {"list": [1, None, True]},
    }
    assert openpi.pack(message) == openpi_packing.packb(message)
    back = openpi.unpack(openpi_packing.packb(message))
    assert same({**message, "number": back["number"]}, back)
    assert back["number"] == np.float32(0.5)
    assert back["number"].dtype == np.float32
    assert same(openpi_packing.unpackb(openpi.pack(message)), back)


def test_vla_eval_is_the_packages_own_dialect() -> None:
    from vla_eval.protocol.messages import Message as Theirs
    from vla_eval.protocol.messages import MessageType, pack_message, unpack_message

    payload = {
        "images": {"agentview": np.random.default_rng(0).integers(0, 255, (8, 9, 3), np.uint8)},
        "states": np.arange(8, dtype=np.float32),
        "task_description": "x",
    }
    theirs = unpack_message(vla_eval.pack(Message(vla_eval.OBSERVATION, payload, 5)))
    assert theirs.type == MessageType.OBSERVATION
    assert theirs.seq == 5
    assert same(payload, theirs.payload)
    # Theirs sends images as PNG.
    ours = vla_eval.unpack(pack_message(Theirs(MessageType.ACTION, payload, seq=6)))
    assert (ours.type, ours.seq) == (vla_eval.ACTION, 6)
    assert same(payload, dict(ours.payload))


class Bomb:
    def __reduce__(self) -> Any:
        return (pytest.fail, ("a pickle ran",))


def array(**fields: Any) -> bytes:
    return msgpack.packb({"a": {k.encode(): v for k, v in fields.items()}})


WRONG: dict[str, bytes] = {
    "nothing": b"",
    "rubbish": b"\xc1\xff",
    "truncated": openpi.pack({"a": np.zeros(100)})[:-7],
    "a list": msgpack.packb([1, 2]),
    "objects": array(__ndarray__=True, data=pickle.dumps(Bomb()), dtype="|O", shape=[1]),
    "records": array(__ndarray__=True, data=b"12345678", dtype="f4,f4", shape=[1]),
    "subarrays": array(__ndarray__=True, data=b"12345678", dtype="(2,)f4", shape=[1]),
    "complex": array(__ndarray__=True, data=b"12345678", dtype="<c8", shape=[1]),
    "wrong size": array(__ndarray__=True, data=b"1234", dtype="<f4", shape=[2]),
    "negative": array(__ndarray__=True, data=b"", dtype="<f4", shape=[-1, 0]),
    "huge": array(__ndarray__=True, data=b"", dtype="<f4", shape=[2**62, 2**62]),
    "no shape": array(__ndarray__=True, data=b"1234", dtype="<f4"),
    "no dtype": array(__ndarray__=True, data=b"1234", dtype=None, shape=[1]),
    "text for a number": array(__npgeneric__=True, data="x" * 9, dtype="<f4"),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("unpack", [openpi.unpack, vla_eval.unpack])
def test_rubbish_is_refused(name: str, unpack: Callable[[bytes], Any]) -> None:
    with pytest.raises(WireError):
        unpack(WRONG[name])


def test_text_is_refused() -> None:
    for unpack in (openpi.unpack, vla_eval.unpack):
        with pytest.raises(WireError, match="text"):
            unpack("Traceback")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 10_000), st.integers(0, 255))
def test_damaged_messages_give_one_kind_of_error(noise: bytes, place: int, value: int) -> None:
    good = bytearray(openpi.pack({"a": np.zeros((2, 3), np.float32), "b": [1, {"c": "d"}]}))
    good[place % len(good)] = value
    for data in (noise, bytes(good)):
        for unpack in (openpi.unpack, vla_eval.unpack):
            with contextlib.suppress(WireError):
                unpack(data)


def test_what_cannot_be_sent_is_named() -> None:
    for thing in (object(), np.array([object()]), np.zeros(2, complex)):
        with pytest.raises(WireError, match="cannot be sent"):
            openpi.pack({"a": thing})
        with pytest.raises(WireError, match="cannot be sent"):
            vla_eval.pack(Message(vla_eval.ACTION, {"a": thing}, 1))


def test_an_image_bomb_is_refused() -> None:
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.new("L", (5000, 5000)).save(buffer, "PNG")
    fields = {"__image__": True, "format": "png", "data": buffer.getvalue()}
    packed = msgpack.packb({"type": "action", "payload": {"a": fields}, "seq": 1})
    with pytest.raises(WireError, match="5000 x 5000"):
        vla_eval.unpack(packed)
