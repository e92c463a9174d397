"""Ending a run as soon as it is clear whether a checkpoint is good enough.

Wald's (1945, "Sequential tests of statistical hypotheses", Annals of Mathematical Statistics 16)
probability ratio test of a success rate, with two changes. Its bounds are 1/α and β instead of
Wald's approximations, so that both errors are at most what was promised however often one looks
(Ville's inequality). And it ends at the planned number of episodes at the latest, where the part
of α that is left decides, computed exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from gridseval.results.run.record import EpisodeKey, EpisodeRecord

Decision: TypeAlias = Literal["good", "bad"]


@dataclass(frozen=True)
class SequentialRule:
    """What a sequential test is to decide.

    Args:
        p_good: Success rate that is good enough; the test calls it bad with at most ``alpha``.
        p_bad: Success rate that is too low; the test calls it good early with at most ``beta``.
        alpha: Probability of a false alarm, within (0, 0.5).
        beta: Probability of an early false acquittal, within (0, 0.5).

    Raises:
        ValueError: A number is out of its range, or ``p_bad`` is not below ``p_good``.
    """

    p_good: float
    p_bad: float
    alpha: float = 0.05
    beta: float = 0.05

    def __post_init__(self) -> None:
        if not 0 < self.p_bad < self.p_good < 1:
            raise ValueError(
                f"rates must be 0 < bad < good < 1, not bad {self.p_bad:g} and good {self.p_good:g}"
            )
        for name in ("alpha", "beta"):
            if not 0 < getattr(self, name) < 0.5:
                raise ValueError(f"{name} must be within 0 and 0.5, not {getattr(self, name):g}")

    @property
    def weights(self) -> tuple[float, float]:
        """What a success and a failure add to the logarithm of the likelihood ratio bad : good."""
        return (
            math.log(self.p_bad / self.p_good),
            math.log((1 - self.p_bad) / (1 - self.p_good)),
        )

    @property
    def bounds(self) -> tuple[float, float]:
        """At or below the first the run is good, at or above the second bad."""
        return math.log(self.beta), -math.log(self.alpha)


class SequentialTest:
    """A test that takes outcomes as they come and decides as early as it can.

    Episodes must come in an order that does not depend on their outcomes. It need not be random,
    and tasks may differ: give them in rounds of one episode per task. Then the bounds hold for
    the mean over tasks, since the likelihood ratio of a round has a mean of at most 1 for any task
    rates whose mean is at least ``p_good`` (Jensen); the same holds for ``p_bad``. In task-major
    order one bad task would be taken for a bad suite.

    Args:
        p_good: See ``SequentialRule``.
        p_bad: See ``SequentialRule``.
        alpha: See ``SequentialRule``.
        beta: See ``SequentialRule``.
        planned: Episodes at which it decides at the latest; ``None`` for no limit.
        round_size: Episodes between two looks, used to compute the last look.
    """

    def __init__(
        self,
        p_good: float,
        p_bad: float,
        alpha: float = 0.05,
        beta: float = 0.05,
        planned: int | None = None,
        round_size: int = 1,
    ) -> None:
        self.rule = SequentialRule(p_good, p_bad, alpha, beta)
        self.planned = planned
        self.episodes = 0
        self.successes = 0
        self.decision: Decision | None = None
        self._last = None if planned is None else last_bad_count(self.rule, planned, round_size)

    def update(self, success: bool | int, episodes: int = 1) -> Decision | None:
        """Take in one outcome, or the number of successes among several, and look once.

        After a decision further outcomes change nothing.

        Args:
            success: Whether the episode succeeded, or how many of ``episodes`` did.
            episodes: How many episodes.

        Returns:
            The decision, or ``None`` while there is none.
        """
        if self.decision is not None:
            return self.decision
        self.episodes += episodes
        self.successes += int(success)
        on_success, on_failure = self.rule.weights
        ratio = self.successes * on_success + (self.episodes - self.successes) * on_failure
        good, bad = self.rule.bounds
        if ratio <= good:
            self.decision = "good"
        elif ratio >= bad:
            self.decision = "bad"
        elif self.planned is not None and self.episodes >= self.planned:
            return self.end()
        return self.decision

    def end(self) -> Decision | None:
        """Decide although outcomes are missing, as if all of them were successes.

        Returns:
            The decision; ``None`` without a planned number of episodes.
        """
        if self.decision is None and self._last is not None and self.planned is not None:
            missing = max(0, self.planned - self.episodes)
            self.decision = "bad" if self.successes + missing <= self._last else "good"
        return self.decision


class RunMonitor:
    """Feeds a run's records to a sequential test, in an order that no outcome can change.

    Failures last longer than successes, so with several workers the first episodes to *end* are
    too good a sample. Records are therefore taken in the planned order, waiting for those that are
    still running, and the test looks after whole rounds of one episode per task. Errors count as
    neither. A replay of the records of a run that was stopped gives the same decision.

    Args:
        rule: What to decide.
        planned: All episodes of the run, round by round.
        round_size: Episodes of a round: the number of tasks.
    """

    def __init__(
        self, rule: SequentialRule, planned: Sequence[EpisodeKey], round_size: int
    ) -> None:
        self._planned = tuple(planned)
        self._round_size = max(1, round_size)
        self._outcomes: dict[EpisodeKey, bool | None] = {}
        self._taken = 0
        self.test = SequentialTest(
            rule.p_good, rule.p_bad, rule.alpha, rule.beta, len(planned), self._round_size
        )

    def take(self, records: Iterable[EpisodeRecord]) -> Decision | None:
        """Take in finished episodes, in any order; return the decision if there is one."""
        self._outcomes |= {record.key: record.success for record in records}
        while self.test.decision is None and self._taken < len(self._planned):
            keys = self._planned[self._taken : self._taken + self._round_size]
            if not all(key in self._outcomes for key in keys):
                break
            counted = [success for key in keys if (success := self._outcomes[key]) is not None]
            self._taken += len(keys)
            if counted:
                self.test.update(sum(counted), len(counted))
        if self._taken == len(self._planned):
            return self.test.end()
        return self.test.decision


def last_bad_count(rule: SequentialRule, planned: int, round_size: int = 1) -> int:
    """Return with how many successes at most an undecided run is bad at its planned end.

    It is the largest number for which a run of rate ``p_good`` is called bad, early or at the end,
    with a probability of at most ``alpha``; -1 if there is none. Computed by following the exact
    distribution of the successes of undecided runs from look to look.

    Args:
        rule: What to decide.
        planned: Episodes at the end.
        round_size: Episodes between two looks.
    """
    from scipy import stats  # here, since loading it takes longer than most commands need

    on_success, on_failure = rule.weights
    good, bad = rule.bounds
    undecided = np.zeros(planned + 1)  # probability, by successes
    undecided[0] = 1.0
    called_bad, done = 0.0, 0
    while done < planned:
        step = min(round_size, planned - done)
        added = stats.binom.pmf(np.arange(step + 1), step, rule.p_good)
        done += step
        undecided = np.convolve(undecided[: done - step + 1], added)
        successes = np.arange(done + 1)
        ratio = successes * on_success + (done - successes) * on_failure
        called_bad += float(undecided[ratio >= bad].sum())
        undecided[(ratio >= bad) | (ratio <= good)] = 0.0
    within = called_bad + np.cumsum(undecided) <= rule.alpha
    # Successes are many or few by themselves; only those of undecided runs matter.
    return int(np.argmin(within)) - 1 if not within.all() else planned
