"""How many trials are needed to see a drop, and what drop a number of trials can show.

All tests here are one-sided ("is the second worse?") at level ``alpha``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np

_MOST = 10_000_000


def paired_power(pairs: int, drop: float, flips: float, alpha: float = 0.05) -> float:
    """Return the power of the exact McNemar test.

    Args:
        pairs: Episodes that both runs have.
        drop: True difference of the success rates, within (0, 1].
        flips: Probability that an episode's outcomes differ, within ``drop`` and 1; see
            ``independent_flips`` for the worst case that is usual.
        alpha: Level of the one-sided test.

    Raises:
        ValueError: ``drop`` or ``flips`` is out of its range.
    """
    _check_drop(drop)
    if not drop <= flips <= 1:
        raise ValueError(f"flips must be within the drop ({drop}) and 1, not {flips}")
    from scipy import stats  # here, since loading it takes longer than most commands need

    flipped = np.arange(pairs + 1)
    # The test rejects for at least this many lost episodes; may be flipped + 1, never reached.
    needed = stats.binom.isf(alpha, flipped, 0.5) + 1
    rejecting = stats.binom.sf(needed - 1, flipped, (flips + drop) / (2 * flips))
    return float(np.dot(stats.binom.pmf(flipped, pairs, flips), rejecting))


def paired_trials_needed(drop: float, flips: float, alpha: float = 0.05, power: float = 0.8) -> int:
    """Return how many paired episodes show a drop with the asked-for power.

    It is computed from the exact test, not from the normal approximation (Connor 1987,
    "Sample size for testing differences in proportions for the paired-sample design", Biometrics
    43), which promises too much for small numbers.
    """
    return _smallest(lambda pairs: paired_power(pairs, drop, flips, alpha) >= power)


def independent_flips(rate: float, drop: float) -> float:
    """Return the share of flipped episodes if outcomes of two runs were independent.

    Args:
        rate: Success rate of the first run.
        drop: By how much the second is worse.
    """
    worse = rate - drop
    return rate * (1 - worse) + worse * (1 - rate)


def unpaired_trials_needed(
    rate: float, drop: float, alpha: float = 0.05, power: float = 0.8
) -> int:
    """Return how many episodes *each* of two runs of different episodes needs.

    Normal approximation with pooled variance under equality (Fleiss, Levin and Paik 2003,
    "Statistical Methods for Rates and Proportions", equation 4.14, without correction).

    Args:
        rate: Success rate of the better run, within ``drop`` and 1.
        drop: True difference, within (0, ``rate``].
        alpha: Level of the one-sided test.
        power: Asked for, within (0, 1).
    """
    _check_rate(rate, drop)
    worse, middle = rate - drop, rate - drop / 2
    quantile = NormalDist().inv_cdf
    equal = quantile(1 - alpha) * math.sqrt(2 * middle * (1 - middle))
    unequal = quantile(power) * math.sqrt(rate * (1 - rate) + worse * (1 - worse))
    return max(1, math.ceil(((equal + unequal) / drop) ** 2))


def threshold_power(trials: int, rate: float, drop: float, alpha: float = 0.05) -> float:
    """Return the power of the exact binomial test against a fixed threshold.

    Args:
        trials: Number of episodes.
        rate: The threshold, above ``drop``.
        drop: How far below it the truth is.
        alpha: Level of the one-sided test.
    """
    _check_rate(rate, drop)
    from scipy import stats

    # The most successes whose lower tail under the threshold is within alpha.
    most = int(stats.binom.ppf(alpha, trials, rate))
    while most >= 0 and stats.binom.cdf(most, trials, rate) > alpha:
        most -= 1
    return float(stats.binom.cdf(most, trials, rate - drop))


def threshold_trials_needed(
    rate: float, drop: float, alpha: float = 0.05, power: float = 0.8
) -> int:
    """Return how many episodes show that a run is below a threshold, by the exact test."""
    return _smallest(lambda trials: threshold_power(trials, rate, drop, alpha) >= power)


def _check_drop(drop: float) -> None:
    if not 0 < drop <= 1:
        raise ValueError(f"drop must be above 0 and at most 1, not {drop}")


def _check_rate(rate: float, drop: float) -> None:
    _check_drop(drop)
    if not drop <= rate <= 1:
        raise ValueError(f"rate must be within the drop ({drop}) and 1, not {rate}")


def _smallest(is_enough: Callable[[int], bool]) -> int:
    """Return about the smallest number that is enough.

    Exact power is a saw-tooth, so a number a little smaller may also be enough by luck.
    """
    high = 1
    while not is_enough(high):
        high *= 2
        if high > _MOST:
            raise ValueError(f"more than {_MOST} episodes are needed")
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high
