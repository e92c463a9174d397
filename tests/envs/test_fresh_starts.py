"""Fresh starts equal the plain loop's resets without a stored state, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from comparison import Arrays, Job, compare_trial, finish_plain_loop, make, start_plain_loop, tape

from gridseval.envs.libero_env import LiberoEnv
from gridseval.envs.pool.vector_env import LiberoVectorEnv
from gridseval.errors import UsageError

FRESH: dict[str, Any] = {"starts": "fresh"}
JOBS = (
    # Its Open initialiser makes the draws of a reset depend on the number of loads before it.
    Job("libero_spatial", 4, (0, 5), tape(16, 4), (0, 1, 8, 16), **FRESH),
    Job("libero_object", 2, (1,), tape(12, 2), (0, 3, 12), seed=0, **FRESH),
    # A stove that glows, and cameras from the first moment on, before any step.
    Job("libero_10", 8, (0, 1), tape(8, 3), (0, 1, 8), settle_steps=0, **FRESH),
    Job("libero_goal", 3, (2,), tape(8, 7), (0, 8), seed=1000, seeding="trial", **FRESH),
)
LABELS = {job.label: job for job in JOBS}


@pytest.fixture(scope="session")
def fresh_references(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Arrays]:
    folder = tmp_path_factory.mktemp("fresh")
    return finish_plain_loop(start_plain_loop(JOBS, folder, assets), folder)


@pytest.mark.parametrize("label", LABELS)
def test_fresh_starts_equal_the_plain_loop(
    assets: Path, fresh_references: dict[str, Arrays], label: str
) -> None:
    env = make(LABELS[label], assets)
    for trial in LABELS[label].trials:
        compare_trial(env, LABELS[label], trial, fresh_references[label])
    env.close()


def test_history_does_not_matter_to_a_fresh_start(
    assets: Path, fresh_references: dict[str, Arrays]
) -> None:
    """Stored and fresh starts, other tasks and seeds come before and between."""
    job = JOBS[0]
    with_starts = LiberoEnv(job.suite, assets=assets, seed=job.seed, max_scenes=1)
    with_starts.reset(options={"task": 4, "trial": 3})
    with_starts.step(np.ones(7))
    with_starts.reset(seed=2, options={"task": 0, "start": 1})
    with_starts.reset(seed=job.seed, options={"task": 4, "start": 5})
    expected = fresh_references[job.label]["5/settled"]
    assert with_starts.sim_state().tobytes() == expected.tobytes()
    with_starts.reset(options={"task": 4, "trial": 5})
    assert (with_starts.sim_state() != expected).any()
    with_starts.close()


def objects(env: gymnasium.Env[Any, Any]) -> np.ndarray:
    """Return where the movable objects are, float64 (n, 3)."""
    found = env.unwrapped._running.task.simulation.scene  # type: ignore[attr-defined]
    names = [found.env.obj_body_id[name] for name in found.env.objects_dict]
    return np.array(found.data.xpos[names])


def test_a_fresh_start_is_none_of_the_stored_ones(assets: Path) -> None:
    """Objects lie elsewhere: by more than a millimetre from any stored state, before settling."""
    env = LiberoEnv("libero_object", assets=assets, observations=("state",), settle_steps=0)
    stored = []
    for trial in range(50):
        env.reset(options={"task": 0, "trial": trial})
        stored.append(objects(env))
    for start in range(10):
        env.reset(options={"task": 0, "start": start})
        nearest = min(np.abs(objects(env)[:, :2] - one[:, :2]).max() for one in stored)
        assert nearest > 1e-3
    env.close()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"start": -1}, "start must be at least 0"),
        ({"start": 100_000}, "start must be below 100000"),
        ({"start": 1.5}, "start must be a whole number"),
        ({"start": 0, "trial": 0}, "both a trial and a start"),
    ],
)
def test_starts_that_do_not_exist_are_refused(
    assets: Path, options: dict[str, Any], problem: str
) -> None:
    env = LiberoEnv("libero_object", assets=assets, observations=("state",))
    with pytest.raises(UsageError, match=problem):
        env.reset(options=options)
    env.close()


def test_an_unknown_kind_of_start_is_refused(assets: Path) -> None:
    with pytest.raises(UsageError, match="there is no kind of start 'new'"):
        LiberoEnv("libero_object", assets=assets, starts="new")


def test_workers_make_the_same_fresh_starts(assets: Path) -> None:
    """A fresh start may have a number that no stored trial has."""
    given: dict[str, Any] = {"assets": assets, "observations": ("state",), "starts": "fresh"}
    alone = LiberoEnv("libero_object", **given)
    expected, info = alone.reset(options={"task": 1, "trial": 60})
    assert (info["trial"], info["starts"]) == (60, "fresh")
    alone.close()
    several = LiberoVectorEnv(1, suite="libero_object", **given)
    observation, infos = several.reset(options={"task": 1, "trial": 60})
    several.close()
    assert observation["state"][0].tobytes() == expected["state"].tobytes()
    assert infos["trial"][0] == 60
