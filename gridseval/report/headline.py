"""The numbers at the top: each suite's success rate, its interval and its costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gridseval.report.source import ReportRun
from gridseval.report.text import bounds, duration, number, percent
from gridseval.results import EpisodeRecord, mean_over_tasks, tally
from gridseval.results.stats.paired import (
    count_pairs,
    matched,
    mcnemar_two_sided,
    paired_difference,
)
from gridseval.results.stats.task_means import suite_interval
from gridseval.results.tables.columns import COLUMNS, Column
from gridseval.results.tables.suites_mean import in_papers_order, suites_mean


@dataclass(frozen=True)
class Headline:
    """One suite of one run, or the mean of its suites.

    Args:
        letter: The run's.
        run: The run's name.
        title: Suite and policy.
        rate: ``"94.2 %"``, or a dash.
        interval: ``"91.8–96.0"``, or a dash.
        facts: Label and value of further figures.
    """

    letter: str
    run: str
    title: str
    rate: str
    interval: str
    facts: tuple[tuple[str, str], ...]


def headlines(run: ReportRun, first: ReportRun) -> tuple[Headline, ...]:
    """Return one headline per suite of a run, and one of their mean.

    Without an episode yet, there is one without numbers.

    Args:
        run: The run.
        first: The run to compare with; the same run for no comparison.
    """
    groups: Sequence[tuple[str, tuple[EpisodeRecord, ...]]]
    groups = [(row.suite, row.records) for row in run.summary.suites] or [("", ())]
    others = () if run is first else first.records
    shown = [_headline(run, suite, records, others) for suite, records in groups]
    return (*shown, *_mean_of(run))


def _mean_of(run: ReportRun) -> Iterator[Headline]:
    """Yield the mean over the suites of a run, if it has several."""
    mean = suites_mean(run.summary)
    if mean is None:
        return
    rates = {row.suite: percent(tally(row.records).rate) for row in run.summary.suites}
    names = in_papers_order(mean.suites)
    title = f"{run.title}: mean of {len(names)} suites"
    facts = tuple((name, rates[name]) for name in names)
    yield Headline(run.letter, run.name, title, percent(mean.rate), bounds(mean.interval), facts)


def _headline(
    run: ReportRun,
    suite: str,
    records: tuple[EpisodeRecord, ...],
    others: tuple[EpisodeRecord, ...],
) -> Headline:
    counts = tally(records)
    return Headline(
        letter=run.letter,
        run=run.name,
        title=f"{run.title}: {suite}" if len(run.summary.suites) > 1 else run.title,
        rate=percent(counts.rate),
        interval=bounds(counts.interval),
        facts=(*_facts(records), *_against_first(records, others)),
    )


def _facts(records: Sequence[EpisodeRecord]) -> Iterator[tuple[str, str]]:
    """Yield label and text of every column that has a label."""
    several = len({record.task for record in records}) > 1
    for column in COLUMNS:
        if column.report_label and (several or column.name != "success_mean_over_tasks"):
            yield column.report_label, _fact(column, records)


def _fact(column: Column, records: Sequence[EpisodeRecord]) -> str:
    if column.name in _TOGETHER:
        return _TOGETHER[column.name](records)
    value = column.value(records)
    write = _UNITS.get(column.unit)
    if value is None or write is None:
        return column.cell(records)
    return write(value)


def _solved(records: Sequence[EpisodeRecord]) -> str:
    counts = tally(records)
    return f"{counts.successes:,} of {counts.counted:,}"


def _mean_with_interval(records: Sequence[EpisodeRecord]) -> str:
    return f"{percent(mean_over_tasks(records))} ({bounds(suite_interval(records))})"


_TOGETHER: Mapping[str, Callable[[Sequence[EpisodeRecord]], str]] = {
    "successes": _solved,
    "success_mean_over_tasks": _mean_with_interval,
}
"""Figures that stand together with others."""

_UNITS: Mapping[str, Callable[[float], str]] = {
    "count": lambda value: f"{value:,}",
    "fraction": percent,
    "steps": number,
    "s": duration,
}


def _against_first(
    records: Sequence[EpisodeRecord], others: Sequence[EpisodeRecord]
) -> Iterator[tuple[str, str]]:
    """Yield figures over the episodes that both runs have; none if they share no episode."""
    counts = count_pairs(matched(others, records))
    difference = paired_difference(counts)
    if difference is None:
        return
    estimate, lower, upper = (
        f"{100 * value:+.1f}".replace("-", "−")
        for value in (difference.estimate, difference.lower, difference.upper)
    )
    p = mcnemar_two_sided(counts)
    yield "points against A", f"{estimate} ({lower} to {upper})"
    yield "flipped", f"{counts.lost} lost, {counts.won} won of {counts.pairs}"
    yield "McNemar’s exact p", f"{p:.3f}" if p >= 0.001 else "below 0.001"
