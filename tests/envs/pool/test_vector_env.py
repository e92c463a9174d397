"""The vector environment's own doings, on workers without a simulator."""

from __future__ import annotations

import inspect
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import RecordEpisodeStatistics
from pool_doubles import TRIALS, FakeSettings

from gridseval.envs.config import EnvConfig
from gridseval.envs.libero_env import LiberoEnv
from gridseval.envs.pool import vector_env
from gridseval.envs.pool.settings import EnvSettings
from gridseval.envs.pool.vector_env import LiberoVectorEnv
from gridseval.errors import MachineError, UsageError, WorkerLostError

MakeEnv = Callable[..., LiberoVectorEnv]
RAISE, REFUSE = TRIALS.index("raise"), TRIALS.index("refuse")


@pytest.fixture
def make_env(monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeEnv]:
    with ExitStack() as opened:

        def make(num_envs: int = 2, fatal: bool = True, **changed: Any) -> LiberoVectorEnv:
            monkeypatch.setattr(vector_env, "EnvSettings", FakeSettings)
            changed = {"observations": ("state",), "fatal": fatal, **changed}
            env = LiberoVectorEnv(num_envs, "libero_object", **changed)
            opened.callback(env.close)
            return env

        yield make


def _still(env: LiberoVectorEnv) -> Any:
    return np.zeros(env.action_space.shape, np.float32)


def _at(infos: dict[str, Any]) -> list[tuple[int, int]]:
    return list(zip(infos["task"].tolist(), infos["trial"].tolist(), strict=True))


def test_reset_starts_the_suite_s_first_episodes_and_options_choose_others(
    make_env: MakeEnv,
) -> None:
    env = make_env(fatal=False)
    assert _at(env.reset()[1]) == [(0, 0), (0, 1)]
    assert _at(env.reset()[1]) == [(0, 0), (0, 1)]
    assert _at(env.reset(options={"task": 3})[1]) == [(3, 0), (3, 0)]
    assert _at(env.reset(options={"task": [2, 5], "trial": 7})[1]) == [(2, 7), (5, 7)]
    assert _at(env.reset(options={"task": np.array([1, 2]), "trial": np.array([3, 4])})[1]) == [
        (1, 3),
        (2, 4),
    ]
    name = env.suite.tasks[6].name
    assert _at(env.reset(options={"task": name, "trial": np.int64(2)})[1]) == [(6, 2), (6, 2)]


def test_a_slot_that_has_ended_starts_the_next_episode_in_the_step_after(
    make_env: MakeEnv,
) -> None:
    env = make_env(fatal=False, max_steps=2)
    assert env.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    env.reset(options={"task": [0, 1], "trial": [4, 48]})
    env.step(_still(env))
    _, _, terminated, truncated, infos = env.step(_still(env))
    assert truncated.tolist() == [True, True]
    assert terminated.tolist() == [False, False]
    assert _at(infos) == [(0, 4), (1, 48)]
    observations, rewards, terminated, truncated, infos = env.step(_still(env))
    # The next ones after the last slot's, and after a task's last trial the next task's first.
    assert _at(infos) == [(1, 49), (2, 0)]
    assert infos["steps"].tolist() == [0, 0]
    assert (rewards.tolist(), truncated.tolist()) == ([0.0, 0.0], [False, False])
    assert observations["instruction"] == ("do 1", "do 2")


def test_after_the_suite_s_last_episode_comes_the_first(make_env: MakeEnv) -> None:
    env = make_env(num_envs=1, fatal=False, max_steps=1)
    env.reset(options={"task": 9, "trial": 49})
    env.step(_still(env))
    assert _at(env.step(_still(env))[4]) == [(0, 0)]


def test_only_the_slot_that_has_ended_starts_anew(make_env: MakeEnv) -> None:
    env = make_env(fatal=False, max_steps=3, action_chunk=4)
    env.reset()
    chunk = _still(env)[:, :2]
    assert env.step(chunk)[4]["steps"].tolist() == [2, 2]
    env._ended[0] = True  # as if only this one had reached its goal
    infos = env.step(chunk[:, :1])[4]
    assert _at(infos) == [(0, 2), (0, 1)]
    assert infos["steps"].tolist() == [0, 3]


def test_a_worker_lost_in_a_step_truncates_its_slot_and_no_other(make_env: MakeEnv) -> None:
    env = make_env(fatal=False)
    env.reset(options={"trial": [3, 4]})
    lost = env._pool.pids()[0]
    os.kill(lost, signal.SIGKILL)
    observations, _, terminated, truncated, infos = env.step(_still(env))
    assert (terminated.tolist(), truncated.tolist()) == ([False, False], [True, False])
    assert infos["failure"].tolist() == ["worker process was ended by SIGKILL", None]
    assert infos["is_success"].tolist() == [False, False]
    assert observations["state"][0].tolist() == [0] * 8
    assert observations["state"][1].tolist() == [2.0] * 8
    assert observations["instruction"] == (
        "pick up the alphabet soup and place it in the basket",
        "do 0",
    )
    infos = env.step(_still(env))[4]
    assert _at(infos) == [(0, 5), (0, 4)]
    assert infos["steps"].tolist() == [0, 2]
    assert infos["pid"][0] != lost


def test_a_new_worker_gets_the_seed_that_reset_was_given(make_env: MakeEnv) -> None:
    env = make_env(fatal=False, seed=5)
    assert env.reset()[1]["seed"].tolist() == [5, 5]
    assert env.reset(seed=11)[1]["seed"].tolist() == [11, 11]
    os.kill(env._pool.pids()[0], signal.SIGKILL)
    env.step(_still(env))
    assert env.step(_still(env))[4]["seed"].tolist() == [11, 11]
    assert env.reset()[1]["seed"].tolist() == [11, 11]


def test_an_episode_that_loses_every_worker_is_an_error_and_the_environment_lives_on(
    make_env: MakeEnv,
) -> None:
    env = make_env()
    with pytest.raises(WorkerLostError, match="slot 0: ValueError: qpos is broken"):
        env.reset(options={"trial": [RAISE, 0]})
    assert _at(env.reset(options={"trial": 0, "task": [1, 2]})[1]) == [(1, 0), (2, 0)]


def test_a_refusal_in_a_worker_leaves_no_answers_behind(make_env: MakeEnv) -> None:
    env = make_env()
    with pytest.raises(MachineError, match="no models here"):
        env.reset(options={"trial": [REFUSE, REFUSE]})
    assert _at(env.reset(options={"trial": 0, "task": [1, 2]})[1]) == [(1, 0), (2, 0)]


def test_stepping_before_reset_is_refused(make_env: MakeEnv) -> None:
    env = make_env()
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(_still(env))


def test_refused_actions_disturb_nothing(make_env: MakeEnv) -> None:
    env = make_env(fatal=False)
    env.reset()
    for shape in ((2, 6), (1, 7), (3, 7), (7,), (2, 1, 7), ()):
        with pytest.raises(UsageError, match=r"not \(2, 7\)"):
            env.step(np.zeros(shape, np.float32))
    actions = _still(env)
    actions[1, 3] = np.nan
    with pytest.raises(UsageError, match="not finite"):
        env.step(actions)
    assert env.step(_still(env))[4]["steps"].tolist() == [1, 1]


def test_refused_chunks_disturb_nothing(make_env: MakeEnv) -> None:
    env = make_env(fatal=False, action_chunk=3)
    env.reset()
    for shape in ((2, 7), (2, 0, 7), (2, 4, 7), (1, 3, 7)):
        with pytest.raises(UsageError, match=r"not \(2, n, 7\) with n from 1 to 3"):
            env.step(np.zeros(shape, np.float32))
    assert env.step(_still(env)[:, :2])[4]["steps"].tolist() == [2, 2]


WRONG_OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"tsk": 1}, "no option 'tsk'.*did you mean 'task'"),
    ({"task": 10}, "its 10 tasks are numbered 0 to 9"),
    ({"trial": 50}, "there is no trial 50 of 50"),
    ({"task": [1, 2, 3]}, "3 values of the option 'task' for 2 environments"),
    ({"task": 1.5}, "not 1.5"),
    ({"trial": None}, "not None"),
    ({"trial": [0, True]}, "trial must be a whole number, not True"),
]


def test_wrong_options_are_refused(make_env: MakeEnv) -> None:
    env = make_env(fatal=False)
    for options, said in WRONG_OPTIONS:
        with pytest.raises(UsageError, match=said):
            env.reset(options=options)
    assert _at(env.reset()[1]) == [(0, 0), (0, 1)]


def test_no_environments_and_unknown_suites_are_refused() -> None:
    with pytest.raises(UsageError, match="num_envs must be at least 1, not 0"):
        LiberoVectorEnv(0, "libero_object")
    with pytest.raises(UsageError, match="libero_object"):
        LiberoVectorEnv(1, "libero_objects")


WRONG_ARGUMENTS: list[tuple[dict[str, Any], str]] = [
    ({"seed": 1.5}, "seed must be a whole number, not 1.5"),
    ({"seed": "7"}, "seed must be a whole number, not '7'"),
    ({"action_chunk": "8"}, "action_chunk must be a whole number, not '8'"),
    ({"observations": "state"}, "observations must be a sequence of keys, not 'state'"),
    ({"render_mode": "human"}, "no render mode 'human'"),
    ({"settle_steps": -1}, "settle_steps must be at least 0, not -1"),
    ({"max_scenes": 0}, "max_scenes must be at least 1, not 0"),
    ({"max_steps": 0}, "max_steps must be at least 1, not 0"),
    ({"backend": "glx"}, "no OpenGL back end 'glx'"),
    ({"settle": 3}, "no argument 'settle'.*did you mean 'settle_steps'"),
    ({"num_envs": 2.0}, "num_envs must be a whole number, not 2.0"),
]


def test_wrong_arguments_are_refused_before_there_are_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(vector_env, "WorkerPool", None)
    for wrong, said in WRONG_ARGUMENTS:
        with pytest.raises(UsageError, match=said):
            LiberoVectorEnv(**{"num_envs": 1, "suite": "libero_object", **wrong})


def test_all_arguments_of_an_environment_reach_the_workers(make_env: MakeEnv) -> None:
    given = {"settle_steps": 3, "backend": "osmesa", "max_scenes": 5, "draw_last": False}
    env = make_env(num_envs=1, assets=Path("/models"), **given)
    settings = env._pool._workers[0]._settings
    assert {name: getattr(settings, name) for name in given} == given
    assert settings.assets == "/models"
    assert list(inspect.signature(LiberoEnv).parameters) == ["suite", "render_mode", "options"]
    own = fields(EnvSettings)[len(fields(EnvConfig)) :]
    assert fields(EnvSettings) == fields(EnvConfig) + own, "one table of options for both"
    assert [field.name for field in own] == ["suite_sha256", "egl_devices", "asset_cache_mb"]


def test_closed_environments_say_so(make_env: MakeEnv) -> None:
    env = make_env(fatal=False)
    env.reset()
    env.close()
    with pytest.raises(gymnasium.error.ClosedEnvironmentError):
        env.reset()
    with pytest.raises(gymnasium.error.ClosedEnvironmentError):
        env.step(_still(env))


def test_infos_say_what_time_was_spent_on(make_env: MakeEnv) -> None:
    infos = make_env(fatal=False).reset()[1]
    assert infos["seconds"]["physics"].tolist() == [0.25, 0.25]


def test_a_wrong_seed_of_a_reset_changes_nothing(make_env: MakeEnv) -> None:
    env = make_env(fatal=False, seed=5)
    for wrong in (1.5, "7", True, -1):
        with pytest.raises(UsageError, match="seed"):
            env.reset(seed=wrong)  # type: ignore[arg-type]
    assert env.reset()[1]["seed"].tolist() == [5, 5]


def test_render_shows_both_cameras_of_each_slot(make_env: MakeEnv) -> None:
    cameras = ("agentview", "wrist")
    env = make_env(fatal=False, observations=cameras, render_mode="rgb_array")
    with pytest.raises(UsageError, match="nothing to render"):
        env.render()
    env.reset(options={"task": [1, 2]})
    images = env.render()
    assert images is not None
    assert [image.shape for image in images] == [(256, 512, 3)] * 2
    assert [(image[0, 0, 0], image[0, 256, 0]) for image in images] == [(10, 11), (20, 21)]
    assert make_env(fatal=False).render() is None


def test_gymnasium_s_statistics_count_its_episodes(make_env: MakeEnv) -> None:
    env = RecordEpisodeStatistics(make_env(fatal=False, max_steps=2))
    env.reset()
    env.step(_still(env))
    for _ in range(2):
        infos = env.step(_still(env))[4]
        assert infos["episode"]["l"].tolist() == [2, 2]
        assert infos["_episode"].tolist() == [True, True]
        env.step(_still(env))  # the reset
        env.step(_still(env))
