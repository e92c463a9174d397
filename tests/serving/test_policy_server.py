"""``gridseval serve``: what clients get, openpi's own and ours."""

from __future__ import annotations

import contextlib
import gc
import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from openpi_package import openpi_folder as openpi_folder
from served import EPISODES, observe, policy_server, scripted_server
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from gridseval.data import data_dir
from gridseval.errors import MachineError, PolicyError, UsageError
from gridseval.policies import ActionChunk, EnvironmentNeeds, LoadedPolicy, load_policy
from gridseval.policies.cards import load_card
from gridseval.policies.skipping import SkippingPolicy
from gridseval.serving import PolicyServer, ServeSettings
from gridseval.tokens import CameraTrace, ImageMapping, TokenTrace
from gridseval.tokens.skipping import Actions, Skipping, SlotHistory
from gridseval.wire import openpi
from gridseval.wire.own import OWN, ServedPolicy


class Looking:
    """Acts on all that it sees, notes its batches, and may wait or fail."""

    observation_keys = ("agentview", "wrist", "state")

    def __init__(self, wait: threading.Event | None = None) -> None:
        self.batches: list[int] = []
        self.begun: list[tuple[int, Any]] = []
        self._wait = wait

    def reset(self, slots: Sequence[int], episodes: Sequence[Any]) -> None:
        self.begun += list(zip(slots, episodes, strict=True))

    def act(self, observations: Any) -> ActionChunk:
        count = len(observations["slots"])
        self.batches.append(count)
        if self._wait is not None:
            assert self._wait.wait(30)
        if "fail" in observations["instruction"]:
            raise RuntimeError("out of memory")
        seen = [observations[key].reshape(count, -1).mean(1) for key in self.observation_keys]
        actions = np.zeros((count, 4, 7), np.float32)
        actions[:, :, :3] = np.stack(seen, 1)[:, None] / 256
        actions[:, :, 3] = observations["steps"][:, None]
        kept = np.arange(256) % 3 == 0
        trace = TokenTrace((CameraTrace("agentview", (16, 16), kept=kept),))
        return ActionChunk(actions, (trace,) * count)


def loaded(policy: Any) -> LoadedPolicy:
    return LoadedPolicy(policy, "looking", policy.observation_keys, 4, {})


def test_our_client_gets_what_the_policy_says_here() -> None:
    with policy_server(loaded(Looking())) as address:
        client = load_policy(None, address, {}, 7)
        assert client.name == "openpi"
        assert client.observation_keys == Looking.observation_keys
        assert client.replan == 4
        for steps in (0, 4):
            client.policy.reset([0, 1, 2], EPISODES[:3]) if steps == 0 else None
            theirs = client.policy.act(observe([0, 1, 2], steps))
            ours = Looking().act(observe([0, 1, 2], steps))
            assert np.array_equal(theirs.actions, ours.actions)
            assert not theirs.failures
            assert theirs.traces is not None
            assert [trace.kept_count for trace in theirs.traces if trace] == [86, 86, 86]


def test_the_server_says_what_a_query_cost_and_what_is_served() -> None:
    costly = replace(
        loaded(Looking()), flops=lambda trace: 1e9 * trace.kept_count, description={"kind": "mine"}
    )
    with policy_server(costly) as address:
        client = load_policy("openpi", address, {}, 7)
        assert client.description["server"]["gridseval"]["description"] == {"kind": "mine"}
        client.policy.reset([0, 1], EPISODES[:2])
        traces = client.policy.act(observe([0, 1])).traces
    assert client.flops is not None
    assert traces is not None
    assert [client.flops(trace) for trace in traces if trace] == [86e9, 86e9]


class SecondAndThird(Skipping):
    """Skips two queries after each that the model answers."""

    def decide(self, history: SlotHistory) -> Actions | None:
        return history.chunk if history.skipped < 2 else None


def test_queries_without_the_model_are_told() -> None:
    inner = Looking()
    skipping = SkippingPolicy(inner, SecondAndThird(6))
    with policy_server(replace(loaded(inner), policy=skipping)) as address:
        client = load_policy("openpi", address, {}, 7).policy
        client.reset([0, 1], EPISODES[:2])
        told = [client.act(observe([0, 1], 4 * query)).skipped for query in range(4)]
    assert told == [(False, False), (True, True), (True, True), (False, False)]
    assert sum(inner.batches) == 4


def test_a_policy_that_always_asks_its_model_says_nothing_of_it() -> None:
    with policy_server(loaded(Looking())) as address:
        client = load_policy("openpi", address, {}, 7).policy
        client.reset([0], EPISODES[:1])
        assert client.act(observe([0])).skipped is None
        with connect(address, max_size=None) as plain:
            plain.recv()
            request = {openpi.PROMPT: "do", openpi.STATE: np.zeros(8, np.float32)}
            image = np.zeros((8, 8, 3), np.uint8)
            plain.send(openpi.pack(request | {openpi.IMAGE: image, openpi.WRIST_IMAGE: image}))
            assert "skipped" not in openpi.unpack(plain.recv())


def test_episodes_begin_where_the_client_says() -> None:
    policy = Looking()
    with policy_server(loaded(policy)) as address:
        client = load_policy("openpi", address, {}, 7).policy
        client.reset([0], EPISODES[:1])
        client.act(observe([0]))
        client.act(observe([0], 4))
        client.reset([0], EPISODES[1:2])
        client.act(observe([0]))
    assert [episode for _, episode in policy.begun] == EPISODES[:2]


def test_a_client_that_nobody_needs_any_more_leaves() -> None:
    log: list[str] = []
    with policy_server(loaded(Looking()), log) as address:
        client = load_policy("openpi", address, {}, 7)
        client.policy.reset([0, 1], EPISODES[:2])
        client.policy.act(observe([0, 1]))
        assert not any(" left after" in line for line in log)
        del client
        gc.collect()
        until = time.monotonic() + 60
        while sum(" left after" in line for line in log) < 2:
            assert time.monotonic() < until, log
            time.sleep(0.01)


def test_requests_that_come_together_are_one_batch() -> None:
    gate = threading.Event()
    policy = Looking(gate)
    with policy_server(loaded(policy), max_batch=3, max_wait_ms=10_000) as address:
        client = load_policy("openpi", address, {}, 7).policy
        slots = [0, 1, 2, 3]
        client.reset(slots, EPISODES)
        gate.set()
        chunk = client.act(observe(slots))
        assert not chunk.failures
        assert np.array_equal(chunk.actions, Looking().act(observe(slots)).actions)
        assert sum(policy.batches) == 4
        assert max(policy.batches) == 3


def test_an_episode_that_cannot_begin_costs_nobody_else_in_its_batch() -> None:
    class Choosy(Looking):
        def reset(self, slots: Sequence[int], episodes: Sequence[Any]) -> None:
            super().reset(slots, episodes)
            if EPISODES[1] in episodes:
                raise KeyError("no statistics of this suite")

    policy = Choosy()
    with policy_server(loaded(policy), max_wait_ms=1000) as address:
        client = load_policy("openpi", address, {}, 7).policy
        client.reset([0, 1, 2], EPISODES[:3])
        chunk = client.act(observe([0, 1, 2]))
    assert list(chunk.failures) == [1]
    assert "no statistics" in chunk.failures[1]
    assert sum(policy.batches) == 2


def test_a_lone_client_waits_for_nobody() -> None:
    with policy_server(loaded(Looking()), max_wait_ms=60_000) as address:
        client = load_policy("openpi", address, {"timeout_s": "30"}, 7).policy
        client.reset([0], EPISODES[:1])
        assert not client.act(observe([0])).failures


CLIENT = """
import json, sys
import numpy as np
from openpi_client.websocket_client_policy import WebsocketClientPolicy

policy = WebsocketClientPolicy(sys.argv[1])
rng = np.random.default_rng(0)
request = {
    "observation/image": rng.integers(0, 256, (224, 224, 3), np.uint8),
    "observation/wrist_image": rng.integers(0, 256, (224, 224, 3), np.uint8),
    "observation/state": rng.random(8),
    "prompt": "open the drawer",
}
replies = [policy.infer(request) for _ in range(2)]
print(json.dumps({
    "metadata": policy.get_server_metadata(),
    "shape": replies[0]["actions"].shape,
    "steps": [float(reply["actions"][0, 3]) for reply in replies],
    "mean": float(replies[0]["actions"][0, 0]),
    "expected": float(np.float32(request["observation/image"].mean() / 256)),
    "kept": int(replies[0]["traces"]["agentview"]["kept"].sum()),
    "timing": sorted(replies[0]["server_timing"]),
}))
"""


def test_openpis_own_client_is_served(openpi_folder: Path) -> None:
    log: list[str] = []
    with policy_server(loaded(Looking()), log) as address:
        done = subprocess.run(
            [sys.executable, "-c", CLIENT, address],
            env={"PYTHONPATH": str(openpi_folder)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["metadata"]["gridseval"]["policy"] == "looking"
    assert told["shape"] == [4, 7]
    assert told["mean"] == pytest.approx(told["expected"], abs=1e-5)
    assert told["steps"] == [0, 4]  # one episode: nobody said otherwise
    assert told["kept"] == 86
    assert "infer_ms" in told["timing"]
    assert len(log) == 2
    assert "client 0 connected from 127.0.0.1:" in log[0]
    assert "client 0 left" in log[1]
    assert "2 requests, 1 episodes" in log[1]


def good_request() -> dict[str, Any]:
    image = np.zeros((224, 224, 3), np.uint8)
    return {
        openpi.IMAGE: image,
        openpi.WRIST_IMAGE: image,
        openpi.STATE: np.zeros(8),
        openpi.PROMPT: "x",
    }


WRONG: dict[str, tuple[dict[str, Any] | bytes | str, str]] = {
    "text": ("hello", "text"),
    "rubbish": (b"\xc1", "not msgpack"),
    "no prompt": ({openpi.PROMPT: None}, "no text 'prompt'"),
    "no image": ({openpi.IMAGE: None}, "observation/image"),
    "a float image": ({openpi.IMAGE: np.zeros((8, 8, 3))}, "expected uint8"),
    "a flat image": ({openpi.IMAGE: np.zeros((8, 8), np.uint8)}, "shape"),
    "a large image": ({openpi.IMAGE: np.zeros((1, 5000, 3), np.uint8)}, "5000 x 1"),
    "six numbers": ({openpi.STATE: np.zeros(6)}, "8 finite numbers"),
    "nan": ({openpi.STATE: np.full(8, np.nan)}, "8 finite numbers"),
    "another version": ({"gridseval": {"protocol": 2}}, "gridseval"),
    "a failure of the policy": ({openpi.PROMPT: "fail"}, "RuntimeError: out of memory"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_request_is_answered_in_words_and_costs_nobody_else(name: str) -> None:
    change, said = WRONG[name]
    data: bytes | str = ""
    if isinstance(change, dict):
        kept = {key: value for key, value in (good_request() | change).items() if value is not None}
        data = openpi.pack(kept)
    else:
        data = change
    log: list[str] = []
    with policy_server(loaded(Looking()), log, max_wait_ms=0) as address:
        lines = contextlib.ExitStack()
        other = lines.enter_context(connect(address, compression=None, max_size=None))
        other.recv(timeout=30)
        with connect(address, compression=None) as wrong:
            wrong.recv(timeout=30)
            wrong.send(data)
            answer = wrong.recv(timeout=30)
            assert isinstance(answer, str)
            assert said in answer
            with pytest.raises(ConnectionClosed):
                wrong.recv(timeout=30)
        other.send(openpi.pack(good_request()))
        reply = other.recv(timeout=30)
        assert isinstance(reply, bytes)
        assert openpi.unpack(reply)["actions"].shape == (4, 7)
        lines.close()
    assert any("refused" in line for line in log)


def test_health_and_key() -> None:
    with policy_server(loaded(Looking()), api_key="secret") as address:
        with urllib.request.urlopen(address.replace("ws:", "http:") + "/healthz") as reply:
            assert reply.read().strip() == b"OK"
        for headers in ({}, {"Authorization": "Api-Key wrong"}):
            with (
                pytest.raises(InvalidStatus, match="401"),
                connect(address, additional_headers=headers),
            ):
                pytest.fail("let in")
        with connect(address, additional_headers={"Authorization": "Api-Key secret"}) as client:
            assert b"looking" in client.recv(timeout=30)  # type: ignore[operator]


def test_a_taken_port_is_named() -> None:
    import asyncio

    with policy_server(loaded(Looking())) as address:
        port = int(address.rpartition(":")[2])
        other = PolicyServer(loaded(Looking()), ServeSettings(port=port), print)
        with pytest.raises(MachineError, match=f"127.0.0.1:{port}"):
            asyncio.run(other.run(print))


@pytest.mark.parametrize(
    "wrong", [{"port": -1}, {"port": 70_000}, {"max_batch": 0}, {"max_wait_ms": float("nan")}]
)
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="--"):
        ServeSettings(**wrong)


def test_a_run_of_a_served_policy_has_the_environments_that_it_needs() -> None:
    needs = EnvironmentNeeds(protocol="openpi", env_seed=3, actions="absolute")
    with policy_server(replace(loaded(Looking()), needs=needs)) as address:
        client = load_policy(None, address, {}, 7)
    assert client.name == "openpi"
    assert client.needs == needs
    assert client.description["server"]["gridseval"]["needs"] == needs.told()


def told(metadata: dict[str, Any]) -> Any:
    """Return a server's part of a conversation that ends with its metadata."""

    def talk(connection: Any) -> None:
        connection.send(openpi.pack(metadata))
        with contextlib.suppress(ConnectionClosed):
            connection.recv()

    return talk


SERVED = ServedPolicy("nano", ("agentview",), 4, ImageMapping()).to_metadata()


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({}, EnvironmentNeeds(protocol=load_card("pi05").protocol)),
        ({OWN: {k: v for k, v in SERVED[OWN].items() if k != "needs"}}, EnvironmentNeeds()),
    ],
)
def test_other_servers_and_those_of_before_need_nothing_special(
    metadata: dict[str, Any], expected: EnvironmentNeeds
) -> None:
    with scripted_server(told(metadata)) as address:
        assert load_policy("openpi", address, {}, 7).needs == expected


@pytest.mark.parametrize("needs", [{"gravity": 3}, {"actions": "joint"}, {"env_seed": "x"}])
def test_needs_that_are_unknown_here_are_refused(needs: dict[str, Any]) -> None:
    metadata = {OWN: SERVED[OWN] | {"needs": needs}}
    with (
        scripted_server(told(metadata)) as address,
        pytest.raises(PolicyError, match=next(iter(needs))),
    ):
        load_policy("openpi", address, {}, 7)


@pytest.mark.parametrize("strict", [False, True])
def test_a_server_cannot_have_a_file_read_here(tmp_path: Path, strict: bool) -> None:
    """The protocol's file is a good one: it is not for a server to choose it."""
    shipped = data_dir("policies") / "protocols" / "openvla.yaml"
    mine = tmp_path / "mine.yaml"
    text = shipped.read_text(encoding="utf8")
    mine.write_text(text.replace("name: openvla", "name: mine"), encoding="utf8")
    metadata = {OWN: SERVED[OWN] | {"needs": {"protocol": str(mine), "strict": strict}}}
    with scripted_server(told(metadata)) as address, pytest.raises(PolicyError) as caught:
        load_policy("openpi", address, {}, 7)
    assert "the server of policy 'nano' asks for protocol '/" in caught.value.message
    assert "update gridseval" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "needs", [{"protocol": "next"}, {"env_seed": -1}, {"image_px": 10**6}, {"settle_steps": -3}]
)
def test_environments_that_there_are_not_are_the_servers_wish(needs: dict[str, Any]) -> None:
    metadata = {OWN: SERVED[OWN] | {"needs": needs}}
    words = f"the server of policy 'nano' asks for {next(iter(needs))}"
    with scripted_server(told(metadata)) as address, pytest.raises(PolicyError, match=words):
        load_policy("openpi", address, {}, 7)


def test_a_server_that_serves_another_policy_later_is_not_believed() -> None:
    policies = [SERVED, {OWN: SERVED[OWN] | {"needs": {"actions": "absolute"}}}]

    def talk(connection: Any) -> None:
        told(policies.pop(0))(connection)

    with scripted_server(talk) as address:
        client = load_policy("openpi", address, {}, 7).policy
        client.reset([1], EPISODES[:1])
        chunk = client.act(observe([1]))
    assert "serves another policy" in chunk.failures[0]


def test_the_controllers_state_reaches_a_served_policy() -> None:
    class Controlled(Looking):
        observation_keys = ("state", "controller_state", "agentview")  # type: ignore[assignment]

    seen = observe([0])
    seen["controller_state"] = seen["state"] / 2
    with policy_server(loaded(Controlled())) as address:
        client = load_policy("openpi", address, {}, 7)
        assert client.observation_keys == Controlled.observation_keys
        client.policy.reset([0], EPISODES[:1])
        made = client.policy.act(seen).actions
    assert np.array_equal(made, Controlled().act(seen).actions)
    assert made[0, 0, 1] == made[0, 0, 0] / 2
