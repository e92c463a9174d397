"""Rates and intervals, against published values and the formula's defining equation."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridseval.results import EpisodeRecord, mean_over_tasks, tally, wilson_interval

MakeRecord = Callable[..., EpisodeRecord]
Z = 1.959963984540054


@pytest.mark.parametrize(
    ("successes", "n", "lower", "upper"),
    [
        # Newcombe (1998), Statistics in Medicine 17, 857-872, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_published_intervals(successes: int, n: int, lower: float, upper: float) -> None:
    interval = wilson_interval(successes, n)
    assert interval is not None
    assert (round(interval.lower, 4), round(interval.upper, 4)) == (lower, upper)


@given(st.integers(1, 20_000), st.floats(0, 1))
def test_ends_are_where_the_score_test_just_rejects(n: int, share: float) -> None:
    successes = round(share * n)
    interval = wilson_interval(successes, n)
    assert interval is not None
    assert 0 <= interval.lower <= successes / n <= interval.upper <= 1
    for end in (interval.lower, interval.upper):
        # |p - end| = z * sqrt(end (1 - end) / n), from which Wilson derived his closed form.
        assert math.isclose(
            abs(successes / n - end), Z * math.sqrt(end * (1 - end) / n), abs_tol=1e-9
        )


@given(st.integers(1, 5000), st.floats(0, 1))
def test_swapping_success_and_failure_mirrors_the_interval(n: int, share: float) -> None:
    successes = round(share * n)
    one, other = wilson_interval(successes, n), wilson_interval(n - successes, n)
    assert one is not None
    assert other is not None
    assert math.isclose(one.lower, 1 - other.upper, abs_tol=1e-12)


def test_ends_are_exact_where_all_or_none_succeed() -> None:
    for n in range(1, 400):
        none, every = wilson_interval(0, n), wilson_interval(n, n)
        assert none is not None
        assert every is not None
        assert none.lower == 0
        assert every.upper == 1


def test_confidence_widens_the_interval() -> None:
    wide, narrow = wilson_interval(8, 10, 0.99), wilson_interval(8, 10, 0.9)
    assert wide is not None
    assert narrow is not None
    # Half of 99 % and 90 % two-sided normal quantiles, from printed tables.
    for interval, z in ((wide, 2.5758), (narrow, 1.6449)):
        centre = (0.8 + z * z / 20) / (1 + z * z / 10)
        assert math.isclose((interval.lower + interval.upper) / 2, centre, rel_tol=1e-4)


@pytest.mark.parametrize(
    ("successes", "n", "confidence"),
    [(-1, 3, 0.95), (4, 3, 0.95), (0, -1, 0.95), (1, 3, 0.0), (1, 3, 1.0)],
)
def test_impossible_arguments_are_refused(successes: int, n: int, confidence: float) -> None:
    with pytest.raises(ValueError, match="must be within"):
        wilson_interval(successes, n, confidence)


def test_errors_enter_no_rate(make_record: MakeRecord) -> None:
    counts = tally(make_record(status) for status in ("success", "error", "failure", "error"))
    assert (counts.successes, counts.failures, counts.errors, counts.counted) == (1, 1, 2, 2)
    assert counts.rate == 0.5


def test_without_episodes_there_is_no_rate(make_record: MakeRecord) -> None:
    for records in ([], [make_record("error")]):
        assert tally(records).rate is None
        assert tally(records).interval is None
        assert mean_over_tasks(records) is None
    assert wilson_interval(0, 0) is None


def test_mean_over_tasks_weighs_tasks_equally(make_record: MakeRecord) -> None:
    statuses = {0: ["success"], 1: ["failure"] * 3, 2: ["error"], 3: ["success", "failure"]}
    records = [
        make_record(status, task=task, trial=trial)
        for task, trials in statuses.items()
        for trial, status in enumerate(trials)
    ]
    assert mean_over_tasks(records) == pytest.approx((1 + 0 + 0.5) / 3)
    assert tally(records).rate == pytest.approx(2 / 6)
