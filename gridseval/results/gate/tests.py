"""The tests behind the gate: whether a suite, or a task, is worse than what it is compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gridseval.results.gate.holm import Check
from gridseval.results.run.published import PublishedRow
from gridseval.results.run.record import EpisodeRecord
from gridseval.results.stats.paired import (
    Difference,
    count_pairs,
    matched,
    mcnemar_drop,
    paired_difference,
)
from gridseval.results.stats.rates import Tally, by_suite, by_task, tally
from gridseval.results.stats.task_means import suite_interval
from gridseval.results.stats.unpaired import fisher_drop, unpaired_difference


def baseline_checks(
    before: Sequence[EpisodeRecord], after: Sequence[EpisodeRecord]
) -> tuple[Check, ...]:
    """Compare two runs episode by episode: exact McNemar tests."""
    pairs = {first.key: (first, second) for first, second in matched(before, after)}
    checks = []
    for group in _groups([first for first, _ in pairs.values()]):
        counts = count_pairs(pairs[record.key] for record in group.records)
        checks.append(
            Check(
                group.suite,
                group.task,
                group.name,
                before=(counts.both + counts.lost) / counts.pairs,
                after=(counts.both + counts.won) / counts.pairs,
                episodes=counts.pairs,
                difference=paired_difference(counts),
                p_value=mcnemar_drop(counts),
            )
        )
    return tuple(checks)


def threshold_checks(records: Sequence[EpisodeRecord], threshold: float) -> tuple[Check, ...]:
    """Compare a run with a success rate: exact binomial tests.

    For unlike tasks the binomial's tail is an upper bound (Hoeffding 1956, "On the distribution of
    the number of successes in independent trials", Annals of Mathematical Statistics 27). A single
    task may well be below the threshold; it is tested against the lowest rate that it can have if
    the average over the tasks reaches the threshold.

    Args:
        records: The run's; the rate of a suite is that of all its counted episodes.
        threshold: In [0, 1].
    """
    checks, lowest = [], threshold
    for group in _groups(records):
        if group.task is None:
            tasks = len({record.task for record in group.records})
            lowest = max(0.0, 1 - tasks * (1 - threshold))
        counts = tally(group.records)
        tested = threshold if group.task is None else lowest
        checks.append(
            Check(
                group.suite,
                group.task,
                group.name,
                before=threshold,
                after=counts.rate,
                episodes=counts.counted,
                difference=_from_constant(group, counts, threshold),
                p_value=_binomial_drop(counts, tested) if counts.counted else None,
            )
        )
    return tuple(checks)


def published_checks(
    records: Sequence[EpisodeRecord], rows: Mapping[str, PublishedRow]
) -> tuple[Check, ...]:
    """Compare suites with published rates: Fisher's exact test, or a threshold's.

    A published rate is an estimate, too; where the number of its trials is not known it has to be
    taken as exact. Tasks are not tested, since papers give no rates of them.
    """
    checks = []
    for group in _groups(records):
        row, counts = rows.get(group.suite), tally(group.records)
        check = Check(
            group.suite, group.task, group.name, None, counts.rate, counts.counted, None, None
        )
        if row is not None and group.task is None and counts.counted:
            check = _against_row(check, row, group, counts)
        checks.append(check)
    return tuple(checks)


@dataclass(frozen=True)
class _Group:
    """The records of a suite, or of one of its tasks."""

    suite: str
    task: int | None
    name: str
    records: tuple[EpisodeRecord, ...]


def _groups(records: Sequence[EpisodeRecord]) -> list[_Group]:
    """Return every suite, each followed by its tasks."""
    groups = []
    for suite, of_suite in by_suite(sorted(records, key=lambda record: record.key)).items():
        groups.append(_Group(suite, None, suite, tuple(of_suite)))
        for (_, task), of_task in by_task(of_suite).items():
            groups.append(_Group(suite, task, of_task[0].task_name, tuple(of_task)))
    return groups


def _binomial_drop(counts: Tally, rate: float) -> float:
    from scipy import stats  # here, since loading it takes longer than most commands need

    return float(stats.binom.cdf(counts.successes, counts.counted, rate))


def _from_constant(group: _Group, counts: Tally, constant: float) -> Difference | None:
    interval = suite_interval(group.records) if group.task is None else counts.interval
    if counts.rate is None or interval is None:
        return None
    # With unequal numbers of trials the interval is of the mean over tasks, a little off the rate.
    lower, upper = min(interval.lower, counts.rate), max(interval.upper, counts.rate)
    return Difference(counts.rate - constant, lower - constant, upper - constant)


def _against_row(check: Check, row: PublishedRow, group: _Group, counts: Tally) -> Check:
    if row.counts is None:
        difference = _from_constant(group, counts, row.fraction)
        p_value = _binomial_drop(counts, row.fraction)
    else:
        mine = (counts.successes, counts.counted)
        difference, p_value = unpaired_difference(row.counts, mine), fisher_drop(row.counts, mine)
    return replace(check, before=row.fraction, difference=difference, p_value=p_value)
