"""Our client against vla-eval's own server and its model-server base class."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
import yaml
from served import EPISODES, observe, run_a_task
from vla_eval.model_servers.predict import PredictModelServer
from vla_eval.model_servers.serve import serve_async
from vla_eval.specs import GRIPPER_CLOSE_POS, POSITION_DELTA, RAW, ROTATION_AA, ROTATION_EULER

from gridseval.errors import PolicyError
from gridseval.policies import load_policy
from gridseval.results.run.reading import read_run


class Model(PredictModelServer):
    """Answers with what it sees; its chunk counts the observations of the episode."""

    def __init__(
        self, rotation: Any = ROTATION_AA, wants: tuple[str, ...] = (), **options: Any
    ) -> None:
        super().__init__(**options)
        self._wants = wants
        self.seen: list[dict[str, Any]] = []
        self.tasks: list[dict[str, Any]] = []
        self._rotation = rotation

    def get_action_spec(self) -> Any:
        return {
            "position": POSITION_DELTA,
            "rotation": self._rotation,
            "gripper": GRIPPER_CLOSE_POS,
        }

    def get_observation_params(self) -> dict[str, Any]:
        return dict.fromkeys(self._wants, True)

    def get_observation_spec(self) -> Any:
        return {"raw": RAW}

    async def on_episode_start(self, config: dict[str, Any], ctx: Any) -> None:
        self.tasks.append(config["task"])
        await super().on_episode_start(config, ctx)

    def predict(self, obs: Any, ctx: Any) -> Any:
        self.seen.append(obs)
        if obs["task_description"] == "do 1":
            raise RuntimeError("out of memory")
        actions = np.zeros((4, 7), np.float32)
        actions[:, 0] = np.arange(4) / 10
        actions[:, 1] = ctx.step
        actions[:, 6] = [-0.2, 0.2, 0.0, -1.0]
        return {"actions": actions}


@contextlib.contextmanager
def served(model: Model) -> Iterator[str]:
    """Run vla-eval's own server in a thread."""
    port: list[int] = []
    ready, stop = threading.Event(), threading.Event()

    async def main() -> None:
        async with anyio.create_task_group() as group:
            port.append(await group.start(serve_async, model, "127.0.0.1", 0))
            ready.set()
            while not stop.is_set():
                await anyio.sleep(0.02)
            group.cancel_scope.cancel()

    thread = threading.Thread(target=anyio.run, args=(main,))
    thread.start()
    assert ready.wait(30)
    try:
        yield f"ws://127.0.0.1:{port[0]}"
    finally:
        stop.set()
        thread.join(30)


def test_it_is_told_by_its_address_and_gets_what_it_asks_for() -> None:
    model = Model(wants=("send_wrist_image", "send_state"))
    seen = observe([0])
    with served(model) as address:
        loaded = load_policy(None, address, {"replan": "4"}, 7)
        assert loaded.name == "vla-eval"
        assert loaded.observation_keys == ("agentview", "wrist", "state")
        assert loaded.replan == 4
        loaded.policy.reset([0], EPISODES[2:3])
        chunk = loaded.policy.act(seen)
    assert not chunk.failures
    assert chunk.actions[0, :, 0] == pytest.approx([0, 0.1, 0.2, 0.3])
    assert chunk.actions[0, :, 6].tolist() == [-1, 1, 1, -1]
    assert model.tasks == [{"suite": "libero_goal", "task_id": 1, "episode_idx": 0}]
    (got,) = model.seen
    assert np.array_equal(got["images"]["agentview"], seen["agentview"][0])
    assert np.array_equal(got["images"]["wrist"], seen["wrist"][0])
    assert np.array_equal(got["states"], seen["state"][0])
    assert got["task_description"] == "do 0"


def test_a_server_with_a_chunk_size_plays_its_chunk_out() -> None:
    model = Model(chunk_size=3)
    with served(model) as address:
        loaded = load_policy("vla-eval", address, {}, 7)
        assert loaded.replan == 1
        assert "wrist" not in loaded.observation_keys
        loaded.policy.reset([0], EPISODES[:1])
        chunks = [loaded.policy.act(observe([0], step)).actions for step in range(4)]
        assert [chunk.shape for chunk in chunks] == [(1, 1, 7)] * 4
        assert [float(chunk[0, 0, 0]) for chunk in chunks] == pytest.approx([0, 0.1, 0.2, 0])
        assert float(chunks[3][0, 0, 1]) == 3
        # A new episode empties the server's buffer and starts its count again.
        loaded.policy.reset([0], EPISODES[1:2])
        assert loaded.policy.act(observe([0])).actions[0, 0, :2].tolist() == [0, 0]
    assert len(model.tasks) == 2


def test_it_runs_on_a_task(assets: Path, tmp_path: Path) -> None:
    model = Model(chunk_size=4, wants=("send_state",))
    with served(model) as address:
        run_a_task(tmp_path, assets, address)
    (record,) = read_run(tmp_path / "run").records
    assert (record.status, record.steps, record.queries) == ("failure", 12, 12)
    assert len(model.seen) == 3
    assert model.seen[0]["images"]["agentview"].std() > 0
    policy = yaml.safe_load((tmp_path / "run" / "run.yaml").read_text())["policy"]
    assert policy["kind"] == "vla-eval"
    assert policy["server"]["observation_params"] == {"send_state": True}
    assert policy["card"]["gripper"] == "sign"


def test_an_error_costs_its_own_slot() -> None:
    with served(Model()) as address:
        policy = load_policy("vla-eval", address, {}, 7).policy
        policy.reset([0, 1], EPISODES[:2])
        chunk = policy.act(observe([0, 1]))
    assert list(chunk.failures) == [1]
    assert "out of memory" in chunk.failures[1]


def test_another_rotation_is_refused_before_the_first_episode() -> None:
    with (
        served(Model(rotation=ROTATION_EULER)) as address,
        pytest.raises(PolicyError, match="rotation as 'euler_xyz'; LIBERO takes 'axis_angle'"),
    ):
        load_policy("vla-eval", address, {}, 7)


def test_an_openpi_server_is_not_mistaken_for_it() -> None:
    from served import policy_server

    loaded = load_policy("random", None, {}, 7)
    with (
        policy_server(loaded) as address,
        pytest.raises(PolicyError, match="does not speak vla-eval"),
    ):
        load_policy("vla-eval", address, {"connect_s": "5", "timeout_s": "20"}, 7)
