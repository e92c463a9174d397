"""One α for all the tests of a gate: of every suite, and of every task.

A task that broke may hardly move the average of its suite, so tasks are tested too. Holm's (1979)
method keeps the probability of any false alarm within α: four fifths of it go to the suites at
first, the rest to the tasks, and what a rejected test no longer needs goes to the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gridseval.results.stats.paired import Difference

SUITE_SHARE = 0.8
"""Share of α that goes to the suites at first."""


@dataclass(frozen=True)
class Check:
    """One suite or task, against what it is compared with.

    Args:
        suite: The suite's name.
        task: The task's index; ``None`` for the suite.
        name: The task's name, or the suite's.
        before: Success rate to compare with, in [0, 1]; ``None`` where there is none.
        after: Success rate of the run; ``None`` without a counted episode.
        episodes: Counted episodes, or pairs of them.
        difference: Of the rates, run minus reference, with its 95 % interval.
        p_value: Of "not worse"; ``None`` where nothing is tested.
        adjusted: The p-value corrected for the number of tests; compare with α.
        regressed: Whether it is shown to be worse by more than what is tolerated.
    """

    suite: str
    task: int | None
    name: str
    before: float | None
    after: float | None
    episodes: int
    difference: Difference | None
    p_value: float | None
    adjusted: float | None = None
    regressed: bool = False

    @property
    def drop(self) -> float:
        """By how much the run is worse, as measured; 0 where that is not known."""
        return -self.difference.estimate if self.difference else 0.0


def decided(checks: Sequence[Check], alpha: float, max_drop: float) -> tuple[Check, ...]:
    """Return the checks with corrected p-values, and whether each is a regression."""
    suites = [check.suite for check in checks if check.task is None]
    tasks = {
        suite: sum(c.suite == suite and c.task is not None for c in checks) for suite in suites
    }
    # A task that is alone in its suite is the suite: testing it twice would only cost power.
    single = {suite for suite in suites if tasks[suite] == 1}
    tested = [
        check
        for check in checks
        if check.p_value is not None and not (check.task is not None and check.suite in single)
    ]
    of_tasks = [check for check in tested if check.task is not None]
    share = SUITE_SHARE if of_tasks else 1.0
    weights = [
        share / (len(tested) - len(of_tasks)) if check.task is None else (1 - share) / len(of_tasks)
        for check in tested
    ]
    p_values = [check.p_value for check in tested if check.p_value is not None]
    adjusted = dict(zip(map(_key, tested), weighted_holm(p_values, weights), strict=True))
    marked = []
    for check in checks:
        whole = (check.suite, None) if check.suite in single else _key(check)
        p = adjusted.get(whole)
        regressed = p is not None and p <= alpha and check.drop > max_drop
        marked.append(replace(check, adjusted=p, regressed=regressed))
    return tuple(marked)


def weighted_holm(p_values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number; rejecting those within α errs with at most α.

    Holm (1979), "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
    Statistics 6, section 4: with equal weights it is the well-known step-down method.

    Args:
        p_values: Of the single tests.
        weights: Each test's share of α, above 0, together 1.
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i] / weights[i])
    corrected, left, largest = [0.0] * len(p_values), sum(weights), 0.0
    for i in order:
        largest = max(largest, min(1.0, p_values[i] / weights[i] * left))
        corrected[i] = largest
        left -= weights[i]
    return corrected


def _key(check: Check) -> tuple[str, int | None]:
    return (check.suite, check.task)
