"""The environment as Gymnasium expects it, and its answers to wrong arguments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import gridseval  # noqa: F401
from gridseval.envs.init_states import read_init_states
from gridseval.envs.libero_env import LiberoEnv
from gridseval.errors import MachineError, UsageError
from gridseval.suites import list_suites

ID = "gridseval/libero_object-v0"
STILL = np.array([0, 0, 0, 0, 0, 0, -1], dtype=np.float32)


@pytest.fixture(scope="module")
def env(assets: Path) -> Iterator[LiberoEnv]:
    """Return an environment without images, which tests share: a reset must make it as new."""
    made = gymnasium.make(ID, assets=assets, observations=("state",), privileged=True)
    yield made.unwrapped
    made.close()


@pytest.fixture(scope="module")
def seeing(assets: Path) -> Iterator[gymnasium.Env[Any, Any]]:
    made = gymnasium.make(ID, assets=assets, render_mode="rgb_array")
    yield made
    made.close()


def test_every_suite_has_an_id() -> None:
    for suite in list_suites():
        spec = gymnasium.spec(f"gridseval/{suite}-v0")
        assert spec.kwargs == {"suite": suite}
        assert spec.max_episode_steps is None  # the environment truncates by itself


def test_check_env_finds_nothing(seeing: gymnasium.Env[Any, Any]) -> None:
    check_env(seeing.unwrapped)


def test_observations_lie_in_their_space(seeing: gymnasium.Env[Any, Any]) -> None:
    observation, info = seeing.reset(options={"task": 4, "trial": 2})
    assert seeing.observation_space.contains(observation)
    assert set(observation) == {"agentview", "wrist", "state", "instruction"}
    assert observation["instruction"] == "pick up the ketchup and place it in the basket"
    assert info == {
        "is_success": False,
        "steps": 0,
        "task": 4,
        "task_name": "pick_up_the_ketchup_and_place_it_in_the_basket",
        "instruction": observation["instruction"],
        "trial": 2,
        "starts": "stored",
        "mujoco_warnings": 0,
    }
    assert seeing.render().shape == (256, 512, 3)
    assert (seeing.render()[:, :256] == observation["agentview"]).all()


def test_instructions_of_all_suites_lie_in_the_space(seeing: gymnasium.Env[Any, Any]) -> None:
    from gridseval.suites import load_suite

    space = seeing.observation_space["instruction"]
    for suite in list_suites():
        assert all(space.contains(task.instruction) for task in load_suite(suite).tasks)


def test_observations_do_not_change_afterwards(seeing: gymnasium.Env[Any, Any]) -> None:
    before, _ = seeing.reset()
    copies = {key: np.copy(value) for key, value in before.items()}
    for _ in range(3):
        seeing.step(np.array([1, 0, -1, 0, 0, 0, 1], dtype=np.float32))
    assert all((copies[key] == before[key]).all() for key in ("agentview", "wrist", "state"))


def test_start_depends_on_nothing_that_happened_before(env: LiberoEnv) -> None:
    def start(**kwargs: Any) -> bytes:
        env.reset(**kwargs)
        return env.sim_state().tobytes()

    chosen = {"task": 3, "trial": 6}
    first = start(seed=7, options=chosen)
    for _ in range(3):
        env.step(np.array([1, 1, -1, 0, 0.5, 0, 1], dtype=np.float32))
    assert start(options=chosen) == first
    start(seed=123, options={"task": 3, "trial": 1})
    start(options={"task": 5, "trial": 9})
    np.random.seed(99)
    assert start(seed=7, options={"task": env.suite.tasks[3].name, "trial": np.int64(6)}) == first
    assert start(options={"task": 3, "trial": 5}) != first


def test_global_random_numbers_are_left_alone(env: LiberoEnv) -> None:
    np.random.seed(5)
    expected = np.random.rand(3)
    np.random.seed(5)
    env.reset(options={"task": 2, "trial": 1})
    env.step(STILL)
    assert (np.random.rand(3) == expected).all()


def test_without_settling_the_state_is_the_stored_one(assets: Path) -> None:
    made = gymnasium.make(ID, assets=assets, observations=("state",), settle_steps=0)
    made.reset(options={"task": 1, "trial": 49})
    scene = made.unwrapped._running.task.simulation.scene
    stored = read_init_states(scene.files.init_states)[49]
    assert made.unwrapped.sim_state().tobytes() == stored.tobytes()
    made.close()


def test_truncated_after_max_steps_not_before(assets: Path) -> None:
    made = gymnasium.make(ID, assets=assets, observations=("state",), max_steps=3, action_chunk=2)
    made.reset()
    *_, terminated, truncated, info = made.step(np.stack([STILL] * 2))
    assert (terminated, truncated, info["steps"]) == (False, False, 2)
    *_, terminated, truncated, info = made.step(np.stack([STILL] * 2))
    assert (terminated, truncated, info["steps"]) == (False, True, 3)
    with pytest.raises(gymnasium.error.ResetNeeded):
        made.unwrapped.step(np.stack([STILL]))
    made.reset()
    assert not made.step(np.stack([STILL]))[3]
    made.close()


def test_step_before_reset_is_refused(assets: Path) -> None:
    fresh = LiberoEnv("libero_object", assets=assets, observations=("state",))
    with pytest.raises(gymnasium.error.ResetNeeded):
        fresh.step(STILL)
    with pytest.raises(gymnasium.error.ResetNeeded):
        fresh.sim_state()
    fresh.close()


def test_closing_twice_is_harmless(assets: Path) -> None:
    fresh = LiberoEnv("libero_object", assets=assets, observations=("state",))
    fresh.reset()
    fresh.close()
    fresh.close()
    with pytest.raises(gymnasium.error.ResetNeeded):
        fresh.step(STILL)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": 10}, "no task 10 in libero_object.*0 to 9"),
        ({"task": -1}, "no task -1"),
        ({"task": 1.5}, "not 1.5"),
        ({"task": "pick_up_the_kechup_and_place_it_in_the_basket"}, "did you mean.*_ketchup_"),
        ({"trial": 50}, "no trial 50 of 50.*0 to 49"),
        ({"trial": -1}, "no trial -1"),
        ({"trial": "0"}, "whole number"),
        ({"trail": 1}, "no option 'trail'.*did you mean 'trial'"),
        ({"record_every": -1}, "record_every"),
        ({"record_every": "often"}, "record_every"),
        *[({name: True}, "whole number, not True") for name in ("task", "trial", "record_every")],
    ],
)
def test_wrong_options_are_refused_and_change_nothing(
    env: LiberoEnv, options: dict[str, Any], message: str
) -> None:
    env.reset(seed=7, options={"task": 6, "trial": 1})
    before = env.sim_state()
    with pytest.raises(UsageError, match=message):
        env.reset(seed=8, options={"task": 2, "trial": 3} | options)
    assert (env.sim_state() == before).all()
    observation, *_, info = env.step(STILL)
    assert (info["task"], info["trial"], info["steps"]) == (6, 1, 1)
    assert "butter" in observation["instruction"]
    env.reset(options={"task": 6, "trial": 1})
    assert (env.sim_state() == before).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"suite": "libero_objects"}, "did you mean 'libero_object'"),
        ({"observations": ("state", "agent_view")}, "did you mean 'agentview'"),
        ({"action_chunk": 0}, "action_chunk must be at least 1"),
        ({"seed": -1}, "seed -1 is out of range"),
        ({"seed": 2**32}, "out of range"),
        ({"max_scenes": 0}, "max_scenes must be at least 1"),
        ({"max_steps": 0}, "max_steps must be at least 1"),
        ({"settle_steps": -1}, "settle_steps must be at least 0"),
        ({"backend": "vulkan"}, "vulkan.*egl, osmesa"),
        *[({"seed": wrong}, "seed must be a whole number") for wrong in (1.5, "7", True, None)],
        *[({"action_chunk": wrong}, "action_chunk must be a whole") for wrong in ("8", 2.5, True)],
        *[({"observations": wrong}, "must be a sequence of keys") for wrong in ("state", None)],
        *[({"render_mode": wrong}, "no render mode") for wrong in ("human", "rgb", 3, True)],
    ],
)
def test_wrong_arguments_are_refused(assets: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        LiberoEnv(**{"suite": "libero_object", "assets": assets} | arguments)


@pytest.mark.parametrize(
    "action",
    [
        np.zeros(6),
        np.zeros(8),
        np.zeros((1, 7)),
        np.zeros(()),
        np.array([0, 0, np.nan, 0, 0, 0, 0]),
        np.array([0, 0, 0, 0, 0, 0, np.inf]),
        ["a"] * 7,
        None,
    ],
    ids=str,
)
def test_wrong_actions_are_refused_and_change_nothing(env: LiberoEnv, action: Any) -> None:
    env.reset()
    before = env.sim_state()
    with pytest.raises(UsageError, match="action"):
        env.step(action)
    assert (env.sim_state() == before).all()


def test_wrong_chunks_are_refused(assets: Path) -> None:
    made = LiberoEnv("libero_object", assets=assets, observations=("state",), action_chunk=4)
    made.reset()
    for shape in ((7,), (0, 7), (5, 7), (4, 6)):
        with pytest.raises(UsageError, match=r"not \(n, 7\) with n from 1 to 4"):
            made.step(np.zeros(shape))
    made.close()


def test_recorded_frames_are_the_images_of_their_steps(seeing: gymnasium.Env[Any, Any]) -> None:
    made = seeing.unwrapped
    options = {"task": 0, "trial": 1}
    action = np.array([0.4, -0.4, -1, 0, 0, 0.2, 1], dtype=np.float32)
    seen = [made.reset(options=options)[0]] + [made.step(action)[0] for _ in range(4)]
    _, info = made.reset(options={**options, "record_every": 2})
    frames = info["frames"]
    for _ in range(4):
        frames += made.step(action)[4]["frames"]
    assert [frame["step"] for frame in frames] == [0, 2, 4]
    for frame in frames:
        for key in ("agentview", "wrist"):
            assert (frame[key] == seen[frame["step"]][key]).all()


def test_privileged_state_is_that_of_the_simulation(env: LiberoEnv) -> None:
    observation, info = env.reset(options={"task": 7, "trial": 2})
    known = info["privileged"]
    assert known["goal"] == (("in", "milk_1", "basket_1_contain_region"),)
    assert {"milk_1", "basket_1"} <= set(known["objects"])
    assert known["sites"]["basket_1_contain_region"].shape == (12,)
    assert all(pose.shape == (7,) for pose in known["objects"].values())
    assert np.allclose(known["eef"][:3], observation["state"][:3], atol=1e-6)
    # The robot still moves a little, the milk stands: its joint tells the same pose.
    stored = env._running.task.simulation.scene.env.sim.data.get_joint_qpos("milk_1_joint0")
    assert np.allclose(known["objects"]["milk_1"], stored, atol=1e-3)
    rotation = known["sites"]["basket_1_contain_region"][3:].reshape(3, 3)
    assert np.allclose(rotation @ rotation.T, np.eye(3))
    assert known["holds"] == (False,), "the milk is not in the basket yet"


def test_privileged_response_tells_how_a_push_also_turns_the_hand(env: LiberoEnv) -> None:
    _, info = env.reset(options={"task": 7, "trial": 2})
    before = info["privileged"]
    response = before["response"]
    assert np.allclose(response[:3, :3], np.eye(3), atol=1e-6)
    assert np.allclose(response[3:, 3:], np.eye(3), atol=1e-6)
    *_, info = env.step(np.array([0.5, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0]))
    moved = info["privileged"]["velocity"] - before["velocity"]
    turned = moved[3:] @ response[3:, 0]
    assert moved[0] > 0.05
    assert turned > 0.9 * np.linalg.norm(moved[3:]) * np.linalg.norm(response[3:, 0])


def test_models_that_do_not_fit_are_one_error(assets: Path, tmp_path: Path) -> None:
    """A pack in which a model file is broken names the task and leaves no half-made episode."""
    for folder in (
        "articulated_objects",
        "scenes",
        "stable_hope_objects",
        "stable_scanned_objects",
    ):
        (tmp_path / folder).mkdir()
    broken = LiberoEnv("libero_object", assets=tmp_path, observations=("state",))
    with pytest.raises(MachineError, match="cannot be built from the assets in") as caught:
        broken.reset()
    assert "pick_up_the_alphabet_soup" in str(caught.value)
    with pytest.raises(gymnasium.error.ResetNeeded):
        broken.step(STILL)
    broken.close()


def test_fewer_kept_scenes_than_tasks_in_use(assets: Path) -> None:
    """What is dropped and compiled again gives the same bits."""
    one = LiberoEnv("libero_goal", assets=assets, observations=("state",), max_scenes=1)
    states = []
    for task in (0, 5, 0):
        one.reset(options={"task": task, "trial": 4})
        states.append(one.sim_state())
    assert (states[0] == states[2]).all()
    one.close()
