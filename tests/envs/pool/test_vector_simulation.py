"""The vector environment equals single environments, and runs in a plain Gymnasium loop."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

import gridseval
from gridseval.envs.libero_env import LiberoEnv
from gridseval.envs.pool.vector_env import LiberoVectorEnv

MAX_STEPS = 4
STARTS = [(0, 3), (1, 5)]


@pytest.fixture(scope="module")
def vector(assets: Path) -> Iterator[Any]:
    made = gymnasium.make_vec(
        "gridseval/libero_object-v0", num_envs=2, assets=assets, max_steps=MAX_STEPS
    )
    yield made
    made.close()


def _start(vector: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    tasks, trials = zip(*STARTS, strict=True)
    result: tuple[dict[str, Any], dict[str, Any]] = vector.reset(
        options={"task": list(tasks), "trial": list(trials)}
    )
    return result


def _assert_slot_equals(batch: dict[str, Any], slot: int, one: dict[str, Any]) -> None:
    assert set(batch) == set(one)
    assert batch["instruction"][slot] == one["instruction"]
    for key in ("agentview", "wrist", "state"):
        assert batch[key].dtype == one[key].dtype
        assert np.array_equal(batch[key][slot], one[key]), key


def test_each_slot_equals_a_single_environment(vector: Any, assets: Path) -> None:
    assert isinstance(vector.unwrapped, LiberoVectorEnv)
    actions = np.random.default_rng(0).uniform(-1, 1, (MAX_STEPS, 2, 7)).astype(np.float32)
    first, first_infos = _start(vector)
    assert first in vector.observation_space
    rest = [vector.step(action) for action in actions]
    single = LiberoEnv("libero_object", assets=assets, max_steps=MAX_STEPS)
    for slot, (task, trial) in enumerate(STARTS):
        observation, info = single.reset(options={"task": task, "trial": trial})
        _assert_slot_equals(first, slot, observation)
        assert (first_infos["task"][slot], first_infos["trial"][slot]) == (task, trial)
        assert first_infos["task_name"][slot] == info["task_name"]
        for step, (batch, rewards, terminated, truncated, infos) in enumerate(rest):
            assert batch in vector.observation_space
            observation, reward, ended, cut, info = single.step(actions[step, slot])
            _assert_slot_equals(batch, slot, observation)
            assert (rewards[slot], terminated[slot], truncated[slot]) == (reward, ended, cut)
            assert infos["steps"][slot] == info["steps"] == step + 1
            assert infos["is_success"][slot] == info["is_success"]
        assert cut
    single.close()


def test_a_worker_killed_in_a_step_leaves_the_other_slot_as_it_was(vector: Any) -> None:
    actions = np.full((2, 7), 0.3, np.float32)
    _start(vector)
    undisturbed = [vector.step(actions)[0] for _ in range(2)]
    _start(vector)
    vector.step(actions)
    os.kill(vector.unwrapped._pool.pids()[0], 9)
    observations, _, terminated, truncated, infos = vector.step(actions)
    assert observations in vector.observation_space
    assert (terminated.tolist(), truncated.tolist()) == ([False, False], [True, False])
    assert "SIGKILL" in infos["failure"][0]
    for key in ("agentview", "wrist", "state"):
        assert np.array_equal(observations[key][1], undisturbed[1][key][1])
    # The next step starts the lost slot's next episode, in a new process.
    infos = vector.step(actions)[4]
    assert infos["steps"].tolist() == [0, 3]
    assert (infos["task"][0], infos["trial"][0]) == (1, 6)


LOOP = """
import gymnasium
import gridseval

envs = gymnasium.make_vec("gridseval/libero_object-v0", num_envs=2, max_steps=3)
observations, infos = envs.reset(seed=7)
ended = []
for _ in range(8):
    actions = envs.action_space.sample()
    observations, rewards, terminated, truncated, infos = envs.step(actions)
    assert observations in envs.observation_space
    ended.append((terminated | truncated).tolist())
print(ended, infos["trial"].tolist(), infos["steps"].tolist())
envs.close()
"""


def test_a_plain_script_without_a_main_guard(assets: Path, tmp_path: Path) -> None:
    script = tmp_path / "loop.py"
    script.write_text(LOOP)
    root = str(Path(gridseval.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "GRIDSEVAL_ASSETS": str(assets), "PYTHONPATH": root},
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    # Three steps, then one that starts the next episode, and so on.
    cycle = [[False] * 2, [False] * 2, [True] * 2, [False] * 2]
    assert done.stdout.strip() == f"{cycle * 2} [4, 5] [0, 0]"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["loop.py"]
