"""The leaderboard's row of LIBERO-Plus: success by dimension, and over all tasks.

The leaderboard divides successes by tasks. A sample has other shares of the suites and levels than
the whole, so its cells (suite × dimension × level) are weighted by their true numbers of tasks; if
all tasks were run, that is the same.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from gridseval.results.run.record import EpisodeRecord
from gridseval.results.stats.rates import Interval, Tally, tally, wilson_interval
from gridseval.results.tables.pivot import NO_LEVEL, Level, place_of, unavailable_tasks

Cell: TypeAlias = "tuple[str, str, Level]"
"""Suite, dimension and level."""

PLUS = "libero_plus_"


@dataclass(frozen=True)
class Estimate:
    """A success rate, weighted by tasks.

    Attributes:
        rate: In [0, 1].
        interval: 95 % Wilson interval; with unequal weights, of as many episodes as would tell as
            much if they had equal ones (Kish's effective sample size).
        counted: Episodes that it is of.
        tasks: How many tasks there are.
        covered: How many of these lie in cells that have an episode.
        unavailable: How many tasks the run could not run.
    """

    rate: float
    interval: Interval
    counted: int
    tasks: int
    covered: int
    unavailable: int

    @property
    def is_partial(self) -> bool:
        """Whether some of the tasks are not represented."""
        return self.covered < self.tasks or self.unavailable > 0


@dataclass(frozen=True)
class Leaderboard:
    """A run's row.

    Attributes:
        suites: Those of LIBERO-Plus that the run has records of.
        tasks: How many tasks these suites have.
        tasks_run: How many of these have a counted episode.
        counted: How many episodes are counted; some tasks may have several.
        dimensions: By name; ``None`` without an episode.
        total: Over all tasks; ``None`` unless every dimension has an episode.
    """

    suites: tuple[str, ...]
    tasks: int
    tasks_run: int
    counted: int
    dimensions: Mapping[str, Estimate | None]
    total: Estimate | None

    @property
    def is_complete(self) -> bool:
        """Whether every task of all four suites is counted."""
        return self.tasks_run == self.tasks and set(self.suites) == set(_plus_suites())

    @property
    def label(self) -> str:
        """What the row is of, in words."""
        suites = "all suites" if set(self.suites) == set(_plus_suites()) else ", ".join(self.suites)
        if self.tasks_run == self.tasks:
            return f"all {self.tasks} tasks of {suites}"
        return f"{self.tasks_run} of {self.tasks} tasks of {suites}, weighted by tasks"


def leaderboard(
    records: Iterable[EpisodeRecord], manifest: Mapping[str, Any] | None = None
) -> Leaderboard | None:
    """Return the leaderboard's row of a run; ``None`` if no record is of LIBERO-Plus.

    Args:
        records: A run's, of any suites.
        manifest: Its ``run.yaml``, for tasks that could not be run.
    """
    from gridseval.suites.variant import DIMENSIONS

    cells: dict[Cell, list[EpisodeRecord]] = {}
    for record in records:
        place = place_of(record)
        if place is not None and record.suite.startswith(PLUS) and record.suite in _plus_suites():
            cells.setdefault((record.suite, *place), []).append(record)
    if not cells:
        return None
    suites = tuple(suite for suite in _plus_suites() if any(cell[0] == suite for cell in cells))
    sizes = {cell: size for suite in suites for cell, size in _cell_sizes(suite).items()}
    tallies = {cell: tally(group) for cell, group in cells.items() if cell in sizes}
    absent = unavailable_tasks(manifest or {})
    rows = {
        dimension: _estimate(
            {cell: size for cell, size in sizes.items() if cell[1] == dimension},
            tallies,
            absent.get((dimension, None), 0),
        )
        for dimension in DIMENSIONS
    }
    whole = _estimate(sizes, tallies, absent.get((None, None), 0))
    return Leaderboard(
        suites=suites,
        tasks=sum(sizes.values()),
        tasks_run=len(
            {
                (cell[0], each.task)
                for cell in tallies
                for each in cells[cell]
                if each.status != "error"
            }
        ),
        counted=sum(counts.counted for counts in tallies.values()),
        dimensions=rows,
        total=None if None in rows.values() else whole,
    )


def _estimate(
    sizes: Mapping[Cell, int], tallies: Mapping[Cell, Tally], unavailable: int
) -> Estimate | None:
    seen = {cell: tallies[cell] for cell in sizes if cell in tallies and tallies[cell].counted}
    if not seen:
        return None
    covered = sum(sizes[cell] for cell in seen)
    successes = sum(
        sizes[cell] * counts.successes / counts.counted for cell, counts in seen.items()
    )
    rate = successes / covered
    effective = covered**2 / sum(sizes[cell] ** 2 / seen[cell].counted for cell in seen)
    interval = wilson_interval(min(rate * effective, effective), effective)
    assert interval is not None
    return Estimate(
        rate=rate,
        interval=interval,
        counted=sum(counts.counted for counts in seen.values()),
        tasks=sum(sizes.values()),
        covered=covered,
        unavailable=unavailable,
    )


@functools.cache
def _plus_suites() -> tuple[str, ...]:
    # Here, since nobody who only lists or reads records needs the suites.
    from gridseval.suites import shipped_suites

    return tuple(name for name in shipped_suites() if name.startswith(PLUS))


@functools.cache
def _cell_sizes(suite: str) -> Mapping[Cell, int]:
    """Return how many tasks each cell of a suite has."""
    from gridseval.suites import load_suite

    return Counter(
        (suite, variant.dimension, NO_LEVEL if variant.level is None else variant.level)
        for task in load_suite(suite).tasks
        if (variant := task.variant) is not None
    )
