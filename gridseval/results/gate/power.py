"""Whether a gate that did not fire had enough episodes to do so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gridseval.results.gate.holm import SUITE_SHARE, Check
from gridseval.results.run.record import EpisodeRecord
from gridseval.results.stats.paired import count_pairs, matched
from gridseval.results.stats.power import (
    paired_power,
    paired_trials_needed,
    threshold_power,
    threshold_trials_needed,
)

if TYPE_CHECKING:
    from gridseval.results.gate.rules import GateRules


@dataclass(frozen=True)
class Power:
    """The probability with which a suite's test would have shown a drop.

    Args:
        suite: The suite's name.
        episodes: That it has.
        power: The probability.
        needed: Episodes with which the probability is as asked for.
    """

    suite: str
    episodes: int
    power: float
    needed: int

    def sentence(self, drop: float, asked: float) -> str:
        """Say that it is too few."""
        return (
            f"{self.episodes} episodes of {self.suite} are too few: a drop of {100 * drop:g} "
            f"points would be seen with a probability of {100 * self.power:.0f} %, "
            f"{self.needed} episodes give {100 * asked:g} %"
        )


def paired_gate_power(
    check: Check,
    before: Sequence[EpisodeRecord],
    after: Sequence[EpisodeRecord],
    rules: GateRules,
) -> Power | None:
    """Return the power of a suite's paired test; ``None`` for a task.

    Flips in both directions are taken to be as frequent as the rarer direction was measured, so
    that a run compared with itself, in which nothing flips, needs the fewest episodes.
    """
    if check.task is not None:
        return None
    pairs = matched(before, after)
    counts = count_pairs(pair for pair in pairs if pair[0].suite == check.suite)
    flips = min(1.0, rules.detect + 2 * min(counts.lost, counts.won) / counts.pairs)
    alpha = rules.alpha * SUITE_SHARE
    power = paired_power(counts.pairs, rules.detect, flips, alpha)
    if power >= rules.power:
        return Power(check.suite, counts.pairs, power, counts.pairs)
    needed = paired_trials_needed(rules.detect, flips, alpha, rules.power)
    return Power(check.suite, counts.pairs, power, needed)


def threshold_gate_power(check: Check, threshold: float, rules: GateRules) -> Power | None:
    """Return the power of a suite's test against a rate; ``None`` for a task."""
    if check.task is not None or not check.episodes:
        return None
    drop, alpha = min(rules.detect, threshold), rules.alpha * SUITE_SHARE
    power = threshold_power(check.episodes, threshold, drop, alpha)
    if power >= rules.power:
        return Power(check.suite, check.episodes, power, check.episodes)
    needed = threshold_trials_needed(threshold, drop, alpha, rules.power)
    return Power(check.suite, check.episodes, power, needed)
