"""Two runs of the same episodes: an exact test, and the difference of rates with an interval.

Only episodes whose outcome flipped tell the runs apart. Pairing takes out how hard each initial
state is, which is most of the noise, so a paired comparison needs far fewer episodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from gridseval.results.run.record import EpisodeKey, EpisodeRecord

Floats: TypeAlias = "NDArray[np.float64]"


@dataclass(frozen=True)
class Difference:
    """A difference of success rates, second minus first, each in [-1, 1].

    Args:
        estimate: The measured difference; below 0 where the second run is worse.
        lower: Lower end of its interval.
        upper: Upper end.
    """

    estimate: float
    lower: float
    upper: float


@dataclass(frozen=True)
class PairCounts:
    """Episodes that ended in success or failure in both runs.

    Args:
        both: Solved by both.
        lost: Solved by the first run only.
        won: Solved by the second run only.
        neither: Solved by none.
    """

    both: int = 0
    lost: int = 0
    won: int = 0
    neither: int = 0

    @property
    def pairs(self) -> int:
        """Number of pairs."""
        return self.both + self.lost + self.won + self.neither

    @property
    def difference(self) -> float | None:
        """Rate of the second run minus that of the first; ``None`` without a pair."""
        return (self.won - self.lost) / self.pairs if self.pairs else None


def matched(
    first: Iterable[EpisodeRecord], second: Iterable[EpisodeRecord]
) -> Iterator[tuple[EpisodeRecord, EpisodeRecord]]:
    """Yield the episodes that are counted in both runs, in order of suite, task and trial."""
    others: Mapping[EpisodeKey, EpisodeRecord] = {record.key: record for record in second}
    for record in sorted(first, key=lambda record: record.key):
        other = others.get(record.key)
        if other is not None and record.success is not None and other.success is not None:
            yield record, other


def count_pairs(pairs: Iterable[tuple[EpisodeRecord, EpisodeRecord]]) -> PairCounts:
    """Count matched episodes by their two outcomes."""
    outcomes = [(bool(first.success), bool(second.success)) for first, second in pairs]
    return PairCounts(
        both=outcomes.count((True, True)),
        lost=outcomes.count((True, False)),
        won=outcomes.count((False, True)),
        neither=outcomes.count((False, False)),
    )


def mcnemar_two_sided(counts: PairCounts) -> float:
    """Return McNemar's exact p-value of "the runs are equally good".

    McNemar (1947), "Note on the sampling error of the difference between correlated proportions",
    Psychometrika 12; exact as a sign test of the flipped episodes, so it assumes nothing about the
    tasks, which may be as unlike as they are.
    """
    return min(1.0, 2 * _at_least(max(counts.lost, counts.won), counts.lost + counts.won))


def mcnemar_drop(counts: PairCounts) -> float:
    """Return the one-sided exact p-value of "the second run is not worse"."""
    return _at_least(counts.lost, counts.lost + counts.won)


def paired_difference(counts: PairCounts, confidence: float = 0.95) -> Difference | None:
    """Return the difference of rates with Tango's score interval.

    Tango (1998), "Equivalence test and confidence interval for the difference in proportions for
    the paired-sample design", Statistics in Medicine 17.

    Args:
        counts: The pairs.
        confidence: Two-sided, within (0, 1).

    Returns:
        ``None`` without a pair.

    Raises:
        ValueError: ``confidence`` is out of its range.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be within 0 and 1, not {confidence}")
    if counts.difference is None:
        return None
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    lost, won = np.array(float(counts.lost)), np.array(float(counts.won))
    lower, upper = tango_bounds(lost, won, counts.pairs, z)
    return Difference(counts.difference, float(lower), float(upper))


def tango_bounds(lost: Floats, won: Floats, pairs: int, z: float) -> tuple[Floats, Floats]:
    """Return both ends of Tango's interval for many samples at once.

    Args:
        lost: float64 (…): pairs that only the first run solved.
        won: float64 (…): pairs that only the second run solved.
        pairs: Number of pairs of each sample, above 0.
        z: Normal quantile.
    """
    return _tango_lower(lost, won, pairs, z), -_tango_lower(won, lost, pairs, z)


def _at_least(count: int, of: int) -> float:
    """Return the probability of at least ``count`` heads in ``of`` tosses of a fair coin."""
    if count == 0:
        return 1.0
    from scipy import stats  # here, since loading it takes longer than most commands need

    return float(stats.binom.sf(count - 1, of, 0.5))


def _tango_lower(lost: Floats, won: Floats, pairs: int, z: float) -> Floats:
    """Return the smallest difference that the score test does not reject, by bisection."""
    estimate = (won - lost) / pairs
    low, high = np.full(estimate.shape, -1.0), estimate.copy()
    for _ in range(60):
        middle = (low + high) / 2
        b = (2 * pairs - won + lost) * middle - won - lost
        c = -lost * middle * (1 - middle)
        # Tango's (1998) restricted estimate of the probability that only the first run solves it.
        only_first = (np.sqrt(np.maximum(b * b - 8 * pairs * c, 0.0)) - b) / (4 * pairs)
        variance = np.maximum((2 * only_first + middle * (1 - middle)) / pairs, 0.0)
        rejected = estimate - middle > z * np.sqrt(variance)
        low, high = np.where(rejected, middle, low), np.where(rejected, high, middle)
    return np.asarray(high)
