"""Demonstration files as LIBERO writes them: read, played again, refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from command_line import cli as cli
from numpy.typing import NDArray

from gridseval.demonstrations import (
    first_states,
    fixture_poses,
    read_actions,
    read_file,
    without_noops,
)
from gridseval.envs.libero_env import LiberoEnv
from gridseval.errors import PolicyError, UsageError
from gridseval.evaluation import RunConfig, evaluate
from gridseval.policies.replay import ReplayPolicy
from gridseval.results import read_records
from gridseval.suites import Episode, load_suite

TASK, INDEX = "turn_on_the_stove", 7
Float = NDArray[np.float64]


def write_file(
    path: Path,
    demonstrations: Sequence[tuple[Float, Any, str | None]],
    problem: str = f"libero/libero/bddl_files/libero_goal/{TASK}.bddl",
) -> Path:
    """Write states, actions and models in LIBERO's layout."""
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        data.attrs["bddl_file_name"] = problem
        data.attrs["problem_info"] = json.dumps({"language_instruction": ["turn", "on the stove"]})
        data.attrs["num_demos"] = len(demonstrations)
        for number, (states, actions, xml) in enumerate(demonstrations):
            group = data.create_group(f"demo_{number}")
            group.create_dataset("actions", data=actions)
            group.create_dataset("states", data=states)
            group.create_group("obs")
            if xml is not None:
                group.attrs["model_file"] = xml
    return path


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, assets: Path) -> tuple[Float, Any, str]:
    """Return states, actions and the model of an episode that the expert solved."""
    run = tmp_path_factory.mktemp("expert") / "run"
    evaluate(
        RunConfig(
            suite="libero_goal",
            out=run,
            tasks=str(INDEX),
            trials="3-3",
            policy="oracle",
            record_actions=True,
            workers=0,
            video="none",
            assets=str(assets),
            env_seed=5,
        )
    )
    (record,) = read_records(run / "episodes.jsonl")
    assert record.success
    actions = np.load(run / "actions" / f"libero_goal-{INDEX}-3.npy")
    env = LiberoEnv("libero_goal", assets=str(assets), observations=("state",), seed=5)
    env.reset(options={"task": INDEX, "trial": 3})
    scene = env._simulation.scene
    bodies = "".join(
        f'<body name="{fixture.root_body}" pos="{_text(scene.model.body_pos, scene, fixture)}" '
        f'quat="{_text(scene.model.body_quat, scene, fixture)}"/>'
        for fixture in scene.env.fixtures_dict.values()
    )
    begun = env.sim_state()
    env.close()
    xml = f"<mujoco><worldbody>{bodies}</worldbody></mujoco>"
    states, taken = _acted(run.parent / "begun.hdf5", begun, actions, xml, assets)
    return states, actions[:taken], xml


def _acted(path: Path, begun: Float, actions: Any, xml: str, assets: Path) -> tuple[Float, int]:
    """Return the states in which an episode from a stored state takes each action, up to success.

    A stored state holds no state of a controller, and the expert's episode began steps before it.
    So LIBERO's ``create_dataset.py``, too, acts again from the first state of what it recorded.
    """
    write_file(path, [(begun[None], actions, xml)])
    env = LiberoEnv(path, assets=str(assets), observations=("state",), seed=5)
    env.reset(options={"task": 0, "trial": 0})
    states = []
    for action in actions:
        states.append(env.sim_state())
        *_, info = env.step(action)
        if info["is_success"]:
            break
    env.close()
    assert info["is_success"]
    return np.array(states), len(states)


def _text(numbers: Any, scene: Any, fixture: Any) -> str:
    return " ".join(
        map(repr, numbers[scene.env.sim.model.body_name2id(fixture.root_body)].tolist())
    )


def test_what_a_file_says(tmp_path: Path) -> None:
    states, actions = np.arange(30.0).reshape(3, 10), np.ones((3, 7))
    file = write_file(
        tmp_path / "a.hdf5", [(states, actions, None), (states + 1, actions[:2], None)]
    )
    told = read_file(file)
    assert (told.task, told.folder, told.instruction) == (TASK, "libero_goal", "turn on the stove")
    assert [(each.name, each.steps) for each in told.demonstrations] == [
        ("demo_0", 3),
        ("demo_1", 2),
    ]
    np.testing.assert_array_equal(first_states(file), [states[0], states[0] + 1])
    assert read_actions(file, 1).dtype == np.float32
    assert fixture_poses(file, {}) == [{}, {}]
    suite = load_suite(file)
    assert (suite.name, suite.trials, suite.max_steps, suite.settle_steps) == ("a", 2, 3, 0)
    with pytest.raises(UsageError, match="no number 2"):
        read_actions(file, 2)


def test_a_demonstration_succeeds_again_from_its_stored_state(
    played: tuple[Float, Any, str], tmp_path: Path, assets: Path, cli: Any
) -> None:
    states, actions, xml = played
    idle = np.concatenate([np.zeros((5, 7)), actions, np.tile(actions[-1], (10, 1))])
    still = np.tile(np.float32([0, 0, 0, 0, 0, 0, -1]), (30, 1))
    file = write_file(
        tmp_path / f"{TASK}_demo.hdf5",
        [(states, actions, xml), (states, still, xml), (states, idle, xml)],
    )
    out = tmp_path / "run"
    said = cli(*("dataset", "check", file, "--out", out, "--workers", 0, "--assets", assets))
    assert said.status == 0, said
    records = read_records(out / "episodes.jsonl")
    assert [record.status for record in records] == ["success", "failure", "success"]
    # Step for step: the fixtures stand where they stood, under another seed of the simulator.
    assert records[0].steps == len(actions)
    assert records[0].instruction == "turn on the stove"
    row = next(line for line in said.out.splitlines() if line.startswith(TASK))
    assert row.split()[1:4] == ["2/3", "1", "0"]
    data = json.loads(
        cli(
            *("dataset", "check", file, "--out", out, "--workers", 0, "--assets", assets),
            *("--format", "json"),
        ).out
    )
    (found,) = data["files"]
    assert (found["replayed"], found["drifted"]) == ([0, 2], [1])
    assert found["noops"] >= 30 + 5
    shorter = tmp_path / "shorter"
    cli(
        *("dataset", "check", tmp_path, "--filter-noops", "--out", shorter),
        *("--workers", 0, "--assets", assets),
    )
    filtered = read_records(shorter / "episodes.jsonl")
    assert filtered[2].status == "success" and filtered[2].steps < records[2].steps


def test_fixtures_stand_where_the_model_says(
    played: tuple[Float, Any, str], tmp_path: Path, assets: Path
) -> None:
    states, actions, xml = played
    file = write_file(tmp_path / "a.hdf5", [(states, actions, xml), (states, actions, None)])
    env = LiberoEnv(file, assets=str(assets), observations=("state",), seed=0)
    placed = []
    for trial in (0, 1, 0):
        env.reset(options={"task": 0, "trial": trial})
        scene = env._simulation.scene
        bodies = {
            fixture.root_body: scene.env.sim.model.body_name2id(fixture.root_body)
            for fixture in scene.env.fixtures_dict.values()
        }
        placed.append({name: scene.model.body_pos[body].copy() for name, body in bodies.items()})
        np.testing.assert_array_equal(env.sim_state(), states[0])
    env.close()
    told = fixture_poses(file, bodies)[0]
    assert told.keys() == bodies.keys() and told
    for name, (position, _) in told.items():
        np.testing.assert_allclose(placed[0][name], position, atol=1e-12)
        np.testing.assert_array_equal(placed[2][name], placed[0][name])
    assert any(np.abs(placed[1][name] - placed[0][name]).max() > 1e-4 for name in told)


def test_noops_are_openvlas() -> None:
    actions = np.zeros((7, 7), np.float32)
    actions[:, 6] = [-1, -1, 1, 1, 1, -1, -1]
    actions[1, 0] = 0.5
    actions[3, 5] = 2e-4
    # The first does nothing; the second moves; the third closes; the fourth turns; the fifth does
    # nothing; the sixth opens; the last does nothing.
    np.testing.assert_array_equal(without_noops(actions), actions[[1, 2, 3, 5]])
    assert without_noops(actions[:1]).shape == (0, 7)


def _broken(tmp_path: Path, kind: str) -> Path:
    states, actions = np.ones((3, 10)), np.ones((3, 7))
    path = write_file(tmp_path / "a.hdf5", [(states, actions, None)])
    if kind == "text":
        path.write_text("no HDF5 at all")
        return path
    with h5py.File(path, "r+") as file:
        demo = file["data/demo_0"]
        if kind == "empty":
            del file["data"]
        elif kind == "no demonstrations":
            del file["data/demo_0"]
        elif kind == "no problem":
            del file["data"].attrs["bddl_file_name"]
        elif kind == "another problem":
            file["data"].attrs["bddl_file_name"] = "/etc/passwd"
        elif kind == "no actions":
            del demo["actions"]
        elif kind == "texts":
            del demo["actions"]
            demo["actions"] = np.array([[b"a"] * 7])
        elif kind == "external":
            del demo["actions"]
            demo["actions"] = h5py.ExternalLink("/etc/hostname", "/x")
        elif kind == "soft":
            del demo["actions"]
            demo["actions"] = h5py.SoftLink("/data/demo_0/states")
        elif kind == "huge":
            del demo["actions"]
            demo.create_dataset("actions", shape=(10**9, 7), chunks=True, dtype="f4")
        elif kind == "bytes of another file":
            del demo["actions"]
            demo.create_dataset(
                "actions", shape=(1, 7), dtype="f4", external=[("/etc/hostname", 0, 28)]
            )
        elif kind == "json":
            file["data"].attrs["problem_info"] = "{"
    return path


@pytest.mark.parametrize(
    "kind",
    [
        *("text", "empty", "no demonstrations", "no problem", "another problem", "no actions"),
        *("texts", "external", "soft", "huge", "bytes of another file", "json"),
    ],
)
def test_files_that_are_wrong_or_hostile_are_one_line(tmp_path: Path, cli: Any, kind: str) -> None:
    path = _broken(tmp_path, kind)
    with pytest.raises(UsageError, match=r"a\.hdf5"):
        load_suite(path)
    said = cli("dataset", "check", path, "--out", tmp_path / "run")
    assert said.status == 2
    assert len(said.err.strip().splitlines()) <= 2
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "xml",
    ["<mujoco>", "<a><body name='x' pos='1 2'/></a>", "<a><body name='x' pos='nan 0 0'/></a>"],
)
def test_models_that_are_wrong_are_refused(tmp_path: Path, xml: str) -> None:
    path = write_file(tmp_path / "a.hdf5", [(np.ones((3, 10)), np.ones((3, 7)), xml)])
    with pytest.raises(UsageError, match=r"a\.hdf5: demo_0: its model"):
        fixture_poses(path, {"x": 1})


def test_values_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    states, actions = np.ones((3, 10)), np.ones((3, 7))
    states[0, 3] = actions[1, 1] = np.nan
    path = write_file(tmp_path / "a.hdf5", [(states, actions, None)])
    for read in (lambda: first_states(path), lambda: read_actions(path, 0)):
        with pytest.raises(UsageError, match="finite"):
            read()
    with pytest.raises(PolicyError, match="finite"):
        ReplayPolicy(str(path)).reset([0], [Episode("a", 0, 0)])
    with pytest.raises(PolicyError, match="1 files, and task 3"):
        ReplayPolicy(str(path)).reset([0], [Episode("a", 3, 0)])
