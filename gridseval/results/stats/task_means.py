"""Suite averages with an interval that respects the tasks, and averages over several runs.

The tasks of a suite are fixed and only their trials are sampled, so the average over tasks varies
less than a rate over as many episodes of one kind would: pooling them makes intervals too wide
where some tasks are easy and others hard, and a bootstrap collapses to a point where all succeed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gridseval.results.run.record import EpisodeRecord
from gridseval.results.stats.rates import Interval, by_task, mean, tally

Floats: TypeAlias = "NDArray[np.float64]"

FEW_TRIALS = 10
"""Below this many counted trials in any task the interval uses a variance that is never too low."""


@dataclass(frozen=True)
class RunsMean:
    """The average of several runs, such as one per seed.

    Args:
        rates: Each run's suite average, in [0, 1].
        mean: Their mean.
        sd: Their standard deviation (n − 1); ``None`` for one run.
        interval: Of the mean over all runs that could have been made.
    """

    rates: tuple[float, ...]
    mean: float
    sd: float | None
    interval: Interval


@dataclass(frozen=True)
class SuitesMean:
    """The mean of several suites' success rates.

    Args:
        suites: Those that have a counted episode.
        rate: The mean, in [0, 1].
        interval: Its interval.
    """

    suites: tuple[str, ...]
    rate: float
    interval: Interval


def suite_interval(records: Iterable[EpisodeRecord], confidence: float = 0.95) -> Interval | None:
    """Return the interval of ``mean_over_tasks``; see ``task_mean_interval``.

    Errors enter neither; ``None`` without a counted episode.
    """
    counts = list(_counts_by_task(records).values())
    return task_mean_interval([s for s, _ in counts], [n for _, n in counts], confidence)


def task_mean_interval(
    successes: Sequence[int],
    trials: Sequence[int],
    confidence: float = 0.95,
    weights: Sequence[float] | None = None,
) -> Interval | None:
    """Return a score interval of the mean of the tasks' success rates.

    It holds every mean that a score test does not reject; the variance under a tested mean is
    that of the most likely task rates which have this mean (the construction of Miettinen and
    Nurminen 1985, "Comparative analysis of two rates", Statistics in Medicine 4, for a weighted
    sum of independent binomials). For one task, or tasks that all fared alike, it is Wilson's
    interval. Simulated coverage of 95 % intervals of 10 tasks, over even and uneven rates up to
    nearly 1: 0.94 to 0.97 with 50 trials per task, from 0.92 on with 10, from 0.90 on with fewer.

    With fewer than ``FEW_TRIALS`` trials in a task, chance hides the spread between tasks;
    then the variance is that of equal tasks, which is an upper bound.

    Args:
        successes: Of each task.
        trials: Of each task; tasks with 0 are left out.
        confidence: Two-sided, within (0, 1).
        weights: Of each task, above 0, of any sum; ``None`` for equal ones.

    Returns:
        ``None`` if no task has a trial.

    Raises:
        ValueError: A count or the confidence is out of its range.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be within 0 and 1, not {confidence}")
    if any(not 0 <= s <= n for s, n in zip(successes, trials, strict=True)):
        raise ValueError("successes must be within 0 and the number of trials")
    given = [1.0] * len(trials) if weights is None else weights
    rows = [row for row in zip(successes, trials, given, strict=True) if row[1]]
    if not rows:
        return None
    counts = np.array(rows, dtype=np.float64).T
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    lower, upper = score_bounds(counts[0], counts[1], z, counts[2] / counts[2].sum())
    return Interval(float(lower), float(upper))


def score_bounds(
    successes: Floats, trials: Floats, z: float, weights: Floats | None = None
) -> tuple[Floats, Floats]:
    """Return both ends of the interval for many samples at once.

    Args:
        successes: float64 (…, tasks).
        trials: float64 (…, tasks), above 0; broadcasts against ``successes``.
        z: Normal quantile.
        weights: float64 (tasks,), of sum 1; ``None`` for equal ones.

    Returns:
        Lower and upper ends, float64 (…).
    """
    trials = np.broadcast_to(trials, successes.shape)
    count = successes.shape[-1]
    weights = np.full(count, 1.0 / count) if weights is None else weights
    lower = _lower_bound(successes, trials, z, weights)
    upper = 1.0 - _lower_bound(trials - successes, trials, z, weights)
    return lower, np.maximum(upper, lower)


def mean_of_runs(
    runs: Sequence[Iterable[EpisodeRecord]], confidence: float = 0.95
) -> RunsMean | None:
    """Return mean, spread and interval over several runs of the same episodes.

    The interval joins two: Student's t over the runs' averages, which sees differences between
    seeds but is a mere point where all averages agree by chance; and the score interval over all
    episodes together, which never is but sees no difference between seeds.

    Args:
        runs: The records of each run; runs without a counted episode are left out.
        confidence: Two-sided, within (0, 1).

    Returns:
        ``None`` if no run has a counted episode.
    """
    counts = [by_task for by_task in map(_counts_by_task, runs) if by_task]
    rates = [mean(s / n for s, n in by_task.values()) or 0.0 for by_task in counts]
    if not rates:
        return None
    pooled: dict[tuple[str, int], tuple[int, int]] = {}
    for of_run in counts:
        for key, (s, n) in of_run.items():
            before = pooled.get(key, (0, 0))
            pooled[key] = (before[0] + s, before[1] + n)
    sums = list(pooled.values())
    score = task_mean_interval([s for s, _ in sums], [n for _, n in sums], confidence)
    assert score is not None
    centre = math.fsum(rates) / len(rates)
    if len(rates) == 1:
        return RunsMean((centre,), centre, None, score)
    sd = math.sqrt(math.fsum((rate - centre) ** 2 for rate in rates) / (len(rates) - 1))
    half_width = _student_quantile(confidence, len(rates) - 1) * sd / math.sqrt(len(rates))
    lower = max(0.0, min(score.lower, centre - half_width))
    upper = min(1.0, max(score.upper, centre + half_width))
    return RunsMean(tuple(rates), centre, sd, Interval(lower, upper))


def mean_over_suites(
    records: Iterable[EpisodeRecord], confidence: float = 0.95
) -> SuitesMean | None:
    """Return the mean of the suites' success rates, as papers report it, with its interval.

    A suite's rate is its successes per counted episode. The interval is that of
    ``task_mean_interval``, in which a task weighs as much as its episodes do in that mean.

    Args:
        records: Of any suites; errors do not enter.
        confidence: Two-sided, within (0, 1).

    Returns:
        ``None`` with fewer than two suites that have a counted episode.
    """
    counts = _counts_by_task(records)
    totals: dict[str, tuple[int, int]] = {}
    for (suite, _), (s, n) in counts.items():
        before = totals.get(suite, (0, 0))
        totals[suite] = (before[0] + s, before[1] + n)
    if len(totals) < 2:
        return None
    weights = [n / totals[suite][1] for (suite, _), (_, n) in counts.items()]
    successes, trials = zip(*counts.values(), strict=True)
    interval = task_mean_interval(successes, trials, confidence, weights)
    rates = [s / n for s, n in totals.values()]
    assert interval is not None
    return SuitesMean(tuple(totals), math.fsum(rates) / len(rates), interval)


def _counts_by_task(records: Iterable[EpisodeRecord]) -> dict[tuple[str, int], tuple[int, int]]:
    """Return successes and counted episodes of every task that has any."""
    tallies = {key: tally(group) for key, group in by_task(records).items()}
    return {key: (t.successes, t.counted) for key, t in tallies.items() if t.counted}


def _student_quantile(confidence: float, degrees: int) -> float:
    from scipy import stats  # here, since loading it takes longer than most commands need

    return float(stats.t.ppf((1 + confidence) / 2, degrees))


def _lower_bound(successes: Floats, trials: Floats, z: float, weight: Floats) -> Floats:
    """Return the smallest mean that the score test does not reject.

    Task rates p that are most likely, given that their mean is some value below the observed one,
    fulfil n (x/n − p) = m w p (1 − p) with one multiplier m > 0 for all tasks. So the distance of
    that mean to the observed one is m·V, V = Σ w² p (1 − p) / n, and the end of the interval,
    where distance² = z²·V, is where m²·V = z². That grows with m: bisection finds it.
    """
    few = np.any(trials < FEW_TRIALS, axis=-1)
    low = np.full(successes.shape[:-1], math.log(1e-9))
    high = np.full(successes.shape[:-1], math.log(1e15))
    for _ in range(70):
        middle = (low + high) / 2
        multiplier = np.exp(middle)
        rates = _restricted_rates(successes, trials, multiplier[..., None] * weight)
        variance = (weight**2 * rates * (1 - rates) / trials).sum(axis=-1)
        below = multiplier**2 * variance < z * z
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    rates = _restricted_rates(successes, trials, np.exp(low)[..., None] * weight)
    score = (weight * rates).sum(axis=-1)
    bound: Any = np.where(few, _wilson_lower(successes, trials, z, weight), score)
    # Without a success the bound is exactly 0; the search would miss it by a rounding error.
    return np.asarray(np.where(successes.sum(axis=-1) == 0, 0.0, bound), dtype=np.float64)


def _restricted_rates(successes: Floats, trials: Floats, pull: Floats) -> Floats:
    half = pull + trials
    root = np.sqrt(np.maximum(half * half - 4 * pull * successes, 0.0))
    return np.asarray(2 * successes / (half + root))


def _wilson_lower(successes: Floats, trials: Floats, z: float, weight: Floats) -> Floats:
    """Return Wilson's lower end at the mean of the rates, with the size that equal tasks imply."""
    rate = (weight * successes / trials).sum(axis=-1)
    size = 1.0 / (weight**2 / trials).sum(axis=-1)
    centre = rate + z * z / (2 * size)
    spread = z * np.sqrt(rate * (1 - rate) / size + z * z / (4 * size * size))
    return np.asarray((centre - spread) / (1 + z * z / size))
