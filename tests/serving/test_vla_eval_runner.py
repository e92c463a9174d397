"""``gridseval serve`` under vla-eval's own client, runner and orchestrator, on openpi's port."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from served import EPISODES, observe, policy_server
from vla_eval.benchmarks.libero.benchmark import (
    LIBEROBenchmark,
)
from vla_eval.connection import Connection
from vla_eval.orchestrator import Orchestrator
from vla_eval.protocol.messages import Message, MessageType, pack_message
from vla_eval.runners.base import ModelActError
from vla_eval.runners.sync_runner import SyncEpisodeRunner
from vla_eval_stub import KEYS, Counting, Stub, loaded, run
from websockets.sync.client import connect

from gridseval.errors import PolicyError
from gridseval.policies import ActionChunk, EnvironmentNeeds, load_policy
from gridseval.suites import Episode


@pytest.mark.parametrize("path", ["", "/vla-eval"])
def test_its_runner_plays_episodes_on_openpis_port(path: str) -> None:
    policy, stub, log = Counting(), Stub(), []
    with policy_server(loaded(policy), log) as address:
        (results,) = run(address + path, stub, trials=(0, 5))
    assert [result["metrics"]["success"] for result in results] == [True, True]
    assert [result["steps"] for result in results] == [7, 7]
    assert policy.begun == [Episode("libero_goal", 3, 0), Episode("libero_goal", 3, 5)]
    # Of every chunk of 4 the first 3 are played, the next query comes with the fourth observation.
    made = np.array(stub.actions)
    assert made[:, 5].tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert made[:, 4].tolist() == [0, 0, 0, 3, 3, 3, 6]
    seen = stub.seen
    assert made[0, :2] == pytest.approx([image.mean() for image in seen["images"].values()])
    assert made[0, 2:4] == pytest.approx([seen["states"].mean(), seen["controller_states"].mean()])
    assert made.dtype == np.float32
    assert len(policy.batches) == 6
    assert "14 requests, 2 episodes" in log[-1]


def test_shards_are_answered_in_batches() -> None:
    policy = Counting()
    stubs = [Stub() for _ in range(3)]
    with policy_server(loaded(policy), max_wait_ms=5000) as address:
        run(address, *stubs)
    assert max(policy.batches) == 3
    assert sum(policy.batches) == 9
    for stub in stubs:
        assert np.array_equal(stub.actions, stubs[0].actions)


def test_an_error_is_one_of_the_episode_and_the_connection_goes_on() -> None:
    policy, log = Counting(), []

    async def main(address: str) -> None:
        async with Connection(address, timeout=30, max_retries=1) as connection:
            with pytest.raises(ModelActError, match="RuntimeError: out of memory"):
                bad = Stub("fail")
                await SyncEpisodeRunner().run_episode(bad, bad.get_tasks()[0], connection)
            good = Stub()
            await SyncEpisodeRunner().run_episode(good, good.get_tasks()[0], connection)
            assert len(good.actions) == 7

    with policy_server(loaded(policy), log) as address:
        asyncio.run(main(address))
    assert any("got an error: RuntimeError: out of memory" in line for line in log)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no wrist image": ({"images": {"agentview": "kept"}}, "no 'wrist'.*send_wrist_image"),
    "no images": ({"images": 3}, "no 'agentview'"),
    "no state": ({"states": None}, "the state has shape"),
    "six numbers": ({"states": np.zeros(6)}, "8 finite numbers"),
    "no instruction": ({"task_description": 1}, "no text 'task_description'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_observation_is_named(name: str) -> None:
    change, words = WRONG[name]
    stub = Stub()
    good = stub.make_obs(stub.seen, stub.get_tasks()[0])
    wrong = {**good, **change}
    if change.get("images") == {"agentview": "kept"}:
        wrong["images"] = {"agentview": good["images"]["agentview"]}

    async def main(address: str) -> None:
        async with Connection(address, timeout=30, max_retries=1) as connection:
            await connection.start_episode({"task": {}})
            with pytest.raises(RuntimeError, match=words):
                await connection.act(wrong)
            assert (await connection.act(good))["actions"].shape == (7,)

    with policy_server(loaded(Counting())) as address:
        asyncio.run(main(address))


def test_health_is_answered_as_vla_evals_server_does() -> None:
    with (
        policy_server(loaded(Counting())) as address,
        urllib.request.urlopen(address.replace("ws:", "http:") + "/health") as reply,
    ):
        assert json.loads(reply.read()) == {"status": "ok"}


def test_our_own_client_of_vla_evals_protocol_gets_the_same_actions() -> None:
    with policy_server(loaded(Counting(), needs=EnvironmentNeeds(env_seed=3))) as address:
        client = load_policy("vla-eval", address, {}, 7)
        assert client.observation_keys == KEYS
        assert client.needs.env_seed == 3
        assert client.description["read_as"]["state"] == "axis_angle"
        assert client.notes == ()
        client.policy.reset([0], EPISODES[:1])
        seen = observe([0])
        seen["controller_state"] = seen["state"] / 2
        (made,) = client.policy.act(seen).actions[0]
    expected = Counting().act(seen).actions[0, 0]
    expected[6] = -1
    assert np.array_equal(made, expected)


def test_the_served_gripper_is_executed_whatever_a_card_says() -> None:
    class Closing(Counting):
        def act(self, observations: Any) -> ActionChunk:
            chunk = super().act(observations)
            chunk.actions[..., 6] = 1
            return chunk

    with policy_server(loaded(Closing(("agentview",)))) as address:
        for arguments in ({}, {"card": "nora"}, {"card": "worldvla"}):
            client = load_policy("vla-eval", address, arguments, 7)
            client.policy.reset([0], EPISODES[:1])
            assert client.policy.act(observe([0])).actions[0, 0, 6] == 1
        with pytest.raises(PolicyError, match="card 'openvla_oft' is for policy 'openvla-oft'"):
            load_policy("vla-eval", address, {"card": "openvla_oft"}, 7)


def test_rubbish_ends_the_connection_in_words() -> None:
    log: list[str] = []
    with (
        policy_server(loaded(Counting()), log) as address,
        connect(f"{address}/vla-eval") as client,
    ):
        client.send(pack_message(Message(MessageType.HELLO, {"protocol_version": 1}, 1)))
        client.recv(timeout=30)
        client.send(b"\xc1")
        assert "not msgpack" in str(client.recv(timeout=30))
    assert any("refused" in line for line in log)


def test_absolute_actions_cannot_pass_for_motions() -> None:
    """The other way round: a policy behind vla-eval's protocol, served again."""
    needs = EnvironmentNeeds(actions="absolute")
    with policy_server(loaded(Counting(), needs=needs)) as address:
        assert load_policy("vla-eval", address, {}, 7).needs.actions == "absolute"
        assert load_policy("openpi", address, {}, 7).needs.actions == "absolute"
        with pytest.raises(PolicyError, match="'absolute_xyz' without absolute_action"):
            load_policy("vla-eval", address, {"absolute_action": "false"}, 7)


class Asking(Stub):
    """A benchmark that takes the parameters of vla-eval's LIBERO, and records those it gets."""

    given: ClassVar[list[dict[str, Any]]] = []

    def __init__(
        self,
        suite: str = "",
        send_wrist_image: bool = False,
        send_state: bool = False,
        quat_no_antipodal: bool = False,
        env_seed: int | None = None,
    ) -> None:
        super().__init__()
        params = (send_wrist_image, send_state, quat_no_antipodal, env_seed)
        self.given.append({"suite": suite, "params": params})

    def get_action_spec(self) -> Any:
        return LIBEROBenchmark.get_action_spec(self)  # type: ignore[arg-type]

    def get_observation_spec(self) -> Any:
        self.send_wrist_image = self.send_state = True
        return LIBEROBenchmark.get_observation_spec(self)  # type: ignore[arg-type]


def test_its_orchestrator_runs_a_benchmark(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    policy = Counting()
    with policy_server(loaded(policy, needs=EnvironmentNeeds(env_seed=0))) as address:
        config = {
            "server": {"url": address},
            "output_dir": str(tmp_path),
            "benchmarks": [
                {
                    "benchmark": f"{__name__}:Asking",
                    "episodes_per_task": 2,
                    "params": {"suite": "libero_goal"},
                }
            ],
        }
        with caplog.at_level("WARNING"):
            (result,) = asyncio.run(Orchestrator(config, no_save=True).run())
    assert Asking.given == [{"suite": "libero_goal", "params": (True, True, True, 0)}]
    assert result["mean_success"] == 1.0
    assert policy.begun == [Episode("libero_goal", 3, 0), Episode("libero_goal", 3, 1)]
    assert not [line for line in caplog.messages if "mismatch" in line or "forwarded" in line]
