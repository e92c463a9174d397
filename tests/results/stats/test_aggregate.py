"""The interval of a suite's average: fixed cases, its defining equation, coverage, several runs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

from gridseval.results import EpisodeRecord, mean_over_tasks, wilson_interval
from gridseval.results.stats.task_means import (
    mean_of_runs,
    mean_over_suites,
    score_bounds,
    suite_interval,
    task_mean_interval,
)

MakeRecord = Callable[..., EpisodeRecord]
Z = 1.959963984540054


@pytest.mark.parametrize(("successes", "n"), [(0, 10), (45, 50), (499, 500), (500, 500), (1, 3)])
def test_one_task_has_wilsons_interval(successes: int, n: int) -> None:
    interval = task_mean_interval([successes], [n])
    assert interval is not None
    expected = proportion_confint(successes, n, method="wilson")
    assert (interval.lower, interval.upper) == pytest.approx(expected, abs=1e-9)


def test_tasks_that_fare_alike_have_wilsons_interval_of_all_episodes() -> None:
    for rate, trials in itertools.product((0, 3, 10), (10, 50)):
        interval = task_mean_interval([rate] * 10, [trials] * 10)
        assert interval is not None
        expected = proportion_confint(10 * rate, 10 * trials, method="wilson")
        assert (interval.lower, interval.upper) == pytest.approx(expected, abs=1e-9)


def test_unlike_tasks_have_a_narrower_one() -> None:
    unlike = task_mean_interval([50, 50, 0, 0], [50] * 4)
    alike = task_mean_interval([25] * 4, [50] * 4)
    assert unlike is not None
    assert alike is not None
    assert unlike.upper - unlike.lower < 0.5 * (alike.upper - alike.lower)


@given(st.lists(st.integers(0, 20), min_size=2, max_size=5))
def test_ends_are_where_the_score_test_just_rejects(successes: list[int]) -> None:
    """Find the restricted rates by a general optimiser, not by the multiplier."""
    tasks, n = len(successes), 20
    interval = task_mean_interval(successes, [n] * tasks)
    observed = sum(successes) / n / tasks
    assert interval is not None
    assert 0 <= interval.lower <= observed <= interval.upper <= 1
    for end in (interval.lower, interval.upper):
        if not 0.02 < end < 0.98:
            continue
        rates = _most_likely(successes, n, end)
        variance = float(np.sum(rates * (1 - rates)) / n / tasks**2)
        assert math.isclose(abs(observed - end), Z * math.sqrt(variance), abs_tol=2e-3)


def _most_likely(successes: list[int], n: int, mean: float) -> np.ndarray:
    x = np.array(successes, float)

    def loss(p: np.ndarray) -> float:
        return -float(np.sum(x * np.log(p) + (n - x) * np.log1p(-p)))

    def slope(p: np.ndarray) -> np.ndarray:
        return -x / p + (n - x) / (1 - p)

    same_mean = {"type": "eq", "fun": lambda p: p.mean() - mean}
    start = np.full(len(x), mean)
    found = optimize.minimize(
        loss,
        start,
        jac=slope,
        bounds=[(1e-7, 1 - 1e-7)] * len(x),
        constraints=[same_mean],
        options={"maxiter": 500, "ftol": 1e-12},
    )
    return np.asarray(found.x)


SUITES = {"a": [(9, 10)], "b": [(30, 40), (2, 20)], "c": [(25, 25), (40, 80), (11, 16)]}


def of_suites(make_record: MakeRecord, suites: dict[str, list[tuple[int, int]]]) -> list[Any]:
    return [
        make_record("success" if trial < solved else "failure", suite=suite, task=task, trial=trial)
        for suite, tasks in suites.items()
        for task, (solved, trials) in enumerate(tasks)
        for trial in range(trials)
    ]


def test_the_mean_over_suites_is_that_of_their_rates(make_record: MakeRecord) -> None:
    """The rates and the interval's equation, written out anew."""
    records = of_suites(make_record, SUITES)
    mean = mean_over_suites([*records, make_record("error", suite="a"), make_record("error")])
    assert mean is not None
    assert mean.suites == ("a", "b", "c")
    observed = (9 / 10 + 32 / 60 + 76 / 121) / 3
    assert mean.rate == pytest.approx(observed)
    x = np.array([solved for tasks in SUITES.values() for solved, _ in tasks], float)
    n = np.array([trials for tasks in SUITES.values() for _, trials in tasks], float)
    w = n / np.array([10, 60, 60, 121, 121, 121]) / 3
    for end in (mean.interval.lower, mean.interval.upper):
        p = optimize.minimize(
            lambda p: -float(np.sum(x * np.log(p) + (n - x) * np.log1p(-p))),
            np.full(len(x), end),
            bounds=[(1e-7, 1 - 1e-7)] * len(x),
            constraints=[{"type": "eq", "fun": lambda p, end=end: w @ p - end}],
            options={"maxiter": 500, "ftol": 1e-12},
        ).x
        sd = math.sqrt(float(w**2 @ (p * (1 - p) / n)))
        assert abs(observed - end) == pytest.approx(Z * sd, abs=2e-3)


def test_the_mean_over_suites_of_few_trials_has_wilsons_interval(make_record: MakeRecord) -> None:
    suites = {"a": [(3, 4), (4, 4)], "b": [(1, 2)], "c": [(2, 6)]}
    mean = mean_over_suites(of_suites(make_record, suites))
    assert mean is not None
    rate, size = (7 / 8 + 1 / 2 + 1 / 3) / 3, 9 / (1 / 8 + 1 / 2 + 1 / 6)
    expected = wilson_interval(rate * size, size)
    assert expected is not None
    assert mean.rate == pytest.approx(rate)
    assert mean.interval.lower == pytest.approx(expected.lower)
    assert mean.interval.upper == pytest.approx(expected.upper)
    assert mean_over_suites(of_suites(make_record, {"a": [(3, 4)]})) is None


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=12))
def test_any_counts_have_an_interval_around_the_mean(pairs: list[tuple[int, int]]) -> None:
    successes = [min(pair) for pair in pairs]
    trials = [max(pair) for pair in pairs]
    interval = task_mean_interval(successes, trials)
    if not any(trials):
        assert interval is None
        return
    assert interval is not None
    rates = [s / n for s, n in zip(successes, trials, strict=True) if n]
    mean = sum(rates) / len(rates)
    assert 0 <= interval.lower <= mean + 1e-9
    assert mean - 1e-9 <= interval.upper <= 1
    mirrored = task_mean_interval([n - s for s, n in zip(successes, trials, strict=True)], trials)
    assert mirrored is not None
    assert interval.lower == pytest.approx(1 - mirrored.upper, abs=1e-9)


# Rates of ten tasks; the last three have an average near 1, where Wald's interval collapses.
RATES = {
    "middling": np.full(10, 0.5),
    "good": np.full(10, 0.95),
    "spread": np.linspace(0.3, 1.0, 10),
    "half impossible": np.repeat([1.0, 0.02], 5),
    "two hard": np.array([0.99] * 8 + [0.6, 0.7]),
    "one hard": np.array([1.0] * 9 + [0.5]),
    "nearly all": np.full(10, 0.99),
    "all but few": np.array([1.0] * 9 + [0.9]),
}


@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize(("trials", "least"), [(50, 0.93), (10, 0.91)])
def test_coverage(name: str, trials: int, least: float) -> None:
    rates, samples = RATES[name], 10_000
    rng = np.random.default_rng(7)
    successes = rng.binomial(trials, rates, size=(samples, 10)).astype(float)
    lower, upper = score_bounds(successes, np.full(10, float(trials)), Z)
    mean = rates.mean()
    covered = np.mean((lower <= mean + 1e-12) & (mean - 1e-12 <= upper))
    assert covered >= least


@pytest.mark.parametrize("trials", [1, 2, 3, 5])
@pytest.mark.parametrize("name", RATES)
def test_coverage_with_few_trials(name: str, trials: int) -> None:
    rates = RATES[name]
    rng = np.random.default_rng(3)
    successes = rng.binomial(trials, rates, size=(10_000, 10)).astype(float)
    lower, upper = score_bounds(successes, np.full(10, float(trials)), Z)
    mean = rates.mean()
    # As low as Wilson's own, which for one rate of 0.95 and some n covers no more.
    assert np.mean((lower <= mean + 1e-12) & (mean - 1e-12 <= upper)) >= 0.85


def test_records_are_counted_by_task(make_record: MakeRecord) -> None:
    records = [make_record("success", task=0, trial=i) for i in range(12)]
    records += [make_record("failure", task=1, trial=i) for i in range(10)]
    records += [make_record("error", task=2, trial=i) for i in range(10)]
    assert suite_interval(records) == task_mean_interval([12, 0], [12, 10])
    assert suite_interval([]) is None
    assert suite_interval(records[-3:]) is None


@pytest.mark.parametrize(
    ("successes", "trials", "confidence"),
    [([3], [2], 0.95), ([-1], [2], 0.95), ([1], [2], 0.0), ([1], [2], 1.0)],
)
def test_impossible_arguments_are_refused(
    successes: list[int], trials: list[int], confidence: float
) -> None:
    with pytest.raises(ValueError, match="must be within"):
        task_mean_interval(successes, trials, confidence)


def _run(make_record: MakeRecord, *successes: int) -> list[EpisodeRecord]:
    return [
        make_record("success" if trial < count else "failure", task=task, trial=trial)
        for task, count in enumerate(successes)
        for trial in range(20)
    ]


def test_several_runs_have_a_mean_and_a_spread(make_record: MakeRecord) -> None:
    runs = [_run(make_record, 20, 10), _run(make_record, 10, 4), _run(make_record, 20, 20)]
    found = mean_of_runs([*runs, []])
    assert found is not None
    assert found.rates == tuple(mean_over_tasks(run) for run in runs) == (0.75, 0.35, 1.0)
    described = DescrStatsW([0.75, 0.35, 1.0])
    assert found.mean == pytest.approx(described.mean)
    assert found.sd == pytest.approx(described.std_mean * math.sqrt(3))
    lower, upper = described.tconfint_mean()
    assert (found.interval.lower, found.interval.upper) == (
        pytest.approx(max(0.0, lower)),
        pytest.approx(min(1.0, upper)),
    )


def test_runs_that_agree_by_chance_have_no_point_as_interval(make_record: MakeRecord) -> None:
    found = mean_of_runs([_run(make_record, 20, 20)] * 3)
    assert found is not None
    assert found.sd == 0
    expected = wilson_interval(120, 120)
    assert expected is not None
    assert found.interval.lower == pytest.approx(expected.lower)
    assert found.interval.upper == 1


def test_one_run_has_no_spread(make_record: MakeRecord) -> None:
    found = mean_of_runs([_run(make_record, 20, 10)])
    assert found is not None
    assert found.sd is None
    assert found.interval == task_mean_interval([20, 10], [20, 20])
    assert mean_of_runs([[], []]) is None
