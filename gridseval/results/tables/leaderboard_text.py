"""The leaderboard's rows as a table, as lines of ``table.csv`` and as data for ``summary.json``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gridseval.results.run.published import PlusRow, load_published_plus
from gridseval.results.tables.columns import Figure
from gridseval.results.tables.document import MISSING, Section
from gridseval.results.tables.leaderboard import Estimate, Leaderboard
from gridseval.results.tables.summary import Summary

_PARTIAL = "*"


def leaderboard_section(runs: Mapping[str, Summary]) -> Section | None:
    """Return runs of LIBERO-Plus above the published rows; ``None`` if none is of it.

    Args:
        runs: By label; an only one may have an empty label.
    """
    measured = _measured(runs)
    if not measured:
        return None
    published = load_published_plus()
    sources = _sources(published)
    rows = [
        (label or "this run", *map(_cell, (*row.dimensions.values(), row.total)))
        for label, row in measured.items()
    ]
    names = list(next(iter(measured.values())).dimensions)
    rows += [
        (
            f"{row.family} [P{sources.index(row.source) + 1}]",
            *(f"{100 * row.rates[name]:.1f}" if name in row.rates else MISSING for name in names),
            f"{100 * row.total:.1f}",
        )
        for row in published
    ]
    title = "LIBERO-Plus: success in %, with 95 % interval, beside published rows"
    return Section(title=title, header=("policy", *names, "total"), rows=tuple(rows))


def leaderboard_notes(runs: Mapping[str, Summary]) -> Iterator[str]:
    """Yield what a reader of the section must know, and the sources of its published rows."""
    measured = _measured(runs)
    for label, row in measured.items():
        yield f"{label or 'this run'}: {row.label}"
    if any(_is_partial(row) for row in measured.values()):
        yield (
            f"{_PARTIAL}: of some of the tasks only: the others are unavailable, or a level has no "
            "episode; a total needs all seven dimensions"
        )
    if measured:
        yield "published rows of LIBERO-Plus are of all 10030 tasks"
        for number, source in enumerate(_sources(load_published_plus()), start=1):
            yield f"[P{number}] {source}"


def leaderboard_data(summary: Summary) -> dict[str, Any] | None:
    """Return the key ``leaderboard`` of ``summary.json``."""
    row = summary.leaderboard
    if row is None:
        return None
    return {
        "suites": list(row.suites),
        "tasks": row.tasks,
        "tasks_run": row.tasks_run,
        "counted": row.counted,
        "complete": row.is_complete,
        "label": row.label,
        "dimensions": {
            name: None if estimate is None else _estimate_data(estimate)
            for name, estimate in row.dimensions.items()
        },
        "total": None if row.total is None else _estimate_data(row.total),
        "published": [
            {
                "family": other.family,
                "dimensions": dict(other.rates),
                "total": other.total,
                "source": other.source,
            }
            for other in load_published_plus()
        ],
    }


def leaderboard_lines(
    runs: Mapping[str, Summary], names: Sequence[str]
) -> Iterator[tuple[str, list[object]]]:
    """Yield lines of ``table.csv``: a run's label (or the published policy), and the cells.

    Args:
        runs: By label.
        names: Of the columns with figures.
    """
    for label, row in _measured(runs).items():
        for dimension, estimate in (*row.dimensions.items(), ("", row.total)):
            if estimate is not None:
                shown = _csv_figures(estimate)
                place = ["leaderboard", ", ".join(row.suites), "", row.label, dimension, ""]
                yield label, [*place, *(shown.get(name, "") for name in names)]
    for other in load_published_plus() if _measured(runs) else ():
        for dimension, rate in (*other.rates.items(), ("", other.total)):
            place = [
                "published",
                "libero_plus",
                "",
                f"{other.family}: {other.source}",
                dimension,
                "",
            ]
            cells = [round(rate, 4) if name == "success_rate" else "" for name in names]
            yield other.family, [*place, *cells]


def _measured(runs: Mapping[str, Summary]) -> dict[str, Leaderboard]:
    rows = {label: summary.leaderboard for label, summary in runs.items()}
    return {label: row for label, row in rows.items() if row is not None}


def _sources(published: Sequence[PlusRow]) -> list[str]:
    return list(dict.fromkeys(row.source for row in published))


def _is_partial(row: Leaderboard) -> bool:
    estimates = row.dimensions.values()
    return any(estimate is None or estimate.is_partial for estimate in estimates)


def _cell(estimate: Estimate | None) -> str:
    if estimate is None:
        return MISSING
    lower, upper = 100 * estimate.interval.lower, 100 * estimate.interval.upper
    mark = _PARTIAL if estimate.is_partial else ""
    return f"{100 * estimate.rate:.1f}{mark}\n({lower:.1f}–{upper:.1f})"


def _estimate_data(estimate: Estimate) -> dict[str, Figure]:
    return {
        "success_rate": estimate.rate,
        "success_lower": estimate.interval.lower,
        "success_upper": estimate.interval.upper,
        "counted": estimate.counted,
        "tasks": estimate.tasks,
        "tasks_represented": estimate.covered,
        "tasks_unavailable": estimate.unavailable,
    }


def _csv_figures(estimate: Estimate) -> dict[str, Figure]:
    data = _estimate_data(estimate)
    return {name: data[name] for name in data if not name.startswith("tasks")}
