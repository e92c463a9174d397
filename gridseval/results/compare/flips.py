"""What changed between two runs of the same suites, episode by episode."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gridseval.errors import UsageError
from gridseval.results.run.manifest import manifest_differences
from gridseval.results.run.protocols import with_protocol
from gridseval.results.run.reading import Run
from gridseval.results.run.record import EpisodeKey, EpisodeRecord
from gridseval.results.run.trajectories import actions_of, equal_steps
from gridseval.results.stats.paired import (
    Difference,
    PairCounts,
    count_pairs,
    matched,
    mcnemar_two_sided,
    paired_difference,
)
from gridseval.results.tables.summary import Row, summarise

_SAYS_NOTHING = ("command", "machine", "started", "timeout_s", "workers", "schema")


LISTS: Mapping[str, frozenset[tuple[bool | None, bool | None]]] = {
    "lost": frozenset({(True, False)}),
    "won": frozenset({(False, True)}),
    "flipped": frozenset({(True, False), (False, True)}),
    "both": frozenset({(True, True)}),
    "neither": frozenset({(False, False)}),
}
"""What episodes may be listed by: outcomes in the first and in the second run; errors in none."""


@dataclass(frozen=True)
class Pair:
    """An episode that is in both runs.

    Args:
        first: Its record in the first run.
        second: Its record in the second run.
        recorded: Whether both runs recorded its actions.
        equal_steps: Steps before the recorded trajectories part; ``None`` if they never do, or if
            they are not recorded.
    """

    first: EpisodeRecord
    second: EpisodeRecord
    recorded: bool
    equal_steps: int | None

    @property
    def flipped(self) -> bool:
        """Whether one run solved it and the other failed; errors are neither."""
        outcomes = {self.first.success, self.second.success}
        return outcomes == {True, False}

    @property
    def alike(self) -> bool:
        """Whether outcome, steps and recorded actions are the same in both."""
        outcome = (self.first.status, self.first.steps) == (self.second.status, self.second.steps)
        return outcome and self.equal_steps is None


@dataclass(frozen=True)
class TaskChange:
    """A task, or a suite, in both runs.

    Args:
        first: Its episodes in the first run.
        second: Its episodes in the second run.
        counts: Of the episodes that are counted in both.
    """

    first: Row
    second: Row
    counts: PairCounts


@dataclass(frozen=True)
class Comparison:
    """What changed from the first run to the second.

    Args:
        first: The first run.
        second: The second run.
        suites: One per suite.
        tasks: One per task that is in both runs.
        pairs: The episodes of both runs, in order, errors among them.
        only_first: Episodes that only the first run has.
        only_second: Episodes that only the second run has.
        counts: Of the pairs without errors.
        difference: Second rate minus first over those, with its 95 % interval; ``None`` without.
        p_value: McNemar's exact test of equal rates, two-sided.
        settings: A line ``key: first -> second`` for what differs in ``run.yaml``.
    """

    first: Run
    second: Run
    suites: tuple[TaskChange, ...]
    tasks: tuple[TaskChange, ...]
    pairs: tuple[Pair, ...]
    only_first: tuple[EpisodeKey, ...]
    only_second: tuple[EpisodeKey, ...]
    counts: PairCounts
    difference: Difference | None
    p_value: float
    settings: tuple[str, ...]

    @property
    def flips(self) -> tuple[Pair, ...]:
        """Episodes that one run solved and the other failed."""
        return tuple(pair for pair in self.pairs if pair.flipped)

    def listed(self, which: str) -> tuple[EpisodeKey, ...]:
        """Return the episodes of one outcome, in order.

        Args:
            which: One of :data:`LISTS`.
        """
        wanted = LISTS[which]
        return tuple(
            pair.first.key
            for pair in self.pairs
            if (pair.first.success, pair.second.success) in wanted
        )

    @property
    def identical(self) -> bool:
        """Whether both have the same episodes, all alike; videos and times may differ."""
        same_keys = not self.only_first and not self.only_second
        return same_keys and all(pair.alike for pair in self.pairs)


def compare_runs(first: Run, second: Run) -> Comparison:
    """Compare two runs of the same suites.

    Raises:
        UsageError: They are of other suites.
        OutputError: A file of recorded actions is broken.
    """
    if first.suites != second.suites:
        of_first, of_second = (", ".join(run.suites) or "no suite" for run in (first, second))
        raise UsageError(
            f"{first.label} is of {of_first}, {second.label} of {of_second}",
            "only runs of the same suites can be compared",
        )
    before, after = ({record.key: record for record in run.records} for run in (first, second))
    counts = count_pairs(matched(first.records, second.records))
    summaries = [summarise(run.records, run.manifest) for run in (first, second)]
    return Comparison(
        first=first,
        second=second,
        suites=tuple(_changes(summaries[0].suites, summaries[1].suites)),
        tasks=tuple(_changes(summaries[0].tasks, summaries[1].tasks)),
        pairs=tuple(
            _pair(first, second, before[key], after[key]) for key in sorted(before) if key in after
        ),
        only_first=tuple(sorted(before.keys() - after.keys())),
        only_second=tuple(sorted(after.keys() - before.keys())),
        counts=counts,
        difference=paired_difference(counts),
        p_value=mcnemar_two_sided(counts),
        settings=tuple(_settings(first.manifest, second.manifest)),
    )


def _changes(first: Sequence[Row], second: Sequence[Row]) -> Iterator[TaskChange]:
    others = {(row.suite, row.task): row for row in second}
    for row in first:
        other = others.get((row.suite, row.task))
        if other is not None:
            yield TaskChange(row, other, count_pairs(matched(row.records, other.records)))


def _pair(first: Run, second: Run, before: EpisodeRecord, after: EpisodeRecord) -> Pair:
    files = actions_of(first, before.key), actions_of(second, after.key)
    if files[0] is None or files[1] is None:
        return Pair(before, after, recorded=False, equal_steps=None)
    return Pair(before, after, recorded=True, equal_steps=equal_steps(files[0], files[1]))


def _settings(first: Mapping[str, object], second: Mapping[str, object]) -> Iterator[str]:
    if first and second:
        before, after = with_protocol(first), with_protocol(second)
        yield from manifest_differences(before, after, _SAYS_NOTHING)
