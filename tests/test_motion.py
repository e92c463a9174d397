"""Figures of motion: against closed forms, and against SciPy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import fft, integrate, signal

from gridseval.motion import FIGURES
from gridseval.motion.figures import (
    log_dimensionless_jerk,
    path_length,
    reversals,
    seam_jump,
    spectral_arc_length,
    toggles,
)

Float = NDArray[np.float64]


def minimum_jerk(length: float, seconds: float, hz: float) -> Float:
    """Straight on, from rest to rest, with the least jerk (Flash and Hogan, 1985)."""
    share = np.arange(round(seconds * hz) + 1) / (seconds * hz)
    along = length * (10 * share**3 - 15 * share**4 + 6 * share**5)
    return np.outer(along, np.array([2.0, -1.0, 2.0]) / 3)


def circle(radius: float, turns: float, samples: int) -> Float:
    angle = np.linspace(0, 2 * np.pi * turns, samples)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), np.zeros(samples)], 1)


def test_lengths_of_known_paths() -> None:
    assert path_length(minimum_jerk(0.3, 2, 20)) == pytest.approx(0.3)
    assert path_length(circle(0.1, 2, 4000)) == pytest.approx(0.4 * np.pi, rel=1e-5)
    assert path_length(np.ones((5, 3))) == 0
    assert path_length(np.ones((1, 3))) == 0
    time = np.linspace(0, 2 * np.pi, 5000)
    wave = np.stack([time, np.sin(time), 0 * time], 1)
    expected, _ = integrate.quad(lambda x: np.hypot(1, np.cos(x)), 0, 2 * np.pi)
    assert path_length(wave) == pytest.approx(expected, rel=1e-5)


def test_jerk_of_a_minimum_jerk_motion_is_its_closed_form() -> None:
    # Greatest speed 1.875 L/T, squared jerk 720 L²/T⁵: their quotient has no unit.
    expected = -np.log(720 / 1.875**2)
    for length, seconds in ((0.3, 2.0), (1.0, 0.7)):
        found = log_dimensionless_jerk(minimum_jerk(length, seconds, 2000), 2000)
        assert found == pytest.approx(expected, abs=0.01)
    at_20_hz = log_dimensionless_jerk(minimum_jerk(0.3, 4, 20), 20)
    assert at_20_hz == pytest.approx(expected, abs=0.2)


def test_jerk_of_a_circle_is_its_closed_form() -> None:
    # Speed rω, jerk rω³ all the time: T³ / (rω)² · (rω³)² T = (ωT)⁴.
    turns = 3
    found = log_dimensionless_jerk(circle(0.2, turns, 6001), 1000)
    assert found == pytest.approx(-4 * np.log(2 * np.pi * turns), rel=1e-3)


def test_a_tremor_is_less_smooth_by_both_figures() -> None:
    smooth = minimum_jerk(0.3, 3, 20)
    rng = np.random.default_rng(0)
    shaken = smooth + rng.normal(scale=0.004, size=smooth.shape)
    for figure in (log_dimensionless_jerk, spectral_arc_length):
        before, after = figure(smooth, 20), figure(shaken, 20)
        assert before is not None
        assert after is not None
        assert after < before - 0.3


def scipy_sparc(positions: Float, hz: float) -> float:
    """The same definition on SciPy's transform, written out frequency by frequency."""
    speed = np.linalg.norm(positions[1:] - positions[:-1], axis=1) * hz
    count = 2 ** (int(np.ceil(np.log2(len(speed)))) + 4)
    amplitude = np.abs(fft.fft(speed, count))
    amplitude = amplitude / amplitude.max()
    frequency = np.arange(0, hz, hz / count)
    chosen = [k for k in range(count) if frequency[k] <= 10.0]
    last = max(k for k in chosen if amplitude[k] >= 0.05)
    total = 0.0
    for k in range(last):
        run = (frequency[k + 1] - frequency[k]) / frequency[last]
        total += np.sqrt(run**2 + (amplitude[k + 1] - amplitude[k]) ** 2)
    return -total


@pytest.mark.parametrize("seconds", [1.0, 2.5, 6.4])
def test_spectral_arc_length_is_scipys(seconds: float) -> None:
    rng = np.random.default_rng(1)
    wandering = np.cumsum(signal.lfilter([0.1], [1, -0.9], rng.normal(size=(128, 3)), axis=0), 0)
    for path in (minimum_jerk(0.3, seconds, 20), wandering):
        assert spectral_arc_length(path, 20) == pytest.approx(scipy_sparc(path, 20), rel=1e-9)


def test_a_minimum_jerk_motion_is_as_smooth_as_published() -> None:
    # Balasubramanian et al. give about −1.4 for smooth reaching.
    found = spectral_arc_length(minimum_jerk(0.3, 1.0, 100), 100)
    assert found == pytest.approx(-1.41, abs=0.03)


@given(st.floats(0.2, 5), st.floats(-1, 1))
def test_smoothness_depends_on_neither_size_nor_place(scale: float, offset: float) -> None:
    path = circle(0.1, 1.3, 60) + minimum_jerk(0.2, 59 / 20, 20)
    for figure in (log_dimensionless_jerk, spectral_arc_length):
        assert figure(path * scale + offset, 20) == pytest.approx(figure(path, 20), rel=1e-6)


def test_smoothness_of_what_does_not_move_does_not_exist() -> None:
    for figure in (log_dimensionless_jerk, spectral_arc_length):
        assert figure(np.ones((30, 3)), 20) is None
        assert figure(np.zeros((1, 3)), 20) is None
    line = np.outer(np.arange(10.0), np.ones(3))
    assert log_dimensionless_jerk(line, 20) is None


def test_a_sine_turns_back_twice_in_a_period() -> None:
    time = np.arange(0, 5, 0.05)
    swinging = np.stack([0.1 * np.sin(2 * np.pi * time), 0 * time, 0 * time], 1)
    assert reversals(swinging, 20) == 10
    assert reversals(minimum_jerk(0.3, 2, 20), 20) == 0
    trembling = 1e-5 * np.outer((-1.0) ** np.arange(50), np.ones(3))
    assert reversals(trembling, 20) == 0  # slower than 1 cm/s


def test_the_gripper_toggles_where_its_sign_changes() -> None:
    assert toggles(np.array([-1, -1, 1, 1, 0, 1, -0.2, 1])) == 3
    assert toggles(np.array([0.0, 0.0])) == 0
    assert toggles(np.array([])) == 0


def test_seams_are_where_one_answer_follows_another() -> None:
    actions = np.zeros((6, 7))
    actions[3:, 0] = 0.6
    actions[3:, 1] = 0.8
    actions[5, :3] = 9.0  # clipped to 1, as the arm does
    assert seam_jump(actions, np.array([3])) == pytest.approx(1.0)
    both = (1.0 + np.linalg.norm([0.4, 0.2, 1.0])) / 2
    assert seam_jump(actions, np.array([3, 5, 6, 40])) == pytest.approx(both)
    assert seam_jump(actions, np.array([], int)) is None


def test_the_page_on_motion_lists_every_figure() -> None:
    page = Path(__file__).parents[1] / "docs" / "guides" / "real-time.md"
    text = page.read_text(encoding="utf8").replace("\\|", "|")
    for figure in FIGURES:
        assert f"| `{figure.name}` | {figure.unit} | {figure.description} |" in text
