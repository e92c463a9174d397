"""States, fixtures, images, proprioception and success equal the plain loop's, bit for bit."""

from __future__ import annotations

from pathlib import Path

import gymnasium
import numpy as np
import pytest
from comparison import Arrays, Job, compare_trial, finish_plain_loop, make, start_plain_loop, tape

KNOB = "flat_stove_1_button"
BOWL_OVER_PLATE = {"akita_black_bowl_1_joint0": ["plate_1_joint0", 0.0, 0.0, 0.06]}
STILL = [[0.0] * 6 + [-1.0]] * 12

# Each batch is one process of the plain loop; both run at the same time.
BATCHES = (
    (
        # Its Open initialiser makes the draws of a reset depend on the number of loads before it.
        Job("libero_spatial", 4, (0, 7), tape(16, 4), (0, 3, 16)),
        Job("libero_object", 2, (1,), tape(16, 2), (0, 8, 16), seed=0),
        Job("libero_goal", 8, (0,), STILL, (0, 12), pokes={"0": {"6": BOWL_OVER_PLATE}}),
    ),
    (
        # The plain loop in its purest form: every step draws both cameras.
        Job("libero_10", 3, (0, 1), tape(8, 3), (0, 1, 2, 8), draw_always=True),
        Job(
            "libero_goal",
            3,
            (0, 1),
            tape(16, 7),
            (0, 4, 5, 8, 9, 16),
            pokes={"0": {"5": {KNOB: 1.0}}},
        ),
        Job("libero_goal", 7, (0,), STILL, (0, 5, 6), pokes={"0": {"6": {KNOB: 0.6}}}),
        Job("libero_10", 9, (0, 1), tape(8, 9), (0, 8)),
        # LeRobot's way, in a task whose draws depend on the resets before, and its image size.
        Job(
            "libero_spatial",
            4,
            (0, 3),
            tape(8, 5),
            (0, 8),
            seed=1000,
            seeding="trial",
            image_px=360,
        ),
    ),
)
JOBS = {job.label: job for batch in BATCHES for job in batch}


@pytest.fixture(scope="session")
def references(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Arrays]:
    folders = [tmp_path_factory.mktemp("plain") for _ in BATCHES]
    started = [
        start_plain_loop(batch, folder, assets)
        for batch, folder in zip(BATCHES, folders, strict=True)
    ]
    found: dict[str, Arrays] = {}
    for process, folder in zip(started, folders, strict=True):
        found |= finish_plain_loop(process, folder)
    return found


@pytest.mark.parametrize("label", JOBS)
def test_trials_equal_the_plain_loop(
    assets: Path, references: dict[str, Arrays], label: str
) -> None:
    job = JOBS[label]
    env = make(job, assets)
    for trial in job.trials:
        compare_trial(env, job, trial, references[label])
    env.close()


def test_reference_reaches_what_it_should(references: dict[str, Arrays]) -> None:
    """Guard the guards: fixtures move between trials, the glow shows, grippers open and close."""
    spatial = references["libero_spatial-4-seed7"]
    assert (spatial["0/body_pos"] != spatial["7/body_pos"]).any()
    stove = references["libero_goal-3-seed7"]
    assert (stove["0/agentview4"] != stove["0/agentview8"]).any()
    for arrays in references.values():
        images = [arrays[key] for key in arrays if "agentview" in key or "wrist" in key]
        assert min(image.std() for image in images) > 10


@pytest.mark.parametrize("label", ["libero_goal-7-seed7", "libero_goal-8-seed7"])
def test_success_ends_a_chunk_in_the_step_of_the_plain_loop(
    assets: Path, references: dict[str, Arrays], label: str
) -> None:
    """A knob is turned on, a bowl falls onto its plate; a chunk stops where the goal is reached."""
    success = references[label]["0/success"]
    first = int(np.argmax(success)) + 1
    assert 6 <= first < 10
    env = make(JOBS[label], assets, action_chunk=5)
    compare_trial(env, JOBS[label], 0, references[label], 5)
    assert env.unwrapped.sim_state().tobytes() == references[label]["0/states"][first - 1].tobytes()
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.unwrapped.step(np.zeros((1, 7), np.float32))
    env.close()


def test_chunks_equal_single_steps(assets: Path, references: dict[str, Arrays]) -> None:
    job = JOBS["libero_spatial-4-seed7"]
    env = make(job, assets, action_chunk=8)
    compare_trial(env, job, 7, references[job.label], 8)
    env.close()


def test_history_does_not_matter(assets: Path, references: dict[str, Arrays]) -> None:
    """Other tasks, other seeds, a glowing stove and an abandoned episode come before."""
    job = JOBS["libero_goal-3-seed7"]
    env = make(job, assets, max_scenes=1)
    env.reset(seed=3, options={"task": 3, "trial": 11})
    env.reset(seed=7, options={"task": 6, "trial": 2})
    compare_trial(env, job, 0, references[job.label])
    compare_trial(env, job, 1, references[job.label])
    env.close()


def test_images_may_be_looked_at_rarely(assets: Path, references: dict[str, Arrays]) -> None:
    """Whether somebody looks changes neither states nor later images."""
    job = JOBS["libero_object-2-seed0"]
    blind = make(job, assets, observations=("state",), render_mode="rgb_array")
    compare_trial(blind, job, 1, references[job.label])
    shown = blind.render()
    last = references[job.label]
    assert (shown[:, :256] == last["1/agentview16"]).all()
    assert (shown[:, 256:] == last["1/wrist16"]).all()
    blind.close()
