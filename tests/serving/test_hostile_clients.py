"""What clients may send: one line for each, no traceback, nothing held for ever."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import msgpack
import numpy as np
import pytest
from served import policy_server
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from gridseval.errors import UsageError
from gridseval.policies import ActionChunk, LoadedPolicy
from gridseval.serving import ServeSettings
from gridseval.wire import openpi, vla_eval
from gridseval.wire.vla_eval import Message


class Still:
    """Looks at the state and stands still."""

    observation_keys: tuple[str, ...] = ("state",)

    def reset(self, slots: Sequence[int], episodes: Sequence[Any]) -> None:
        """Forget nothing."""

    def act(self, observations: Any) -> ActionChunk:
        return ActionChunk(np.zeros((len(observations["slots"]), 4, 7), np.float32))


def served(*keys: str) -> LoadedPolicy:
    policy = Still()
    policy.observation_keys = keys or Still.observation_keys
    return LoadedPolicy(policy, "still", policy.observation_keys, 4, {})


def deep(levels: int) -> Any:
    made: Any = 1.0
    for _ in range(levels):
        made = [made]
    return made


def request(**changed: Any) -> bytes:
    fields = {openpi.STATE: np.zeros(8), openpi.PROMPT: "x"}
    return openpi.pack({**fields, **{k.replace("__", "/"): v for k, v in changed.items()}})


OWN = {"suite": "libero_goal", "task": 0, "trial": 0, "step": 0}
WRONG: dict[str, tuple[str, bytes]] = {
    "a ragged state": ("state", request(observation__state=[[1.0], [1.0, 2.0]] * 4)),
    "a deep state": ("state", request(observation__state=deep(64))),
    "a very deep state": ("state", msgpack.packb({openpi.PROMPT: "x", openpi.STATE: deep(400)})),
    "a state of maps": ("state", request(observation__state=[{"a": 1}] * 8)),
    "a state of texts": ("state", request(observation__state=["1"] * 8)),
    "a state of huge numbers": ("state", request(observation__state=[2**64 - 1, *[0.0] * 6, "a"])),
    "a map as a state": ("state", request(observation__state={"a": 1})),
    "an own part that is deep": ("state", request(gridseval=deep(300))),
    "numbers that are too large": ("state", request(gridseval=OWN | {"task": -1, "step": "x"})),
    "goals that are no tuples": (
        "privileged",
        request(gridseval=OWN | {"privileged": {"goal": [1, 2]}}),
    ),
    "goals that are deep": (
        "privileged",
        request(gridseval=OWN | {"privileged": {"goal": 3, "x": deep(200)}}),
    ),
    "texts of any length": ("state", request(gridseval=OWN | {"suite": "x" * 10**6, "y": 1})),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_request_that_cannot_be_read_is_one_line(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    key, data = WRONG[name]
    log: list[str] = []
    with policy_server(served(key), log) as address, connect(address) as client:
        client.recv(timeout=30)
        client.send(data)
        answer = client.recv(timeout=30)
        assert isinstance(answer, str)
        with pytest.raises(ConnectionClosed):
            client.recv(timeout=30)
    assert len(answer) <= 600
    assert "\n" not in answer
    assert [record.exc_info for record in caplog.records if record.exc_info] == []
    assert max(map(len, log)) <= 700
    assert len(log) == 2


def vla(kind: str, payload: Any) -> bytes:
    return vla_eval.pack(Message(kind, payload, 1))


@pytest.mark.parametrize("state", [[[1.0], [1.0, 2.0]], deep(64), {"a": 1}, ["1"] * 8], ids=repr)
def test_an_observation_of_vla_evals_that_cannot_be_read_is_an_error(state: Any) -> None:
    log: list[str] = []
    with policy_server(served(), log) as address, connect(f"{address}/vla-eval") as client:
        client.send(vla(vla_eval.HELLO, {"protocol_version": 1}))
        client.recv(timeout=30)
        for _ in range(50):
            client.send(vla(vla_eval.OBSERVATION, {"task_description": "x", "states": state}))
            answer = vla_eval.unpack(client.recv(timeout=30))  # type: ignore[arg-type]
            assert answer.type == vla_eval.ERROR
    assert len(log) < 10
    assert "50 requests" in log[-1]


@contextlib.contextmanager
def raw(address: str) -> Any:
    """Open a connection by hand: what the library would not send can be sent."""
    place = urlsplit(address)
    with socket.create_connection((place.hostname, place.port), timeout=30) as line:
        line.sendall(
            f"GET / HTTP/1.1\r\nHost: {place.netloc}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Version: 13\r\nX-Gridseval-Client: openpi\r\n\r\n".encode()
        )
        said = b""
        while b"\r\n\r\n" not in said:
            said += line.recv(4096)
        yield line


MASK = bytes(4)
STALLED: dict[str, bytes] = {
    "a beginning of a large frame": b"\x82\xff" + (10**6).to_bytes(8, "big") + MASK + b"x" * 10**5,
    "a beginning of a length": b"\x82\xff\0",
    "a first fragment": b"\x02\x81" + MASK + b"x",
    "a first fragment and a ping": b"\x02\x81" + MASK + b"x" + b"\x89\x80" + MASK,
}


def closed_within(line: socket.socket, seconds: float) -> bool:
    """Return whether the other side closes in time; what it sends until then is thrown away."""
    line.settimeout(seconds)
    until = time.monotonic() + seconds
    try:
        while line.recv(65536) and time.monotonic() < until:
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return time.monotonic() < until


@pytest.mark.parametrize("name", STALLED)
def test_a_frame_that_stalls_is_given_up(name: str) -> None:
    log: list[str] = []
    with policy_server(served(), log, frame_s=1.0) as address, raw(address) as line:
        line.sendall(STALLED[name])
        assert closed_within(line, 20)
    assert "not whole within 1 s" in log[-1]


def test_a_frame_that_drips_is_given_up() -> None:
    log: list[str] = []
    with policy_server(served(), log, frame_s=1.0) as address, raw(address) as line:
        line.sendall(STALLED["a beginning of a large frame"])
        with pytest.raises(OSError):
            for _ in range(200):
                line.sendall(b"x")
                time.sleep(0.1)
    assert "not whole within 1 s" in log[-1]


def test_a_client_may_think_as_long_as_it_likes() -> None:
    with policy_server(served(), frame_s=0.5) as address, connect(address) as client:
        client.recv(timeout=30)
        for _ in range(2):
            time.sleep(1.5)
            client.send(request())
            assert isinstance(client.recv(timeout=30), bytes)


def test_a_request_that_is_too_large_is_refused() -> None:
    log: list[str] = []
    with policy_server(served(), log) as address, raw(address) as line:
        line.sendall(b"\x82\xff" + (10**9).to_bytes(8, "big") + MASK)
        assert closed_within(line, 20)


@pytest.mark.parametrize("leaves", [True, False])
def test_a_flood_of_pings_fills_no_log(
    leaves: bool, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    log: list[str] = []
    with policy_server(served(), log) as address:
        with raw(address) as line:
            with contextlib.suppress(OSError):
                line.settimeout(5)
                for _ in range(20):
                    line.sendall((b"\x89\x80" + MASK) * 5000)
            if leaves:
                reset = bytes((1, 0, 0, 0, 0, 0, 0, 0))  # closing now is a reset
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        with connect(address) as client:
            client.recv(timeout=60)
            client.send(request())
            assert isinstance(client.recv(timeout=60), bytes)
    assert len(log) <= 4
    assert len(caplog.records) <= 1
    assert capfd.readouterr().err.count("\n") <= 1


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_the_time_for_a_frame_is_checked(seconds: float) -> None:
    with pytest.raises(UsageError, match="frame"):
        ServeSettings(frame_s=seconds)
