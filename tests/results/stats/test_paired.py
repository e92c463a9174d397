"""Paired and unpaired comparisons, against published values, statsmodels and simulation."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import confint_proportions_2indep

from gridseval.results import EpisodeRecord
from gridseval.results.stats.paired import (
    PairCounts,
    count_pairs,
    matched,
    mcnemar_drop,
    mcnemar_two_sided,
    paired_difference,
    tango_bounds,
)
from gridseval.results.stats.unpaired import fisher_drop, unpaired_difference

MakeRecord = Callable[..., EpisodeRecord]
Z = 1.959963984540054
_COUNTS = st.builds(PairCounts, *[st.integers(0, 60)] * 4).filter(lambda counts: counts.pairs > 0)


@pytest.mark.parametrize(
    ("counts", "estimate", "lower", "upper"),
    [
        # Fagerland, Lydersen and Laake (2017), "Statistical Analysis of Contingency Tables",
        # chapter 8: Bentur et al. (2009) and Cavo et al. (2012); there first minus second.
        (PairCounts(1, 1, 7, 12), 0.2857, 0.0260, 0.5172),
        (PairCounts(59, 6, 16, 80), 0.0621, 0.0054, 0.1240),
    ],
)
def test_published_intervals(
    counts: PairCounts, estimate: float, lower: float, upper: float
) -> None:
    found = paired_difference(counts)
    assert found is not None
    shown = (round(found.estimate, 4), round(found.lower, 4), round(found.upper, 4))
    assert shown == (estimate, lower, upper)


def test_published_p_value() -> None:
    # As above: Cavo et al. (2012), exact conditional test.
    assert round(mcnemar_two_sided(PairCounts(59, 6, 16, 80)), 6) == 0.052479


@given(_COUNTS)
def test_p_values_are_those_of_statsmodels(counts: PairCounts) -> None:
    table = [[counts.both, counts.lost], [counts.won, counts.neither]]
    assert mcnemar_two_sided(counts) == pytest.approx(mcnemar(table, exact=True).pvalue)
    flipped = counts.lost + counts.won
    one_sided = (
        stats.binomtest(counts.lost, flipped, alternative="greater").pvalue if flipped else 1
    )
    assert mcnemar_drop(counts) == pytest.approx(one_sided)


@given(_COUNTS)
def test_ends_are_where_tangos_test_just_rejects(counts: PairCounts) -> None:
    found = paired_difference(counts)
    assert found is not None
    assert -1 <= found.lower <= found.estimate + 1e-12
    assert found.estimate - 1e-12 <= found.upper <= 1
    for end in (found.lower, found.upper):
        if abs(end) > 0.999:
            continue
        # The restricted estimate by a search on the likelihood, not by Tango's closed form.
        variance = _restricted_variance(counts, end)
        assert math.isclose(abs(found.estimate - end), Z * math.sqrt(variance), abs_tol=1e-5)


def _restricted_variance(counts: PairCounts, difference: float) -> float:
    """Return the variance under a difference, at the likeliest probability of a loss."""
    low, high = max(0.0, -difference), (1 - difference) / 2
    rest = counts.pairs - counts.lost - counts.won

    def slope(lost: float) -> float:
        won, same = lost + difference, 1 - difference - 2 * lost
        return counts.lost / lost + counts.won / won - 2 * rest / same

    low, high = low + 1e-15, high - 1e-15
    for _ in range(100):
        middle = (low + high) / 2
        if slope(middle) > 0:
            low = middle
        else:
            high = middle
    return (2 * low + difference - difference**2) / counts.pairs


@given(_COUNTS)
def test_swapping_the_runs_mirrors_the_interval(counts: PairCounts) -> None:
    swapped = PairCounts(counts.both, counts.won, counts.lost, counts.neither)
    one, other = paired_difference(counts), paired_difference(swapped)
    assert one is not None
    assert other is not None
    assert (one.lower, one.upper) == pytest.approx((-other.upper, -other.lower), abs=1e-9)


@pytest.mark.parametrize("before", [0.5, 0.9, 0.98])
@pytest.mark.parametrize("drop", [0.0, 0.02, 0.1])
@pytest.mark.parametrize("pairs", [100, 500])
def test_coverage_of_the_paired_difference(before: float, drop: float, pairs: int) -> None:
    rng = np.random.default_rng(5)
    after = before - drop
    # Half of the episodes are equally hard for both runs, as initial states are.
    lost, won = 0.5 * before * (1 - after) + 0.5 * drop, 0.5 * after * (1 - before)
    flips = rng.multinomial(pairs, [lost, won, 1 - lost - won], size=20_000).astype(float)
    lower, upper = tango_bounds(flips[:, 0], flips[:, 1], pairs, Z)
    true = won - lost
    assert np.mean((lower <= true + 1e-12) & (true - 1e-12 <= upper)) >= 0.935


def test_only_episodes_counted_in_both_runs_are_matched(make_record: MakeRecord) -> None:
    first = [make_record(s, trial=i) for i, s in enumerate(["success", "failure", "error"])]
    second = [make_record(s, trial=i) for i, s in enumerate(["failure", "failure", "success"])]
    second += [make_record("success", trial=9)]
    pairs = list(matched(reversed(first), second))
    assert [(a.trial, b.trial) for a, b in pairs] == [(0, 0), (1, 1)]
    assert count_pairs(pairs) == PairCounts(both=0, lost=1, won=0, neither=1)


def test_without_pairs_there_is_no_difference() -> None:
    assert PairCounts().difference is None
    assert paired_difference(PairCounts()) is None
    assert mcnemar_drop(PairCounts()) == mcnemar_two_sided(PairCounts()) == 1
    with pytest.raises(ValueError, match="confidence"):
        paired_difference(PairCounts(1), confidence=1.0)


@pytest.mark.parametrize(
    ("first", "second"), [((480, 500), (470, 500)), ((10, 10), (9, 10)), ((3, 40), (55, 60))]
)
def test_the_unpaired_interval_is_that_of_statsmodels(
    first: tuple[int, int], second: tuple[int, int]
) -> None:
    found = unpaired_difference(first, second)
    assert found is not None
    expected = confint_proportions_2indep(*second, *first, method="newcomb", compare="diff")
    assert (found.lower, found.upper) == pytest.approx(expected, abs=1e-9)
    table = [[second[0], second[1] - second[0]], [first[0], first[1] - first[0]]]
    assert fisher_drop(first, second) == pytest.approx(
        stats.fisher_exact(table, alternative="less").pvalue
    )


def test_the_published_unpaired_interval() -> None:
    # Newcombe (1998), Statistics in Medicine 17, 873-890, table II, (a), method 10.
    found = unpaired_difference((48, 80), (56, 70))
    assert found is not None
    assert (round(found.lower, 4), round(found.upper, 4)) == (0.0524, 0.3339)
    assert unpaired_difference((0, 0), (1, 2)) is None
