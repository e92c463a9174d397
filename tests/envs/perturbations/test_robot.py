"""Initial joint angles."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gridseval.envs.perturbations import NOMINAL_JOINTS, joints, joints_of_norm


def test_all_500_states() -> None:
    state = np.random.RandomState(42)
    for k in range(1, 501):
        direction = state.randn(7)
        deviation = 0.1 * ((k - 1) // 100 + 1) * direction / math.hypot(*direction)
        np.testing.assert_allclose(joints(k), np.array(NOMINAL_JOINTS) + deviation, rtol=1e-14)


def test_state_0_is_nominal() -> None:
    assert joints(0) == NOMINAL_JOINTS


@pytest.mark.parametrize("k", [-1, 501])
def test_there_are_no_others(k: int) -> None:
    with pytest.raises(ValueError, match="0 to 500"):
        joints(k)


def test_asking_does_not_touch_numpys_global_generator() -> None:
    before = np.random.get_state(legacy=False)["state"]["key"].copy()
    joints(17)
    assert (np.random.get_state(legacy=False)["state"]["key"] == before).all()


def test_any_norm_in_any_direction() -> None:
    rng = np.random.default_rng(0)
    drawn = np.array([joints_of_norm(0.3, rng) for _ in range(400)]) - NOMINAL_JOINTS
    np.testing.assert_allclose(np.linalg.norm(drawn, axis=1), 0.3)
    assert np.abs(drawn.mean(axis=0)).max() < 0.03
