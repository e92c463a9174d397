"""What a vla-eval server sees and moves is what vla-eval's own LIBERO benchmark shows and moves.

The benchmark class itself runs in another process. Here gridseval's environment runs the same
episodes behind gridseval's client of vla-eval's servers, from frame to payload and from answer to
executed action.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from comparison import assert_same, tape
from served import policy_server
from vla_eval.protocol.messages import unpack_message
from vla_eval_double import Model, served

import gridseval  # noqa: F401
from gridseval.policies import ActionChunk, EnvironmentNeeds, LoadedPolicy, load_policy
from gridseval.suites import Episode

pytestmark = pytest.mark.slow

LOOP = Path(__file__).with_name("vla_eval_loop.py")
XVLA = {"send_wrist_image": True, "send_state": True, "absolute_action": True}
OFT = {"send_wrist_image": True, "send_state": True, "quat_no_antipodal": True, "env_seed": 0}
GROOT = {"send_state": True}

# Goals about the hand's place over the tables of libero_spatial and libero_goal, as X-VLA's are.
HOME = np.array([-0.2, 0.0, 1.15, -2.19, -2.19, 0.06, 0.0])


def goals(steps: int, seed: int) -> list[list[float]]:
    """Return goal poses held for two steps, one with an orientation of zero angle."""
    random = np.random.default_rng(seed)
    reach = np.array([0.15, 0.15, 0.1, 0.5, 0.5, 0.5, 1.0])
    held = HOME + random.uniform(-reach, reach, (steps // 2, 7))
    held[-1, 3:6] = 0.0
    return np.repeat(held, 2, axis=0).astype(np.float32).astype(float).tolist()


@dataclass(frozen=True)
class Job:
    """Trials of one task under one action tape; the benchmark also runs those before them."""

    suite: str
    task: int
    params: Mapping[str, Any]
    actions: list[list[float]]
    trials: tuple[int, ...] = (1,)
    image_steps: tuple[int, ...] = (12,)


JOBS = {
    "x-vla": Job("libero_spatial", 4, XVLA, goals(12, 1)),
    "oft": Job("libero_goal", 3, OFT, tape(12, 2)),
    "groot": Job("libero_goal", 3, GROOT, tape(12, 5)),
}


class Following:
    """Chunks of 4 that follow from all that is seen, of which 3 are executed."""

    observation_keys = ("agentview", "wrist", "state")

    def reset(self, slots: Any, episodes: Any) -> None:
        """Keep nothing."""

    def act(self, observations: Any) -> ActionChunk:
        """Move by the state and by what the cameras show."""
        (state,), step = observations["state"], observations["steps"][0]
        actions = np.zeros((1, 4, 7), np.float32)
        actions[0, :, :3] = state[:3] - np.float32(0.5)
        actions[0, :, 3:5] = [observations[key].mean() / 512 for key in ("agentview", "wrist")]
        actions[0, :, 5] = np.arange(4) / 10 - step / 100 + state[3] / 100
        actions[0, :, 6] = -1 if step < 6 else 0.3
        return ActionChunk(actions)


SERVED = LoadedPolicy(
    *(Following(), "following", Following.observation_keys, 3, {}),
    needs=EnvironmentNeeds(env_seed=5),
)
STEPS = 8


@pytest.fixture(scope="module")
def references(
    assets: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, np.ndarray]]:
    folder = tmp_path_factory.mktemp("benchmark")
    with policy_server(SERVED) as address:
        served = {"suite": "libero_object", "task": 1, "steps": STEPS, "address": address}
        jobs = {key: vars(job) for key, job in JOBS.items()} | {"served": served}
        return run_benchmark(jobs, folder, assets)


def run_benchmark(
    jobs: Mapping[str, Any], folder: Path, assets: Path
) -> dict[str, dict[str, np.ndarray]]:
    """Run jobs in another process and return their arrays."""
    (folder / "jobs.json").write_text(json.dumps(jobs))
    with (folder / "log.txt").open("wb") as log:
        done = subprocess.run(
            [sys.executable, LOOP, folder / "jobs.json", folder, folder / "config", assets],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            timeout=1500,
        )
    assert done.returncode == 0, (folder / "log.txt").read_text(encoding="utf8")[-4000:]
    found = {}
    for label in jobs:
        with np.load(folder / f"{label}.npz") as arrays:
            found[label] = dict(arrays)
    return found


@pytest.mark.parametrize("label", JOBS)
def test_observations_actions_and_states_are_the_benchmarks(
    assets: Path, references: dict[str, dict[str, np.ndarray]], label: str
) -> None:
    job, reference = JOBS[label], references[label]
    model = Model(dict(job.params))
    with served(model) as address:
        loaded = load_policy("vla-eval", address, {}, 7)
        env: Any = gymnasium.make(
            f"gridseval/{job.suite}-v0",
            assets=assets,
            observations=loaded.observation_keys,
            actions=loaded.needs.actions,
            seed=7 if loaded.needs.env_seed is None else loaded.needs.env_seed,
        )
        (trial,) = job.trials
        observation, _ = env.reset(options={"task": job.task, "trial": trial})
        loaded.policy.reset([0], [Episode(job.suite, job.task, trial)])
        for step, action in enumerate([*job.actions, None]):
            expected = {
                key.removeprefix(f"{trial}/{step}/"): value
                for key, value in reference.items()
                if key.startswith(f"{trial}/{step}/")
            }
            sent = unpack_message(loaded.policy.request(batch(observation, step), 0)).payload
            compare(sent, expected, str(reference["name"]), step in (0, *job.image_steps))
            state = env.unwrapped.sim_state()
            assert_same(state, reference[f"{trial}/states"][step], f"{label}: state at {step}")
            if action is None:
                break
            model.sends = action
            made = loaded.policy.act(batch(observation, step)).actions[0, 0]
            executed = reference[f"{trial}/executed"][step]
            assert_same(made.astype(np.float64), executed, f"{label}: action {step}")
            observation, *_ = env.step(made)
        env.close()


def test_a_policy_served_to_its_runner_acts_as_it_does_here(
    assets: Path, references: dict[str, dict[str, np.ndarray]]
) -> None:
    """vla-eval's LIBERO, runner and connection against ``gridseval serve``: the same episode."""
    reference = references["served"]
    env: Any = gymnasium.make("gridseval/libero_object-v0", assets=assets, seed=5)
    observation, _ = env.reset(options={"task": 1, "trial": 0})
    for step in range(STEPS):
        assert_same(env.unwrapped.sim_state(), reference["states"][step], f"state at {step}")
        if step % 3 == 0:
            chunk = Following().act(batch(observation, step)).actions[0]
        assert_same(chunk[step % 3], reference["executed"][step], f"action {step}")
        observation, *_ = env.step(chunk[step % 3])
    assert_same(env.unwrapped.sim_state(), reference["states"][STEPS], "last state")
    assert len(reference["executed"]) == STEPS
    env.close()


def batch(observation: Mapping[str, Any], step: int) -> dict[str, Any]:
    """Return an observation as policies get it."""
    arrays = {k: v[None] for k, v in observation.items() if isinstance(v, np.ndarray)}
    rest = {"slots": np.array([0]), "steps": np.array([step])}
    return {**arrays, **rest, "instruction": (observation["instruction"],)}


def compare(
    sent: Mapping[str, Any], expected: Mapping[str, np.ndarray], name: str, drawn: bool
) -> None:
    """Assert that a payload has the benchmark's keys, pixels and numbers."""
    assert sent["task_description"] == name
    cameras = [key.removeprefix("images/") for key in expected if key.startswith("images/")]
    assert list(sent["images"]) == cameras
    if drawn:
        for camera in cameras:
            assert sent["images"][camera].std() > 10
            assert_same(sent["images"][camera], expected[f"images/{camera}"], camera)
    assert set(sent) == {"images", "task_description", "states", "controller_states"}
    assert np.abs(sent["states"] - expected["states"]).max() < 1e-6
    assert_same(sent["controller_states"], expected["controller_states"], "controller_states")


def test_the_reference_shows_what_differs(
    references: dict[str, dict[str, np.ndarray]],
) -> None:
    """Guard the guards: goals are reached for, angles beyond π occur, seeds move fixtures."""
    absolute = references["x-vla"]
    first, last = (absolute[f"1/{step}/controller_states"] for step in (0, 12))
    assert np.abs(last[:6] - first[:6]).max() > 0.05
    assert references["oft"]["1/0/states"][3] > 3.1
    angles = [np.linalg.norm(references["oft"][f"1/{k}/states"][3:6]) for k in range(13)]
    assert max(angles) > np.pi
    flipped = [np.linalg.norm(references["groot"][f"1/{k}/states"][3:6]) for k in range(13)]
    assert max(flipped) <= np.pi + 1e-6
    seven, zero = (references[label]["1/0/images/agentview"] for label in ("groot", "oft"))
    assert (seven != zero).any(axis=-1).sum() > 1000
