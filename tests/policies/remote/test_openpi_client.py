"""Our client against servers written with openpi-client's own packing, good and bad ones."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import yaml
from openpi_package import openpi_folder as openpi_folder
from openpi_package import openpi_packing as openpi_packing
from served import EPISODES, observe, run_a_task, scripted_server
from websockets.sync.server import ServerConnection

from gridseval.errors import PolicyError, UsageError
from gridseval.policies import load_policy
from gridseval.policies.cards import load_card
from gridseval.policies.remote.client import FAILURES_IN_A_ROW
from gridseval.results.run.reading import read_run
from gridseval.suites import Episode

Answer = Callable[[dict[str, Any]], Any]


def good(request: dict[str, Any]) -> dict[str, Any]:
    return {"actions": np.full((10, 7), 0.25, np.float64), "server_timing": {"infer_ms": 1.0}}


def handler(packing: ModuleType, answer: Answer) -> Callable[[ServerConnection], None]:
    """Return openpi's own server, with something else in the place of the model."""

    def handle(connection: ServerConnection) -> None:
        connection.send(packing.packb({"action_dim": 7}))
        for frame in connection:
            reply = answer(packing.unpackb(frame))
            if isinstance(reply, dict):
                connection.send(packing.packb(reply))
            elif reply is None:
                connection.socket.shutdown(socket.SHUT_RDWR)
                return
            else:
                connection.send(reply)

    return handle


def client(address: str, **arguments: str) -> Any:
    loaded = load_policy("openpi", address, arguments, 7)
    loaded.policy.reset([0, 1], EPISODES[:2])
    return loaded.policy


def test_a_server_gets_what_openpis_libero_example_sends(openpi_packing: ModuleType) -> None:
    requests: list[dict[str, Any]] = []

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        requests.append(request)
        return good(request)

    seen = observe([0])
    with scripted_server(handler(openpi_packing, answer)) as address:
        loaded = load_policy(None, address, {}, 7)
        loaded.policy.reset([0], EPISODES[:1])
        chunk = loaded.policy.act(seen)
    assert loaded.observation_keys == ("agentview", "wrist", "state")
    assert loaded.replan == 5
    assert chunk.actions.shape == (1, 10, 7)
    assert np.all(chunk.actions == 0.25)
    assert chunk.traces is None
    (request,) = requests
    assert set(request) == {
        "observation/image",
        "observation/wrist_image",
        "observation/state",
        "prompt",
    }
    assert request["prompt"] == "do 0"
    assert np.array_equal(request["observation/state"], seen["state"][0].astype(np.float64))
    resized = load_card("pi05").image.apply(seen["wrist"])[0]
    assert np.array_equal(request["observation/wrist_image"], resized)
    assert request["observation/image"].shape == (224, 224, 3)


def test_a_card_says_how_often_and_what(openpi_packing: ModuleType) -> None:
    with scripted_server(handler(openpi_packing, good)) as address:
        assert load_policy("openpi", address, {"card": "pi05_grids"}, 7).replan == 10
        fast = load_policy("openpi", address, {"card": "pi0_fast"}, 7)
        assert (fast.replan, fast.needs.protocol) == (5, "openpi")
        with pytest.raises(UsageError, match="unknown policy card 'pi05_grid'") as caught:
            load_policy("openpi", address, {"card": "pi05_grid"}, 7)
    assert "did you mean 'pi05_grids'" in (caught.value.hint or "")


def test_a_card_of_another_kind_is_refused(openpi_packing: ModuleType) -> None:
    with scripted_server(handler(openpi_packing, good)) as address:
        for card in ("openvla_oft", "xvla", "lerobot"):
            with pytest.raises(PolicyError, match=f"card '{card}' is for policy") as caught:
                load_policy("openpi", address, {"card": card}, 7)
            assert "pi05_grids" in (caught.value.hint or "")
        assert load_policy("openpi", address, {"card": "worldvla"}, 7).replan == 5


def test_grids_coordinates_come_back_as_places(openpi_packing: ModuleType) -> None:
    corners = np.array([[0, 0], [1, 1]], np.float32)

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        traces = {"agentview": {"grid": [16, 16], "coordinates": corners}}
        return good(request) | {"traces": traces}

    with scripted_server(handler(openpi_packing, answer)) as address:
        chunk = client(address, card="pi05_grids").act(observe([0, 1]))
    assert chunk.traces is not None
    for trace in chunk.traces:
        assert trace.cameras[0].points * 224 == pytest.approx(np.array([[7, 7], [217, 217]]))


def test_slots_are_asked_at_once(openpi_packing: ModuleType) -> None:
    both = threading.Barrier(2, timeout=30)

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        both.wait()  # broken if the second is sent only after the first one's answer
        return good(request) | {"actions": np.full((1, 7), float(request["prompt"][-1]))}

    with scripted_server(handler(openpi_packing, answer)) as address:
        chunk = client(address).act(observe([0, 1]))
    assert chunk.actions[:, 0, 0].tolist() == [0, 1]


WRONG: dict[str, tuple[Answer, str]] = {
    "nan": (lambda request: {"actions": np.full((2, 7), np.nan)}, "sent nan at step 0"),
    "infinite": (lambda request: {"actions": np.full((2, 7), 1e300)}, "sent inf"),
    "six numbers": (lambda request: {"actions": np.zeros((2, 6))}, r"shape \(2, 6\)"),
    "no steps": (lambda request: {"actions": np.zeros((0, 7))}, r"shape \(0, 7\)"),
    "texts": (lambda request: {"actions": ["a"]}, "type"),
    "ragged": (lambda request: {"actions": [[1.0], [1.0, 2.0]]}, "actions"),
    "no actions": (lambda request: {"action": 1}, "no actions, only action"),
    "a traceback": (
        lambda request: "Traceback\n  line\nValueError: bad key",
        "ValueError: bad key",
    ),
    "rubbish": (lambda request: b"\xc1\xc1", "does not speak openpi"),
    "a bad trace": (lambda request: good(request) | {"traces": {"left": {}}}, "camera 'left'"),
    "skipped in words": (lambda request: good(request) | {"skipped": "no"}, "skipped is no"),
    "a lost connection": (lambda request: None, "was lost"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_bad_answer_costs_its_own_slot_only(name: str, openpi_packing: ModuleType) -> None:
    wrong, said = WRONG[name]

    def answer(request: dict[str, Any]) -> Any:
        return wrong(request) if request["prompt"] == "do 1" and len(bad) < 1 else good(request)

    bad: list[int] = []
    with scripted_server(handler(openpi_packing, answer)) as address:
        policy = client(address)
        chunk = policy.act(observe([0, 1]))
        assert list(chunk.failures) == [1]
        assert re.search(said, chunk.failures[1])
        assert np.all(chunk.actions[0] == 0.25)
        # The rollout begins the episode again, on a fresh connection.
        bad.append(1)
        policy.reset([1], EPISODES[1:2])
        assert not policy.act(observe([0, 1])).failures


def test_an_answer_after_its_time_is_never_taken_for_the_next_one(
    openpi_packing: ModuleType,
) -> None:
    release = threading.Event()

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        if not release.is_set():
            assert release.wait(60)
            return {"actions": np.full((1, 7), -1.0)}
        return good(request)

    with scripted_server(handler(openpi_packing, answer)) as address:
        policy = client(address, timeout_s="3")
        chunk = policy.act(observe([0]))
        assert "did not answer within 3 s" in chunk.failures[0]
        release.set()
        policy.reset([0], EPISODES[:1])
        assert np.all(policy.act(observe([0])).actions == 0.25)


def test_a_server_that_only_fails_is_given_up(openpi_packing: ModuleType) -> None:
    with scripted_server(handler(openpi_packing, WRONG["nan"][0])) as address:
        policy = client(address)
        with pytest.raises(PolicyError, match=r"12 requests failed; the last one: .*nan") as caught:
            for _ in range(FAILURES_IN_A_ROW):
                policy.act(observe([0]))
    assert "resumes" in (caught.value.hint or "")


def test_a_server_that_is_started_again_is_not_given_up(openpi_packing: ModuleType) -> None:
    """However many slots fail at once."""
    slots = list(range(FAILURES_IN_A_ROW + 2))
    down = threading.Event()
    down.set()

    def answer(request: dict[str, Any]) -> Any:
        return None if down.is_set() else good(request)

    with scripted_server(handler(openpi_packing, answer)) as address:
        policy = load_policy("openpi", address, {}, 7).policy
        episodes = [Episode("libero_goal", 0, slot) for slot in slots]
        policy.reset(slots, episodes)
        assert sorted(policy.act(observe(slots)).failures) == slots
        down.clear()
        policy.reset(slots, episodes)
        assert not policy.act(observe(slots)).failures


def test_nobody_there_is_said_at_once() -> None:
    with pytest.raises(PolicyError, match=r"no server answers at ws://127\.0\.0\.1:9"):
        load_policy("openpi", "ws://127.0.0.1:9", {"connect_s": "0.5"}, 7)
    with pytest.raises(PolicyError, match=r"no server answers at ws://127\.0\.0\.1:9"):
        load_policy(None, "ws://127.0.0.1:9", {}, 7)


def test_it_runs_on_a_task(openpi_packing: ModuleType, assets: Path, tmp_path: Path) -> None:
    def answer(request: dict[str, Any]) -> dict[str, Any]:
        points = np.full((4, 2), 0.5, np.float32)
        places = {"grid": [16, 16], "coordinates": points}
        asked.append(request)
        traces = {"agentview": places, "wrist": places}
        return good(request) | {"traces": traces, "skipped": len(asked) == 2}

    asked: list[dict[str, Any]] = []

    with scripted_server(handler(openpi_packing, answer)) as address:
        run_a_task(tmp_path, assets, address, card="pi05_grids")
    run = read_run(tmp_path / "run")
    (record,) = run.records
    assert (record.status, record.steps, record.queries) == ("failure", 12, 2)
    assert record.extra["skipped"] == 0.5
    assert record.extra["kept_tokens"] == [8]
    # π0 takes 1.23 T at 4 of 256 tokens per image, and π0.5 reads a longer text; a query without
    # the model takes 0.
    assert 0.5 < record.extra["tflops"] < 1.25
    policy = yaml.safe_load((tmp_path / "run" / "run.yaml").read_text())["policy"]
    assert policy["server"] == {"action_dim": 7}
    assert policy["card"]["name"] == "pi05_grids"
    assert policy["card"]["image"]["resize"] == "bilinear_pad"


@pytest.mark.parametrize(
    "address", ["ws://", "http://localhost:1", "ws://host:port", "ws://h:99999"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(PolicyError, match="address"):
        load_policy("openpi", address, {}, 7)


def test_another_protocol_is_named() -> None:
    def hello(connection: ServerConnection) -> None:
        connection.send("welcome to the chat")
        connection.recv()

    with (
        scripted_server(hello) as address,
        pytest.raises(PolicyError, match="the server failed: welcome to the chat"),
    ):
        load_policy("openpi", address, {}, 7)
