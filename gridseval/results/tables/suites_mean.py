"""The row that papers print: a policy's success on each suite, and the mean over the suites.

Runs of LIBERO-Plus have none: its total weighs tasks, and stands in the leaderboard's row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gridseval.results.stats.rates import tally
from gridseval.results.tables.document import MISSING, Section
from gridseval.results.tables.sections import rate_text
from gridseval.results.tables.summary import Summary

if TYPE_CHECKING:
    from gridseval.results.stats.task_means import SuitesMean


def suites_mean(summary: Summary) -> SuitesMean | None:
    """Return the mean over a run's suites; ``None`` of one suite, and of LIBERO-Plus."""
    if len(summary.suites) < 2 or summary.leaderboard is not None:
        return None
    # Here, since numpy is not needed to list or read records.
    from gridseval.results.stats.task_means import mean_over_suites

    return mean_over_suites(summary.records)


def suites_mean_section(runs: Mapping[str, Summary]) -> Section | None:
    """Return a row per run: its rate on each suite, and their mean if it has them all.

    Args:
        runs: By label; an only one may have an empty label.

    Returns:
        ``None`` if no run has a mean.
    """
    names = in_papers_order({row.suite for summary in runs.values() for row in summary.suites})
    means = {label: suites_mean(summary) for label, summary in runs.items()}
    if not any(mean is not None and set(mean.suites) == set(names) for mean in means.values()):
        return None
    return Section(
        title="mean over suites: success in %, with 95 % interval",
        header=("run", *names, "mean"),
        rows=tuple(
            (label or "this run", *_rates(summary, names), _mean_cell(means[label], names))
            for label, summary in runs.items()
        ),
    )


def suites_mean_data(summary: Summary) -> dict[str, Any] | None:
    """Return the key ``mean_over_suites`` of ``summary.json``."""
    mean = suites_mean(summary)
    return None if mean is None else {"suites": in_papers_order(mean.suites), **_figures(mean)}


def suites_mean_lines(summary: Summary, names: Sequence[str]) -> Iterator[list[object]]:
    """Yield the line of ``table.csv``, if there is one.

    Args:
        summary: The run.
        names: Of the columns with figures.
    """
    mean = suites_mean(summary)
    if mean is not None:
        figures, suites = _figures(mean), ", ".join(in_papers_order(mean.suites))
        yield ["mean", suites, "", "", "", "", *(figures.get(name, "") for name in names)]


def in_papers_order(suites: Iterable[str]) -> list[str]:
    """Return suites in the order of papers, others after them by name."""
    # Here, since listing and reading records do not need the suites.
    from gridseval.suites.groups import GROUPS

    known = [name for group in GROUPS.values() for name in group]
    places = {name: place for place, name in enumerate(known)}
    return sorted(suites, key=lambda name: (places.get(name, len(known)), name))


def _figures(mean: SuitesMean) -> dict[str, float]:
    return {
        "success_rate": mean.rate,
        "success_lower": mean.interval.lower,
        "success_upper": mean.interval.upper,
    }


def _rates(summary: Summary, names: Sequence[str]) -> Iterator[str]:
    rows = {row.suite: row.records for row in summary.suites}
    yield from (rate_text(tally(rows.get(name, ()))) for name in names)


def _mean_cell(mean: SuitesMean | None, names: Sequence[str]) -> str:
    if mean is None or set(mean.suites) != set(names):
        return MISSING
    lower, upper = mean.interval.lower, mean.interval.upper
    return f"{100 * mean.rate:.1f}\n({100 * lower:.1f}–{100 * upper:.1f})"
