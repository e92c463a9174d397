"""One α for all tests of a gate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from gridseval.results.gate.holm import Check, decided, weighted_holm
from gridseval.results.stats.paired import Difference


@settings(max_examples=15, deadline=None)  # statsmodels takes a twentieth of a second
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_equal_weights_give_holms_method(p_values: list[float]) -> None:
    weights = [1 / len(p_values)] * len(p_values)
    expected = multipletests(p_values, method="holm")[1]
    assert weighted_holm(p_values, weights) == pytest.approx(list(expected), abs=1e-12)


def test_unequal_weights_by_hand() -> None:
    # Weighted p-values: 0.02/0.8 = 0.025, 0.001/0.1 = 0.01, 0.3/0.1 = 3.
    assert weighted_holm([0.02, 0.001, 0.3], [0.8, 0.1, 0.1]) == pytest.approx([0.0225, 0.01, 0.3])


@pytest.mark.parametrize("share", [0.8, 0.5])
def test_any_false_alarm_stays_within_alpha(share: float) -> None:
    rng = np.random.default_rng(8)
    weights = [share] + [(1 - share) / 10] * 10
    alarms = [min(weighted_holm(list(rng.random(11)), weights)) <= 0.05 for _ in range(10_000)]
    assert np.mean(alarms) <= 0.05 + 3 * (0.05 * 0.95 / 10_000) ** 0.5


def _check(task: int | None, p_value: float | None, drop: float = 0.1) -> Check:
    difference = Difference(-drop, -1.0, 1.0)
    return Check("s", task, "x", 0.9, 0.9 - drop, 50, difference, p_value)


def test_a_drop_that_is_tolerated_is_no_regression() -> None:
    suite, first, second = decided(
        [_check(None, 1e-9, 0.02), _check(0, 1e-9, 0.5), _check(1, 0.9, 0.3)], 0.05, 0.02
    )
    assert (suite.regressed, first.regressed, second.regressed) == (False, True, False)
    assert suite.adjusted == pytest.approx(1e-9 / 0.8)


def test_a_task_alone_in_its_suite_is_not_tested_twice() -> None:
    suite, task = decided([_check(None, 0.04), _check(3, 0.04)], 0.05, 0.02)
    assert suite.adjusted == task.adjusted == 0.04
    assert suite.regressed
    assert task.regressed


def test_what_is_not_tested_cannot_regress() -> None:
    checks = decided([_check(None, None), _check(0, None), _check(1, None)], 0.05, 0.0)
    assert not any(check.regressed or check.adjusted is not None for check in checks)
