"""What servers may send: it costs one episode's attempt, in few words, within bounds."""

from __future__ import annotations

import resource
from collections.abc import Callable
from typing import Any

import msgpack
import numpy as np
import pytest
from served import EPISODES, observe, scripted_server
from websockets.sync.server import ServerConnection

from gridseval.errors import PolicyError
from gridseval.policies import load_policy
from gridseval.tokens import ImageMapping
from gridseval.wire import openpi, vla_eval
from gridseval.wire.own import ServedPolicy
from gridseval.wire.vla_eval import Message

GOOD = {"actions": np.zeros((4, 7), np.float32)}
KEPT = np.ones(4, np.bool_)


def deep(levels: int) -> Any:
    made: Any = 1
    for _ in range(levels):
        made = [made]
    return made


def nested(levels: int) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for _ in range(levels):
        made = {"a": made}
    return made


def trace(**fields: Any) -> dict[str, Any]:
    return {"traces": {"agentview": {"grid": [2, 2], **fields}}}


TRACES: dict[str, dict[str, Any]] = {
    "no camera": {"traces": {}},
    "a list of cameras": {"traces": []},
    "a number": {"traces": np.float32(3)},
    "a grid of no dimension": trace(grid=np.array(4), kept=KEPT),
    "a grid of two dimensions": trace(grid=np.ones((2, 2), np.int64), kept=KEPT),
    "a grid of texts": trace(grid=["2", 2, 2], kept=KEPT),
    "a grid of truths": trace(grid=np.array([True, True]), kept=KEPT[:1]),
    "an empty grid": trace(grid=[], kept=KEPT),
    "a huge grid": trace(grid=[2**40, 2], kept=KEPT),
    "a negative grid": trace(grid=[-2, -2], kept=KEPT),
    "kept of no dimension": trace(kept=np.array(True)),
    "kept is a number": trace(kept=np.int64(1)),
    "kept is a map": trace(kept={"a": 1}),
    "kept is a text": trace(kept="1111"),
    "kept of unequal lengths": trace(kept=[[1], [1, 2]]),
    "kept too deep": trace(kept=deep(60)),
    "kept too large": trace(kept=[2**63]),
    "three coordinates": trace(coordinates=np.zeros((1, 3), np.float32)),
    "coordinates of no dimension": trace(coordinates=np.float32(0.5)),
    "coordinates of three dimensions": trace(coordinates=np.zeros((1, 2, 2), np.float32)),
    "coordinates of unequal lengths": trace(coordinates=[[0.5, 0.5], [0.5]]),
    "texts for coordinates": trace(coordinates=["a", "b"]),
    "nan": trace(points=np.full((1, 2), np.nan)),
    "beyond float32": trace(points=np.full((1, 2), 1e300)),
    "three points": trace(points=np.zeros((2, 3))),
    "an array for sampling": trace(coordinates=[[0.5, 0.5]], sampling=np.zeros(2)),
    "a list for sampling": trace(coordinates=[[0.5, 0.5]], sampling=[1]),
    "weights of another length": trace(kept=KEPT, weights=np.zeros((1, 3))),
    "a map for weights": trace(kept=KEPT, weights={"a": 1}),
}
ACTIONS: dict[str, Any] = {
    "a number": np.float32(1),
    "a text": "left",
    "a map": {"x": 1},
    "of unequal lengths": [[0.0] * 7, [0.0] * 6],
    "too deep": deep(60),
    "of texts": [["0"] * 7],
    "of integers beyond all types": [[2**64 - 1] * 7],
    "nothing": [],
}
REPLIES: dict[str, Any] = {
    **{f"traces: {name}": GOOD | change for name, change in TRACES.items()},
    **{f"actions: {name}": {"actions": value} for name, value in ACTIONS.items()},
    "300,000 keys": {f"key {number:06}": 0 for number in range(300_000)},
    "one long key": {"x" * 3_000_000: 0},
    "a long error": "Traceback\n" + "x" * 3_000_000,
    "control characters": "\x1b[2J\x1b]0;title\x07" * 1000,
    "a map as a cost": GOOD | trace(kept=KEPT) | {"flops": {"a": 1}},
    "nested 500 deep": nested(500),
    "not a map": msgpack.packb(deep(400)),
    "a grid's header only": msgpack.packb({"actions": {b"__ndarray__": True}}),
}
FINE = {"actions: of integers beyond all types"}


def answering(reply: Any, served: Any) -> Callable[[ServerConnection], None]:
    data = openpi.pack(reply) if isinstance(reply, dict) else reply

    def talk(connection: ServerConnection) -> None:
        connection.send(openpi.pack(served))
        for _ in connection:
            connection.send(data)

    return talk


SERVED = ServedPolicy("nano", ("state",), 4, ImageMapping(), flops=True).to_metadata()


@pytest.mark.parametrize("served", [SERVED, {}], ids=["ours", "openpi"])
@pytest.mark.parametrize("name", REPLIES)
def test_a_reply_that_cannot_be_read_costs_an_attempt(name: str, served: Any) -> None:
    if name.endswith("cost") and not served:
        return  # other servers tell no cost
    with scripted_server(answering(REPLIES[name], served)) as address:
        client = load_policy("openpi", address, {"timeout_s": "60"}, 7).policy
        client.reset([0], EPISODES[:1])
        chunk = client.act(observe([0]))
    if name in FINE:
        assert not chunk.failures
        return
    (said,) = chunk.failures.values()
    assert 10 < len(said) <= 600
    assert said.isprintable()


@pytest.mark.parametrize("change", TRACES.values(), ids=TRACES)
def test_an_action_of_vla_eval_that_cannot_be_read_costs_an_attempt(change: Any) -> None:
    hello = {"protocol_version": 1, "harness_version": "x"}

    def talk(connection: ServerConnection) -> None:
        for frame in connection:
            asked = vla_eval.unpack(frame)
            if asked.type == vla_eval.HELLO:
                connection.send(vla_eval.pack(Message(vla_eval.HELLO, hello, asked.seq)))
            if asked.type == vla_eval.OBSERVATION:
                payload = GOOD | change
                connection.send(vla_eval.pack(Message(vla_eval.ACTION, payload, asked.seq)))

    with scripted_server(talk) as address:
        client = load_policy("vla-eval", address, {"timeout_s": "60"}, 7).policy
        client.reset([0], EPISODES[:1])
        assert len(client.act(observe([0])).failures) == 1


@pytest.mark.parametrize("size", [40 * 2**20, 200 * 2**20], ids=["40 MB", "200 MB"])
@pytest.mark.parametrize("fragments", [1, 64])
def test_a_frame_beyond_all_bounds_is_not_taken(size: int, fragments: int) -> None:
    def talk(connection: ServerConnection) -> None:
        connection.send(openpi.pack({}))
        for _ in connection:
            part = bytes(size // fragments)
            connection.send([part] * fragments if fragments > 1 else part)

    with scripted_server(talk) as address:
        client = load_policy("openpi", address, {"timeout_s": "60"}, 7).policy
        client.reset([0], EPISODES[:1])
        (said,) = client.act(observe([0])).failures.values()
    assert "MB" in said


def test_frames_without_end_do_not_fill_the_memory() -> None:
    def talk(connection: ServerConnection) -> None:
        connection.send(openpi.pack({}))
        for _ in connection:
            for _ in range(100):
                connection.send(bytes(24 * 2**20))

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with scripted_server(talk) as address:
        client = load_policy("openpi", address, {"timeout_s": "60"}, 7).policy
        client.reset([0], EPISODES[:1])
        assert client.act(observe([0])).failures
        del client
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown_mb < 600


@pytest.mark.parametrize(
    "metadata",
    [
        nested(400),
        {"a" * 2_000_000: 1, "b": "c" * 2_000_000},
        {f"{a}": {f"{b}": {f"{c}": 1 for c in range(90)} for b in range(90)} for a in range(20)},
        {"gridseval": nested(300)},
        {"gridseval": SERVED["gridseval"] | {"description": nested(300)}},
        {"gridseval": SERVED["gridseval"] | {"mapping": np.zeros(3)}},
        {"gridseval": SERVED["gridseval"] | {"needs": deep(300)}},
        {"x": deep(400)},
    ],
    ids=["deep", "long", "wide", "ours, deep", "deep description", "array", "needs", "lists"],
)
def test_what_a_server_says_of_itself_stays_small(metadata: dict[str, Any]) -> None:
    with scripted_server(answering(GOOD, metadata)) as address:
        try:
            details = load_policy("openpi", address, {}, 7).description
        except PolicyError as error:
            assert len(str(error)) < 1000
        else:
            assert len(repr(details)) < 100_000
