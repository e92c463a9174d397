"""Success rates and their intervals. Missing is not zero: without episodes there is no rate."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import NormalDist

from gridseval.results.run.record import EpisodeRecord


@dataclass(frozen=True)
class Interval:
    """A confidence interval of a rate, ``0 <= lower <= upper <= 1``."""

    lower: float
    upper: float


@dataclass(frozen=True)
class Tally:
    """How many episodes succeeded, failed, and ended in a technical error."""

    successes: int
    failures: int
    errors: int

    @property
    def counted(self) -> int:
        """Episodes that enter the rate: errors say nothing of the policy and do not."""
        return self.successes + self.failures

    @property
    def rate(self) -> float | None:
        """Successes per counted episode in [0, 1]; ``None`` without one."""
        return self.successes / self.counted if self.counted else None

    @property
    def interval(self) -> Interval | None:
        """The 95 % Wilson interval of the rate; ``None`` without a counted episode."""
        return wilson_interval(self.successes, self.counted)


def tally(records: Iterable[EpisodeRecord]) -> Tally:
    """Count records by their status."""
    statuses = [record.status for record in records]
    return Tally(
        successes=statuses.count("success"),
        failures=statuses.count("failure"),
        errors=statuses.count("error"),
    )


def wilson_interval(successes: float, n: float, confidence: float = 0.95) -> Interval | None:
    """Return Wilson's score interval of a success rate, without continuity correction.

    Wilson (1927), "Probable inference, the law of succession, and statistical inference", JASA 22.

    Args:
        successes: 0 to ``n``; weighted trials need not be whole.
        n: Number of trials; for 0 there is no interval.
        confidence: Two-sided, within (0, 1).

    Raises:
        ValueError: ``successes`` or ``confidence`` is out of its range.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"successes must be within 0 and {n}, not {successes}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be within 0 and 1, not {confidence}")
    if n == 0:
        return None
    z2 = NormalDist().inv_cdf((1 + confidence) / 2) ** 2
    rate = successes / n
    centre = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half_width = math.sqrt(z2 * (rate * (1 - rate) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    # At the ends the bound is exactly 0 or 1; rounding would miss it by 1e-17.
    lower = 0.0 if successes == 0 else max(0.0, centre - half_width)
    upper = 1.0 if successes == n else min(1.0, centre + half_width)
    return Interval(lower, upper)


def mean(values: Iterable[float]) -> float | None:
    """Return the arithmetic mean, or ``None`` of nothing."""
    numbers = list(values)
    return math.fsum(numbers) / len(numbers) if numbers else None


def by_suite(records: Iterable[EpisodeRecord]) -> dict[str, list[EpisodeRecord]]:
    """Return records by suite, each group in its order."""
    groups: dict[str, list[EpisodeRecord]] = {}
    for record in records:
        groups.setdefault(record.suite, []).append(record)
    return groups


def by_task(
    records: Iterable[EpisodeRecord],
) -> dict[tuple[str, int], list[EpisodeRecord]]:
    """Return records by suite and task, each group in its order."""
    groups: dict[tuple[str, int], list[EpisodeRecord]] = {}
    for record in records:
        groups.setdefault((record.suite, record.task), []).append(record)
    return groups


def mean_over_tasks(records: Iterable[EpisodeRecord]) -> float | None:
    """Return the mean of the tasks' success rates, in [0, 1].

    It differs from the rate over all episodes when tasks have unequal numbers of counted episodes.
    Tasks without a counted episode are left out; ``None`` if there is no other.
    """
    rates = [tally(group).rate for group in by_task(records).values()]
    return mean(rate for rate in rates if rate is not None)
