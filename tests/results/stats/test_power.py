"""Numbers of trials, against statsmodels and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import samplesize_proportions_2indep_onetail

from gridseval.results.stats.power import (
    independent_flips,
    paired_power,
    paired_trials_needed,
    threshold_power,
    threshold_trials_needed,
    unpaired_trials_needed,
)


@pytest.mark.parametrize(("rate", "drop"), [(0.95, 0.1), (0.9, 0.02), (0.5, 0.2)])
def test_unpaired_numbers_are_those_of_statsmodels(rate: float, drop: float) -> None:
    expected = samplesize_proportions_2indep_onetail(
        -drop, rate, 0.8, ratio=1, alpha=0.05, alternative="smaller"
    )
    assert unpaired_trials_needed(rate, drop) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(("drop", "flips"), [(0.1, 0.2), (0.05, 0.05), (0.02, 0.1)])
def test_paired_power_is_what_happens(drop: float, flips: float) -> None:
    rng = np.random.default_rng(2)
    counts = rng.multinomial(300, [(flips + drop) / 2, (flips - drop) / 2, 1 - flips], size=20_000)
    p_values = stats.binom.sf(counts[:, 0] - 1, counts[:, 0] + counts[:, 1], 0.5)
    happened = np.mean(p_values <= 0.05)
    assert paired_power(300, drop, flips) == pytest.approx(happened, abs=0.01)


def test_the_trials_needed_are_enough_and_fewer_are_not() -> None:
    for drop, flips in ((0.1, 0.1), (0.1, 0.3), (0.03, 0.08)):
        needed = paired_trials_needed(drop, flips, power=0.9)
        assert paired_power(needed, drop, flips) >= 0.9
        assert paired_power(int(0.9 * needed), drop, flips) < 0.9
    for rate, drop in ((0.95, 0.1), (0.5, 0.05), (1.0, 0.1)):
        needed = threshold_trials_needed(rate, drop, power=0.9)
        assert threshold_power(needed, rate, drop) >= 0.9
        assert threshold_power(int(0.9 * needed) - 1, rate, drop) < 0.9


def test_threshold_power_is_what_happens() -> None:
    rng = np.random.default_rng(4)
    successes = rng.binomial(200, 0.85, size=20_000)
    happened = np.mean(stats.binom.cdf(successes, 200, 0.9) <= 0.05)
    assert threshold_power(200, 0.9, 0.05) == pytest.approx(happened, abs=0.01)


def test_pairing_needs_fewer_episodes() -> None:
    independent = independent_flips(0.9, 0.05)
    assert independent == pytest.approx(0.9 * 0.15 + 0.85 * 0.1)
    paired = paired_trials_needed(0.05, 0.5 * independent)
    assert paired < 0.6 * unpaired_trials_needed(0.9, 0.05)


@pytest.mark.parametrize(("drop", "flips"), [(0.0, 0.1), (0.2, 0.1), (0.1, 1.1), (-0.1, 0.1)])
def test_impossible_arguments_are_refused(drop: float, flips: float) -> None:
    with pytest.raises(ValueError, match="must be"):
        paired_power(10, drop, flips)
    with pytest.raises(ValueError, match="must be"):
        unpaired_trials_needed(0.1, 0.2)


def test_a_drop_nobody_can_see_is_refused() -> None:
    with pytest.raises(ValueError, match="episodes are needed"):
        threshold_trials_needed(0.5, 1e-7)
