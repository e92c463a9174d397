"""Our client against vla-eval's own server and its model-server base class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from served import EPISODES, observe, run_a_task, scripted_server
from vla_eval.protocol.messages import Message, MessageType, pack_message, unpack_message
from vla_eval_double import Model, served

from gridseval.errors import PolicyError
from gridseval.policies import load_policy
from gridseval.results.run.reading import read_run
from gridseval.suites import Episode


def observed(slots: list[int], step: int = 0) -> dict[str, Any]:
    """Return what an environment shows, with the controller's state."""
    batch = observe(slots, step)
    return batch | {"controller_state": batch["state"] / 2}


def test_it_is_told_by_its_address_and_gets_what_it_asks_for() -> None:
    model = Model({"send_wrist_image": True, "send_state": True})
    seen = observed([0])
    with served(model) as address:
        loaded = load_policy(None, address, {"replan": "4"}, 7)
        assert loaded.name == "vla-eval"
        assert loaded.observation_keys == ("agentview", "wrist", "state", "controller_state")
        assert loaded.replan == 4
        loaded.policy.reset([0], EPISODES[2:3])
        chunk = loaded.policy.act(seen)
    assert not chunk.failures
    assert chunk.actions[0, :, 0] == pytest.approx([0, 0.1, 0.2, 0.3])
    assert chunk.actions[0, :, 6].tolist() == [-1, 1, 1, -1]
    task = {"name": "do 0", "suite": "libero_goal", "task_id": 1, "episode_idx": 0}
    assert model.tasks == [task]
    (got,) = model.seen
    assert np.array_equal(got["images"]["agentview"], seen["agentview"][0])
    assert np.array_equal(got["images"]["wrist"], seen["wrist"][0])
    assert list(got["images"]) == ["agentview", "wrist"]  # servers take them by their order
    assert np.array_equal(got["states"], seen["state"][0])
    assert np.array_equal(got["controller_states"], seen["controller_state"][0])
    assert got["task_description"] == "do 0"


def test_liberos_plus_suites_have_liberos_names_there() -> None:
    # DB-CogACT's server chooses its chunk by the suite's name, and refuses one that it has not.
    model = Model()
    with served(model) as address:
        policy = load_policy("vla-eval", address, {}, 7).policy
        policy.reset([0], [Episode("libero_plus_spatial", 1234, 0)])
        assert not policy.act(observe([0])).failures
    assert model.tasks[0]["suite"] == "libero_spatial"


def test_a_server_with_a_chunk_size_plays_its_chunk_out() -> None:
    model = Model(chunk_size=3)
    with served(model) as address:
        loaded = load_policy("vla-eval", address, {}, 7)
        assert loaded.replan == 1
        assert loaded.observation_keys == ("agentview",)
        loaded.policy.reset([0], EPISODES[:1])
        chunks = [loaded.policy.act(observe([0], step)).actions for step in range(4)]
        assert [chunk.shape for chunk in chunks] == [(1, 1, 7)] * 4
        assert [float(chunk[0, 0, 0]) for chunk in chunks] == pytest.approx([0, 0.1, 0.2, 0])
        assert float(chunks[3][0, 0, 1]) == 3
        # A new episode empties the server's buffer and starts its count again.
        loaded.policy.reset([0], EPISODES[1:2])
        assert loaded.policy.act(observe([0])).actions[0, 0, :2].tolist() == [0, 0]
    assert len(model.tasks) == 2
    # The first episode ends before the second begins, that one with the connection.
    assert model.ended == [1, 2]


def test_it_runs_on_a_task(assets: Path, tmp_path: Path) -> None:
    model = Model({"send_state": True}, chunk_size=4)
    with served(model) as address:
        run_a_task(tmp_path, assets, address)
    (record,) = read_run(tmp_path / "run").records
    assert (record.status, record.steps, record.queries) == ("failure", 12, 12)
    assert len(model.seen) == 3
    assert model.seen[0]["images"]["agentview"].std() > 0
    assert model.seen[0]["controller_states"].shape == (8,)
    policy = yaml.safe_load((tmp_path / "run" / "run.yaml").read_text())["policy"]
    assert policy["kind"] == "vla-eval"
    assert policy["server"]["observation_params"] == {"send_state": True}
    assert policy["card"]["gripper"] == "sign"
    assert policy["read_as"]["state"] == "axis_angle_antipodal"
    assert policy["read_as"]["actions"] == "delta"


def test_absolute_goals_are_executed_as_such_and_recorded(assets: Path, tmp_path: Path) -> None:
    """The arm goes where the server says, which as a motion would be ten times farther."""
    goal = [-0.15, 0.05, 0.3, -2.19, -2.19, 0.06, -1.0]
    model = Model({"send_state": True, "absolute_action": True}, sends=goal)
    with served(model) as address:
        run_a_task(tmp_path, assets, address)
    policy = yaml.safe_load((tmp_path / "run" / "run.yaml").read_text())["policy"]
    assert policy["read_as"]["actions"] == "absolute"
    left = [np.linalg.norm(seen["controller_states"][:3] - goal[:3]) for seen in model.seen]
    assert left[-1] < 0.25 * left[0]
    assert len(left) == 12


def test_an_error_costs_its_own_slot() -> None:
    with served(Model()) as address:
        policy = load_policy("vla-eval", address, {}, 7).policy
        policy.reset([0, 1], EPISODES[:2])
        chunk = policy.act(observe([0, 1]))
    assert list(chunk.failures) == [1]
    assert "out of memory" in chunk.failures[1]


def test_an_openpi_server_is_not_mistaken_for_it() -> None:
    def talk(connection: Any) -> None:
        connection.send(b"\x80")  # openpi's metadata, an empty mapping
        connection.recv()

    with (
        scripted_server(talk) as address,
        pytest.raises(PolicyError, match="does not speak vla-eval"),
    ):
        load_policy("vla-eval", address, {"connect_s": "5", "timeout_s": "20"}, 7)


def test_a_server_that_declares_something_else_later_is_not_believed() -> None:
    """A restarted server may hold another model: its first words decided how a run goes."""
    declared = [{"send_state": True}, {"absolute_action": True}]

    def talk(connection: Any) -> None:
        seq = unpack_message(connection.recv()).seq
        payload = {"protocol_version": 1, "observation_params": declared.pop(0)}
        connection.send(pack_message(Message(MessageType.HELLO, payload, seq)))
        for _ in range(2):
            seq = unpack_message(connection.recv()).seq
        actions = {"actions": np.zeros(7, np.float32)}
        connection.send(pack_message(Message(MessageType.ACTION, actions, seq)))

    with scripted_server(talk) as address:
        policy = load_policy("vla-eval", address, {}, 7).policy
        policy.reset([0, 1], EPISODES[:2])
        assert not policy.act(observe([0])).failures
        chunk = policy.act(observe([1]))
    assert "has changed its observation_params" in chunk.failures[0]
