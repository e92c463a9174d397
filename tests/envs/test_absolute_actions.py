"""Absolute actions as Gymnasium sees them; test_vla_eval_benchmark compares their physics."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from comparison import assert_same
from gymnasium.utils.env_checker import check_env
from scipy.spatial.transform import Rotation

import gridseval  # noqa: F401
from gridseval.envs.libero_env import LiberoEnv
from gridseval.envs.pool.settings import EnvSettings
from gridseval.envs.proprioception import axis_angle_of
from gridseval.errors import UsageError

KEYS = ("state", "controller_state")
GOALS = np.array(
    [[-0.1, 0.1, 0.25, -2.2, -2.2, 0.1, -1], [-0.15, 0.0, 0.3, 0, 0, 0, 1]], np.float32
)


@pytest.fixture(scope="module")
def env(assets: Path) -> Iterator[LiberoEnv]:
    options: dict[str, Any] = {"observations": KEYS, "actions": "absolute"}
    made: Any = gymnasium.make("gridseval/libero_object-v0", assets=assets, **options)
    yield made.unwrapped
    made.close()


def test_goals_have_no_bounds_and_motions_keep_theirs(env: LiberoEnv, assets: Path) -> None:
    assert env.action_space.high.tolist() == [np.inf] * 6 + [1]
    assert GOALS[0] in env.action_space
    usual = LiberoEnv("libero_object", assets=assets, observations=("state",))
    assert usual.action_space == gymnasium.spaces.Box(-1, 1, (7,), np.float32)
    assert "controller_state" not in usual.observation_space.spaces
    usual.close()


@pytest.mark.filterwarnings("ignore:.*Box action space")
def test_check_env_misses_nothing_but_bounds(env: LiberoEnv) -> None:
    check_env(env)


def test_a_start_knows_nothing_of_the_goals_before(env: LiberoEnv) -> None:
    first, _ = env.reset(options={"task": 2, "trial": 3})
    start = env.sim_state()
    for goal in GOALS:
        env.step(goal)
    again, _ = env.reset(options={"task": 2, "trial": 3})
    assert_same(env.sim_state(), start, "start")
    assert_same(again["controller_state"], first["controller_state"], "controller_state")


def test_processes_execute_goals_as_one_environment_does(env: LiberoEnv, assets: Path) -> None:
    made: Any = gymnasium.make_vec(
        "gridseval/libero_object-v0",
        num_envs=2,
        assets=assets,
        observations=KEYS,
        actions="absolute",
        action_chunk=2,
    )
    assert made.single_action_space.high[:, :6].min() == np.inf
    starts = {"task": [2, 0], "trial": [3, 1]}
    made.reset(options=starts)
    together, *_ = made.step(np.stack([GOALS, GOALS]))
    made.close()
    for slot, (task, trial) in enumerate(zip(*starts.values(), strict=True)):
        env.reset(options={"task": task, "trial": trial})
        for goal in GOALS:
            alone, *_ = env.step(goal)
        for key in KEYS:
            assert_same(together[key][slot], alone[key], f"{key} of slot {slot}")
        assert alone in env.observation_space


def test_the_controllers_pose_is_the_hands_turned_by_a_right_angle(env: LiberoEnv) -> None:
    seen, _ = env.reset()
    hand, grip = (Rotation.from_rotvec(seen[key][3:6]) for key in KEYS)
    assert (hand.inv() * grip).magnitude() == pytest.approx(np.pi / 2, abs=0.02)
    assert seen["controller_state"][:3] == pytest.approx(seen["state"][:3], abs=1e-3)


def test_another_kind_of_actions_is_refused(assets: Path) -> None:
    for make in (LiberoEnv, EnvSettings):
        with pytest.raises(UsageError, match="no kind of actions 'absolut'") as caught:
            make("libero_object", actions="absolut")
        assert "'absolute'" in (caught.value.hint or "")


def test_axis_angles_are_scipys_even_of_half_turns() -> None:
    rng = np.random.default_rng(2)
    turns = [*rng.normal(size=(50, 3)), np.zeros(3), *np.eye(3) * np.pi, *np.eye(3) * 1e-9]
    turns += [turn / np.linalg.norm(turn) * (np.pi - 1e-5) for turn in rng.normal(size=(50, 3))]
    for turn in turns:
        matrix = Rotation.from_rotvec(turn).as_matrix()
        ours = axis_angle_of(matrix)
        assert np.linalg.norm(ours) <= np.pi + 1e-12
        assert Rotation.from_rotvec(ours).as_matrix() == pytest.approx(matrix, abs=1e-8)
