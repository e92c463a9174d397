"""Two rates that were measured on different episodes, such as a published one and ours."""

from __future__ import annotations

import math

from gridseval.results.stats.paired import Difference
from gridseval.results.stats.rates import wilson_interval


def unpaired_difference(
    first: tuple[int, int], second: tuple[int, int], confidence: float = 0.95
) -> Difference | None:
    """Return the second rate minus the first with Newcombe's hybrid score interval.

    Newcombe (1998), "Interval estimation for the difference between independent proportions",
    Statistics in Medicine 17, 873-890, method 10.

    Args:
        first: Successes and episodes.
        second: The same of the other rate.
        confidence: Two-sided, within (0, 1).

    Returns:
        ``None`` if one of them has no episode.

    Raises:
        ValueError: A count or the confidence is out of its range.
    """
    one, two = wilson_interval(*first, confidence), wilson_interval(*second, confidence)
    if one is None or two is None:
        return None
    p, q = first[0] / first[1], second[0] / second[1]
    lower = q - p - math.hypot(q - two.lower, one.upper - p)
    upper = q - p + math.hypot(two.upper - q, p - one.lower)
    return Difference(q - p, max(-1.0, lower), min(1.0, upper))


def fisher_drop(first: tuple[int, int], second: tuple[int, int]) -> float:
    """Return Fisher's exact one-sided p-value of "the second rate is not lower"."""
    from scipy import stats  # here, since loading it takes longer than most commands need

    episodes, successes = first[1] + second[1], first[0] + second[0]
    return float(stats.hypergeom.cdf(second[0], episodes, successes, second[1]))
