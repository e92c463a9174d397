"""Hostile frames both ways over the wire: they cost an attempt or an answer, never a process."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Any

import msgpack
import numpy as np
from outcome import Ordeal
from served import EPISODES, observe, policy_server, scripted_server
from tqdm import trange
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection

from gridseval.errors import GridsevalError
from gridseval.policies import ActionChunk, LoadedPolicy, load_policy
from gridseval.tokens import ImageMapping
from gridseval.wire import openpi
from gridseval.wire.own import ServedPolicy

_LIMIT_S = 60.0
_ODD = [
    *(None, True, -1, 0, 2**63, 2**64 - 1, 1e308, float("nan"), float("inf"), "", "x" * 10_000),
    *(b"", b"\0" * 100, [], {}, [[]], {"a": {}}, [1, "a", None], np.zeros(0), np.zeros((3, 0))),
    *(np.float32(1), np.array(4), np.full(8, np.nan), np.zeros((2, 2, 2)), np.zeros(7, np.bool_)),
]


class _Still:
    """Looks at the state and stands still."""

    observation_keys: tuple[str, ...] = ("state",)

    def reset(self, slots: Sequence[int], episodes: Sequence[Any]) -> None:
        """Forget nothing."""

    def act(self, observations: Any) -> ActionChunk:
        """Return still actions."""
        return ActionChunk(np.zeros((len(observations["slots"]), 4, 7), np.float32))


def spoilt(good: dict[str, Any], rng: random.Random) -> bytes:
    """Return a frame that is nearly a good one."""
    made = dict(good)
    kind = rng.randrange(4)
    if kind == 0:
        made[rng.choice([*made, "traces", "error", "flops", "x"])] = rng.choice(_ODD)
    elif kind == 1:
        del made[rng.choice(list(made))]
    data = bytearray(openpi.pack(made))
    if kind == 2:
        for _ in range(rng.choice((1, 4, 64))):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind == 3:
        at = rng.randrange(len(data))
        data = rng.choice((data[:at], data + data[:at], bytearray(rng.randbytes(at))))
    return bytes(data) or msgpack.packb(None)


def torture_client(count: int, first: int = 0) -> Ordeal:
    """Answer our client with spoilt frames."""
    ordeal = Ordeal("hostile frames of servers")
    good = {
        "actions": np.zeros((4, 7), np.float32),
        "traces": {"agentview": {"grid": [2, 2], "kept": np.ones(4, np.bool_)}},
        "flops": 1.0,
    }
    metadata = ServedPolicy("nano", ("state",), 4, ImageMapping(), flops=True).to_metadata()
    for number in trange(first, first + count, desc=ordeal.name):
        rng = random.Random(number)
        served = spoilt(metadata, rng) if number % 5 == 0 else openpi.pack(metadata)
        answer = spoilt(good, rng)

        def talk(connection: ServerConnection, served: bytes = served, by: bytes = answer) -> None:
            connection.send(served)
            for _ in connection:
                connection.send(by)

        ordeal.tried += 1
        fault = _asked(talk)
        if fault:
            ordeal.found.append(f"server {number}: {fault}")
    return ordeal


def _asked(talk: Any) -> str | None:
    """Ask a server once; return what was wrong with how that ended."""
    began_s = time.monotonic()
    with scripted_server(talk) as address:
        try:
            client = load_policy("openpi", address, {"timeout_s": "10"}, 7).policy
            client.reset([0], EPISODES[:1])
            chunk = client.act(observe([0]))
        except GridsevalError as error:
            return None if len(str(error)) < 2000 else f"an error of {len(str(error))} characters"
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    if time.monotonic() - began_s > _LIMIT_S:
        return "took longer than a minute"
    if not chunk.failures and not np.isfinite(chunk.actions).all():
        return "took actions that are not finite"
    return None


def torture_server(count: int, first: int = 0) -> Ordeal:
    """Send our server spoilt frames; then it must serve a good client."""
    ordeal = Ordeal("hostile frames of clients")
    good = {openpi.STATE: np.zeros(8), openpi.PROMPT: "x"}
    loaded = LoadedPolicy(_Still(), "still", ("state",), 4, {})
    log: list[str] = []
    with policy_server(loaded, log) as address:
        for number in trange(first, first + count, desc=ordeal.name):
            rng = random.Random(number)
            ordeal.tried += 1
            try:
                with connect(address, open_timeout=_LIMIT_S) as client:
                    client.recv(timeout=_LIMIT_S)
                    client.send(spoilt(good, rng))
                    client.recv(timeout=_LIMIT_S)
            except (ConnectionClosed, InvalidHandshake):
                pass  # it hung up: that is an answer
            except TimeoutError:
                ordeal.found.append(f"client {number}: no answer within a minute")
        with connect(address) as client:
            client.recv(timeout=_LIMIT_S)
            client.send(openpi.pack(good))
            answer = client.recv(timeout=_LIMIT_S)
            if not isinstance(answer, bytes):
                ordeal.found.append(f"a good client is not served any more: {answer[:200]}")
    if any("Traceback" in line for line in log):
        ordeal.found.append("a traceback in the log")
    return ordeal
