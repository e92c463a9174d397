"""How long answers take, in policy steps: drawn, measured, or as another run recorded them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gridseval.envs.perturbations.seeding import generator
from gridseval.envs.scene import CONTROL_HZ
from gridseval.errors import UsageError
from gridseval.suites import Episode

MOST_DELAY = 10_000
"""Policy steps: more than any episode of LIBERO has."""


@dataclass(frozen=True)
class DrawnDelays:
    """A delay between two numbers, drawn in every query by seed, episode and query alone.

    Attributes:
        least: Policy steps, at least 0.
        most: Policy steps, at least ``least``.
        seed: The run's.
    """

    least: int
    most: int
    seed: int = 0
    alone: bool = field(default=False, init=False)

    def of(self, episode: Episode, query: int, _: float, /) -> int:
        """Return the delay; how long the call took does not matter."""
        if self.least == self.most:
            return self.least
        named = episode.suite, episode.task, episode.trial
        rng = generator(self.seed, *named, "delay", query)
        return int(rng.integers(self.least, self.most + 1))


@dataclass(frozen=True)
class MeasuredDelays:
    """What a call really took, rounded up to policy steps; other machines take other times.

    Attributes:
        scale: Factor on the time: 0.1 stands for a machine ten times as fast.
    """

    scale: float = 1.0
    alone: bool = field(default=True, init=False)

    def of(self, _: Episode, __: int, elapsed_s: float, /) -> int:
        """Return the delay."""
        return min(MOST_DELAY, math.ceil(elapsed_s * self.scale * CONTROL_HZ))


@dataclass(frozen=True)
class RecordedDelays:
    """The delays of a run that is there.

    Attributes:
        delays: Those of every episode, in the order of its queries.
        source: Where they were read, for errors.
    """

    delays: Mapping[Episode, Sequence[int]]
    source: str
    alone: bool = field(default=False, init=False)

    def of(self, episode: Episode, query: int, _: float, /) -> int:
        """Return the delay.

        Raises:
            UsageError: The run has no such query: what is run is not what was run there.
        """
        recorded = self.delays.get(episode, ())
        if query < len(recorded):
            return recorded[query]
        raise UsageError(
            f"{self.source} recorded {len(recorded)} delays in task {episode.task} trial "
            f"{episode.trial}, and query {query + 1} of it needs one",
            "only the same policy under the same conditions can be given them",
        )
