"""``gridseval serve`` under vla-eval's own client, runner and orchestrator, on openpi's port."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from served import EPISODES, observe, policy_server
from vla_eval.benchmarks.base import StepBenchmark, StepResult
from vla_eval.benchmarks.libero.benchmark import (
    LIBERO_ENV_RESOLUTION,
    MAX_STEP_MAPPING,
    LIBEROBenchmark,
)
from vla_eval.connection import Connection
from vla_eval.orchestrator import Orchestrator, _merge_observation_params
from vla_eval.protocol.messages import Message, MessageType, pack_message, unpack_message
from vla_eval.runners.base import ModelActError
from vla_eval.runners.sync_runner import SyncEpisodeRunner
from vla_eval.specs import DimSpec, check_specs
from websockets.sync.client import connect

from gridseval.errors import PolicyError
from gridseval.policies import ActionChunk, EnvironmentNeeds, LoadedPolicy, load_policy
from gridseval.suites import Episode, load_protocol
from gridseval.tokens import CameraTrace, TokenTrace

KEYS = ("agentview", "wrist", "state", "controller_state")


class Counting:
    """Chunks of 4 that tell what was seen: images, states, steps, and the place in the chunk."""

    def __init__(self, keys: tuple[str, ...] = KEYS) -> None:
        self.observation_keys = keys
        self.batches: list[int] = []
        self.begun: list[Episode] = []

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        self.begun += episodes

    def act(self, observations: Any) -> ActionChunk:
        count = len(observations["slots"])
        self.batches.append(count)
        if "fail" in observations["instruction"]:
            raise RuntimeError("out of memory")
        actions = np.zeros((count, 4, 7), np.float32)
        for place, key in enumerate(self.observation_keys):
            actions[:, :, place] = observations[key].reshape(count, -1).mean(1)[:, None]
        actions[:, :, 4] = observations["steps"][:, None]
        actions[:, :, 5] = np.arange(4)
        actions[:, :, 6] = -0.5
        trace = TokenTrace((CameraTrace("agentview", (2, 2), kept=np.ones(4, bool)),))
        return ActionChunk(actions, (trace,) * count)


def loaded(policy: Counting, **changes: Any) -> LoadedPolicy:
    made = LoadedPolicy(policy, "counting", policy.observation_keys, 3, {})
    return replace(made, **changes)


class Stub(StepBenchmark):
    """LIBERO's observations without LIBERO: it notes the actions that it is given."""

    def __init__(self, instruction: str = "open the drawer", steps: int = 7) -> None:
        super().__init__()
        self.instruction, self.steps = instruction, steps
        self.actions: list[np.ndarray] = []
        seen = observe([0])
        self.seen = {
            "images": {key: seen[key][0] for key in ("agentview", "wrist")},
            "states": seen["state"][0].astype(np.float64),
            "controller_states": seen["state"][0] / 2,
        }

    def get_tasks(self) -> Any:
        return [{"name": self.instruction, "suite": "libero_goal", "task_id": 3, "task_obj": self}]

    def reset(self, task: Any) -> Any:
        self.actions.clear()
        return self.seen

    def step(self, action: Any) -> StepResult:
        self.actions.append(np.array(action["actions"]))
        done = len(self.actions) == self.steps
        return StepResult(obs=self.seen, reward=float(done), done=done, info={})

    def make_obs(self, raw_obs: Any, task: Any) -> Any:
        return {**raw_obs, "task_description": task["name"]}

    def get_step_result(self, step_result: StepResult) -> Any:
        return {"success": step_result.done}

    def get_metadata(self) -> Any:
        return {"max_steps": 20}


def run(address: str, *benchmarks: Stub, trials: Sequence[int] = (0,)) -> list[Any]:
    """Run trials of several benchmarks at once, each on a connection as a shard has it."""

    async def shard(benchmark: Stub) -> list[Any]:
        results = []
        async with Connection(address, timeout=30, max_retries=1) as connection:
            for trial in trials:
                task = {**benchmark.get_tasks()[0], "episode_idx": trial}
                runner = SyncEpisodeRunner()
                results.append(await runner.run_episode(benchmark, task, connection, max_steps=20))
        return results

    async def main() -> list[Any]:
        return await asyncio.gather(*(shard(benchmark) for benchmark in benchmarks))

    return asyncio.run(main())


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


def hello(policy: LoadedPolicy) -> dict[str, Any]:
    async def main(address: str) -> dict[str, Any]:
        async with Connection(address, timeout=30, max_retries=1) as connection:
            return connection.server_info

    with policy_server(policy) as address:
        return asyncio.run(main(address))


@pytest.mark.parametrize(
    ("keys", "needs", "params"),
    [
        (
            KEYS,
            EnvironmentNeeds(env_seed=0),
            {"send_wrist_image": True, "send_state": True, "quat_no_antipodal": True}
            | {"env_seed": 0},
        ),
        (("agentview",), EnvironmentNeeds(), {"send_wrist_image": False, "send_state": False}),
        (
            ("agentview",),
            EnvironmentNeeds(protocol="openvla"),
            {"send_wrist_image": False, "send_state": False, "env_seed": 0},
        ),
        (
            ("agentview",),
            EnvironmentNeeds(protocol="my-own", strict=True),  # a recording's, of a user's file
            {"send_wrist_image": False, "send_state": False},
        ),
        (
            ("agentview",),
            EnvironmentNeeds(protocol="lerobot"),  # seeds every trial, for which there is no word
            {"send_wrist_image": False, "send_state": False},
        ),
        (
            ("agentview", "state"),
            EnvironmentNeeds(actions="absolute"),
            {"send_wrist_image": False, "send_state": True, "quat_no_antipodal": True}
            | {"absolute_action": True},
        ),
    ],
)
def test_hello_says_what_the_policy_wants_in_the_benchmarks_own_words(
    keys: tuple[str, ...], needs: EnvironmentNeeds, params: dict[str, Any]
) -> None:
    told = hello(loaded(Counting(keys), needs=needs))
    assert told["model_server"] == "counting"
    assert told["observation_params"] == params
    # Their orchestrator hands all of it to their LIBERO benchmark, and its specifications agree.
    merged = _merge_observation_params(LIBEROBenchmark, {}, told["observation_params"])
    assert merged == params
    benchmark = LIBEROBenchmark(**merged)
    assert benchmark.absolute_action == (needs.actions == "absolute")
    spec = {
        key: {name: DimSpec.from_dict(entry) for name, entry in told[key].items()}
        for key in ("action_spec", "observation_spec")
    }
    warnings = check_specs(
        spec["action_spec"],
        benchmark.get_action_spec(),
        spec["observation_spec"],
        benchmark.get_observation_spec(),
    )
    # vla-eval's benchmark calls its actions deltas even where it takes absolute ones.
    absolute = ["action [position]: position: absolute_xyz vs delta_xyz"]
    assert warnings == (absolute if needs.actions == "absolute" else [])


RECORDED = EnvironmentNeeds("my-own", 3, strict=True, seeding="trial", image_px=128, settle_steps=0)
UNFOLLOWED: list[tuple[EnvironmentNeeds, tuple[str, ...]]] = [
    (EnvironmentNeeds(), ()),
    (EnvironmentNeeds(protocol="openvla"), ()),
    (EnvironmentNeeds(protocol="openpi"), ()),
    (EnvironmentNeeds(protocol="vla-eval", env_seed=3), ()),
    (
        EnvironmentNeeds(protocol="lerobot"),
        (
            *("'lerobot'", "env.seed(1000 + trial) in every trial", "360 px (there 256)"),
            "policy steps libero_spatial 280 (there 220)",
        ),
    ),
    (
        EnvironmentNeeds(protocol="lerobot-0.4"),
        ("env.seed(1000", "policy steps libero_spatial 280"),
    ),
    (EnvironmentNeeds(protocol="worldvla-512"), ("images of 512 px (there 256)",)),
    (EnvironmentNeeds(protocol="univla"), ("policy steps", "libero_10 550 (there 520)")),
    (RECORDED, ("'my-own'", "env.seed(3 + trial)", "128 px", "0 settle steps (there 10)")),
    (EnvironmentNeeds(strict=True, image_px=128), ("'openvla'", "128 px")),
]


@pytest.mark.parametrize(("needs", "words"), UNFOLLOWED)
def test_what_vla_eval_cannot_follow_is_told_at_every_hello(
    needs: EnvironmentNeeds, words: tuple[str, ...]
) -> None:
    log: list[str] = []
    with policy_server(loaded(Counting(), needs=needs), log) as address:
        for _ in range(2):
            run(address, Stub())
    told = [line for line in log if "does not follow protocol" in line]
    assert len(told) == (2 if words else 0)
    for line in told:
        assert line.startswith("client 0: vla-eval's LIBERO")
        assert "\n" not in line
        for word in words:
            assert word in line
        for what in ("env.seed", "px", "settle", "policy steps"):
            assert (what in line) == any(what in word for word in words)


def test_other_protocols_clients_are_told_nothing() -> None:
    log: list[str] = []
    needs = EnvironmentNeeds(protocol="lerobot")
    with policy_server(loaded(Counting(("agentview",)), needs=needs), log) as address:
        assert load_policy("openpi", address, {}, 7).needs == needs
        with connect(f"{address}/vla-eval") as client:
            client.send(pack_message(Message(MessageType.HELLO, {"protocol_version": 2}, 1)))
            client.recv(timeout=30)
    assert not any("follow" in line for line in log)


def test_the_vla_eval_protocol_is_that_of_their_benchmark() -> None:
    """What differs from it is what their benchmark does not follow."""
    theirs, benchmark = load_protocol("vla-eval"), LIBEROBenchmark()
    assert theirs.image_px == LIBERO_ENV_RESOLUTION
    assert theirs.settle_steps == benchmark.num_steps_wait
    assert dict(theirs.max_steps) == MAX_STEP_MAPPING


def test_a_policy_that_needs_object_poses_is_refused_at_hello() -> None:
    with (
        policy_server(loaded(Counting(("agentview", "privileged")))) as address,
        connect(address) as client,
    ):
        client.send(pack_message(Message(MessageType.HELLO, {"protocol_version": 1}, 4)))
        answer = unpack_message(client.recv(timeout=30))
    assert (answer.type, answer.seq) == (MessageType.ERROR, 4)
    assert "object poses" in answer.payload["error"]


def test_another_version_is_refused() -> None:
    with policy_server(loaded(Counting())) as address, connect(address) as client:
        client.send(pack_message(Message(MessageType.HELLO, {"protocol_version": 2}, 1)))
        answer = unpack_message(client.recv(timeout=30))
    assert "version 2" in answer.payload["error"]


def test_a_hello_that_comes_late_is_told_where_there_is_time() -> None:
    log: list[str] = []
    with policy_server(loaded(Counting()), log) as address:
        hello = pack_message(Message(MessageType.HELLO, {"protocol_version": 1}, 1))
        with connect(address) as client:
            assert b"gridseval" in client.recv(timeout=30)  # type: ignore[operator]
            client.send(hello)
            assert "path /vla-eval" in str(client.recv(timeout=30))
        with connect(f"{address}/vla-eval") as client:
            with pytest.raises(TimeoutError):
                client.recv(timeout=1)
            client.send(hello)
            assert unpack_message(client.recv(timeout=30)).type == MessageType.HELLO


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
