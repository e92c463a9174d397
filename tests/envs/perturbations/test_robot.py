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
        np.testing.assert_allclose(
            joints(k), np.array(NOMINAL_JOINTS) + deviation, rtol=0, atol=5.1e-9
        )


@pytest.mark.parametrize(
    ("k", "angles"),
    [
        (
            1,
            (0.02097405, -0.16687568, 0.02734903, -2.38028663, -0.00988726, 2.21686563, 0.85208136),
        ),
        (
            15,
            (
                0.00029413,
                -0.17453103,
                -0.08141324,
                -2.46879332,
                -0.01971321,
                2.18060458,
                0.77612088,
            ),
        ),
        (
            40,
            (0.00077795, -0.2356552, 0.03513077, -2.42946424, -0.04563064, 2.23205881, 0.75610524),
        ),
        (
            322,
            (-0.20025593, -0.18950622, 0.13873864, -2.46379781, 0.22747849, 2.00830255, 0.78357838),
        ),
        (
            323,
            (
                -0.16104227,
                -0.11427884,
                0.11404272,
                -2.49870222,
                -0.33486961,
                2.25233446,
                0.84155733,
            ),
        ),
    ],
)
def test_the_numbers_are_those_of_upstreams_source(k: int, angles: tuple[float, ...]) -> None:
    """They stand there with eight decimals, and the arm's motion shows the difference."""
    assert joints(k) == angles


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
