"""The sequential test keeps its promises: error rates, savings, and no bias from order or speed."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gridseval.results import EpisodeRecord
from gridseval.results.stats.sequential import (
    Decision,
    RunMonitor,
    SequentialRule,
    SequentialTest,
    last_bad_count,
)

MakeRecord = Callable[..., EpisodeRecord]
SAMPLES = 10_000


def decisions(
    rule: SequentialRule, rates: NDArray[np.float64], trials: int, seed: int
) -> tuple[float, float]:
    """Simulate runs in rounds of one episode per task, all at once.

    Returns:
        The share of runs that are called bad, and the mean number of episodes.
    """
    rng = np.random.default_rng(seed)
    tasks = len(rates)
    outcomes = rng.random((SAMPLES, trials, tasks), dtype=np.float32) < rates.astype(np.float32)
    successes = outcomes.sum(axis=2).cumsum(axis=1)
    episodes = tasks * np.arange(1, trials + 1)
    on_success, on_failure = rule.weights
    ratio = successes * on_success + (episodes - successes) * on_failure
    good, bad = ratio <= rule.bounds[0], ratio >= rule.bounds[1]
    ended = good | bad
    look = np.where(ended.any(axis=1), ended.argmax(axis=1), trials - 1)
    last = last_bad_count(rule, tasks * trials, tasks)
    at_end = successes[:, -1] <= last
    called_bad = np.where(ended.any(axis=1), bad[np.arange(SAMPLES), look], at_end)
    return float(called_bad.mean()), float(episodes[look].mean())


# Task rates with a mean of 0.9 and of 0.8: alike, spread, and some that always fail.
TASKS = {
    "alike": (np.full(10, 0.9), np.full(10, 0.8)),
    "spread": (np.linspace(0.8, 1.0, 10), np.linspace(0.6, 1.0, 10)),
    "broken": (np.array([0.0] + [1.0] * 9), np.array([0.0] * 2 + [1.0] * 8)),
}
SIGMA = 3 * (0.05 * 0.95 / SAMPLES) ** 0.5


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("trials", [5, 20, 50])
def test_a_good_checkpoint_is_called_bad_with_alpha_at_most(name: str, trials: int) -> None:
    rule = SequentialRule(0.9, 0.8)
    called_bad, _ = decisions(rule, TASKS[name][0], trials, seed=1)
    assert called_bad <= rule.alpha + SIGMA


@pytest.mark.parametrize("name", TASKS)
def test_a_bad_checkpoint_is_called_good_with_beta_at_most(name: str) -> None:
    rule = SequentialRule(0.9, 0.8)
    called_bad, _ = decisions(rule, TASKS[name][1], 50, seed=2)
    assert 1 - called_bad <= rule.beta + SIGMA


def test_alpha_is_used_up_where_the_planned_number_is_small() -> None:
    # Wald's test alone would never call 100 episodes bad that often.
    called_bad, _ = decisions(SequentialRule(0.9, 0.85), np.full(10, 0.9), 10, seed=3)
    assert 0.02 <= called_bad <= 0.05 + SIGMA


@pytest.mark.parametrize(
    ("rate", "at_most"), [(1.0, 0.15), (0.99, 0.2), (0.7, 0.1), (0.5, 0.05), (0.0, 0.03)]
)
def test_clear_cases_save_most_episodes(rate: float, at_most: float) -> None:
    _, episodes = decisions(SequentialRule(0.95, 0.9), np.full(10, rate), 50, seed=4)
    assert episodes <= at_most * 500


def test_the_simulation_is_what_the_class_does() -> None:
    rule, rng, called_bad, total = SequentialRule(0.9, 0.8), np.random.default_rng(5), 0, 0
    outcomes = rng.random((400, 10, 10)) < 0.85
    for run in outcomes:
        test = SequentialTest(0.9, 0.8, planned=100, round_size=10)
        for successes in run.sum(axis=1):
            test.update(int(successes), 10)
        called_bad += test.decision == "bad"
        total += test.episodes
    expected_bad, expected_episodes = decisions(rule, np.full(10, 0.85), 10, seed=6)
    assert called_bad / 400 == pytest.approx(expected_bad, abs=0.08)
    assert total / 400 == pytest.approx(expected_episodes, rel=0.05)


def test_the_last_count_agrees_with_all_paths() -> None:
    """Follow every sequence of ten outcomes."""
    rule, planned = SequentialRule(0.7, 0.4, alpha=0.2, beta=0.2), 10
    last = last_bad_count(rule, planned)

    def called_bad(limit: int) -> float:
        total = 0.0
        for path in range(2**planned):
            outcomes = [bool(path >> i & 1) for i in range(planned)]
            successes = sum(outcomes)
            if _decided(rule, outcomes, limit) == "bad":
                total += 0.7**successes * 0.3 ** (planned - successes)
        return total

    assert called_bad(last) <= 0.2 < called_bad(last + 1)


def _decided(rule: SequentialRule, outcomes: list[bool], last: int) -> Decision:
    test = SequentialTest(rule.p_good, rule.p_bad, rule.alpha, rule.beta)
    for outcome in outcomes:
        found = test.update(outcome)
        if found is not None:
            return found
    return "bad" if sum(outcomes) <= last else "good"


def test_without_a_plan_it_goes_on_until_it_knows() -> None:
    test = SequentialTest(0.9, 0.8)
    assert [test.update(False) for _ in range(4)] == [None] * 4
    assert test.update(False) == "bad"  # (0.2 / 0.1) ** 5 > 1 / 0.05
    assert test.update(True) == "bad"
    assert (test.episodes, test.successes) == (5, 0)
    assert SequentialTest(0.9, 0.8).end() is None
    good = SequentialTest(0.9, 0.8)
    while good.update(True) is None:
        pass
    assert good.episodes == 26  # (0.8 / 0.9) ** 26 < 0.05


@pytest.mark.parametrize(
    "wrong",
    [(0.8, 0.9), (0.9, 0.9), (1.0, 0.9), (0.9, 0.0), (0.9, 0.8, 0.0), (0.9, 0.8, 0.05, 0.5)],
)
def test_impossible_rules_are_refused(wrong: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="must be"):
        SequentialRule(*wrong)


def _records(make_record: MakeRecord, outcomes: dict[tuple[int, int], str]) -> list[EpisodeRecord]:
    return [
        make_record(status, task=task, trial=trial) for (task, trial), status in outcomes.items()
    ]


def _monitor(tasks: int = 4, trials: int = 20) -> RunMonitor:
    keys = [("libero_goal", task, trial) for trial in range(trials) for task in range(tasks)]
    return RunMonitor(SequentialRule(0.9, 0.7), keys, tasks)


@given(st.integers(0, 1000), st.sampled_from([0.2, 0.8, 1.0]))
def test_the_decision_does_not_depend_on_who_finishes_first(
    make_record: MakeRecord, seed: int, rate: float
) -> None:
    rng = random.Random(seed)
    keys = [(task, trial) for task in range(4) for trial in range(20)]
    outcomes = {
        key: rng.choices(["success", "failure", "error"], [rate, 1 - rate, 0.05])[0] for key in keys
    }
    records = _records(make_record, outcomes)
    in_order, shuffled = _monitor(), _monitor()
    in_order.take(records)
    for record in rng.sample(records, len(records)):
        shuffled.take([record])
    assert shuffled.test.decision == in_order.test.decision is not None
    assert shuffled.test.episodes == in_order.test.episodes


def test_quick_successes_count_only_when_the_slow_ones_are_in(make_record: MakeRecord) -> None:
    monitor = _monitor()
    quick = {(task, trial): "success" for task in (0, 1, 2) for trial in range(20)}
    assert monitor.take(_records(make_record, quick)) is None
    assert monitor.test.episodes == 0
    slow = {(3, trial): "failure" for trial in range(20)}
    monitor.take(_records(make_record, slow))
    assert monitor.test.decision == "bad"


def test_a_task_that_always_fails_is_not_taken_for_the_suite(make_record: MakeRecord) -> None:
    keys = [("libero_goal", task, trial) for trial in range(50) for task in range(10)]
    monitor = RunMonitor(SequentialRule(0.85, 0.7), keys, 10)
    outcomes = {(t, i): "failure" if t == 0 else "success" for t in range(10) for i in range(50)}
    assert monitor.take(_records(make_record, outcomes)) == "good"


def test_errors_are_neither_and_the_end_still_decides(make_record: MakeRecord) -> None:
    monitor = _monitor(tasks=2, trials=3)
    outcomes = {(task, trial): "error" for task in range(2) for trial in range(3)}
    assert monitor.take(_records(make_record, outcomes)) == "good"
    assert monitor.test.episodes == 0
    monitor = _monitor(tasks=2, trials=3)
    outcomes |= {(0, 0): "failure", (1, 1): "failure", (0, 2): "failure", (1, 2): "failure"}
    assert monitor.take(_records(make_record, outcomes)) == "bad"
