"""Noise on executed actions depends on the episode and the step, and on nothing else."""

from __future__ import annotations

import numpy as np

from gridseval.collecting.noise import ActionNoise
from gridseval.suites import Episode

ONE, OTHER = Episode("libero_goal", 0, 0), Episode("libero_goal", 0, 1)
STILL = np.zeros((8, 7), np.float32)


def test_the_same_query_gets_the_same_noise() -> None:
    noise = ActionNoise(0.35, 1.0, seed=7)
    first = noise.disturbed(STILL, ONE, 12)
    assert first.dtype == np.float32
    assert first.tobytes() == ActionNoise(0.35, 1.0, seed=7).disturbed(STILL, ONE, 12).tobytes()
    for seed, episode, step in ((8, ONE, 12), (7, OTHER, 12), (7, ONE, 13)):
        assert (ActionNoise(0.35, 1.0, seed).disturbed(STILL, episode, step) != first).any()


def test_a_share_of_the_queries_gets_noise_of_the_size_asked_for() -> None:
    noise = ActionNoise(0.3, 0.4, seed=0)
    drawn = np.array([noise.disturbed(STILL, ONE, step)[0] for step in range(4000)])
    some = drawn[np.abs(drawn[:, :6]).max(1) > 0]
    assert 0.37 < len(some) / len(drawn) < 0.43
    assert 0.28 < some[:, :3].std() < 0.32
    assert 0.09 < some[:, 3:6].std() < 0.11
    assert (drawn[:, 6] == 0).all()


def test_a_whole_chunk_is_shifted_alike_and_the_original_stays() -> None:
    disturbed = ActionNoise(0.3, 1.0, seed=0).disturbed(STILL, ONE, 0)
    assert (disturbed == disturbed[0]).all()
    assert (STILL == 0).all()
    assert ActionNoise(0.0, 1.0, seed=0).disturbed(STILL, ONE, 0) is STILL
