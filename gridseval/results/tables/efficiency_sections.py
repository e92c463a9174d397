"""Tables of what a policy's queries cost, and of what its pruner kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gridseval.results.run.record import EpisodeRecord
from gridseval.results.stats.rates import tally
from gridseval.results.tables.document import MISSING, Section
from gridseval.results.tables.efficiency import (
    LATENCY,
    TFLOPS,
    efficiency_keys,
    is_detail,
    spread,
    text_of,
    title_of,
)
from gridseval.results.tables.record_group import DENSE, KEPT, RETENTION
from gridseval.results.tables.sections import rate_text
from gridseval.results.tables.summary import Row, Summary


def efficiency_sections(runs: Mapping[str, Summary], tasks: bool = True) -> list[Section]:
    """Return tables of success, tokens, operations and times, then of kept tokens; maybe none.

    Args:
        runs: By label.
        tasks: Whether a single run gets a row per task, too, for kept tokens.
    """
    keys = efficiency_keys(record for summary in runs.values() for record in summary.records)
    if RETENTION in keys:
        keys = tuple(key for key in keys if key != DENSE)  # follows from the other two
    rows = list(_rows(runs, tasks and KEPT in keys))
    costs = tuple(key for key in keys if not is_detail(key))
    details = tuple(key for key in keys if is_detail(key))
    suites = sum(row.task is None for _, row in rows) if len(rows) > len(runs) else 0
    sections = []
    if costs:
        several = len(runs) > 1
        beside = _Beside(rows) if several else None
        cells = [(label, _success(row.records), *_costs(row, costs, beside)) for label, row in rows]
        header = ("suite", "success", *_titles(costs, several))
        title = _COSTS + (_COUNTED if TFLOPS in costs else "")
        sections.append(Section(title, header, tuple(cells), emphasised=suites))
    if details:
        kept = [(label, *_cells(row.records, details)) for label, row in rows]
        header = ("suite", *map(title_of, details))
        sections.append(Section(_DETAILS, header, tuple(kept), emphasised=suites))
    return sections


class _Beside:
    """What the rows of a table of several runs are compared with: the first run of each suite."""

    def __init__(self, rows: Sequence[tuple[str, Row]]) -> None:
        self._first: dict[str, Row] = {}
        for _, row in rows:
            self._first.setdefault(row.suite, row)

    def relative(self, row: Row) -> str:
        """Return success as a share of the first run's."""
        own, first = tally(row.records).rate, tally(self._first[row.suite].records).rate
        return f"{100 * own / first:.1f} %" if own is not None and first else MISSING

    def speed_up(self, row: Row) -> str:
        """Return how many times as fast as the first run's a query is."""
        own = spread(row.records, LATENCY).mean
        first = spread(self._first[row.suite].records, LATENCY).mean
        return f"{first / own:.2f}×" if own and first else MISSING


def _costs(row: Row, keys: Sequence[str], beside: _Beside | None) -> list[str]:
    """Return the cells of a row; of several runs with what they are beside the first one."""
    if beside is None:
        return _cells(row.records, keys)
    cells = [beside.relative(row)]
    for key, cell in zip(keys, _cells(row.records, keys), strict=True):
        cells += [cell, beside.speed_up(row)] if key == LATENCY else [cell]
    return cells


def _titles(keys: Sequence[str], several: bool) -> list[str]:
    titles = ["of first"] if several else []
    for key in keys:
        titles += [title_of(key), "speed-up"] if several and key == LATENCY else [title_of(key)]
    return titles


_COSTS = "efficiency, mean ± standard deviation over episodes"
_COUNTED = "; FLOPs: all that runs, two per multiply-accumulate; ms and MB are measured"
_DETAILS = "what was kept, mean ± standard deviation over episodes"


def _rows(runs: Mapping[str, Summary], tasks: bool) -> Iterator[tuple[str, Row]]:
    """Yield what rows are about: tasks of a single run, then suites."""
    several = len(runs) > 1
    for label, summary in runs.items():
        for row in summary.tasks if tasks and not several else ():
            yield f"{row.suite} {row.task}", row
        for row in summary.suites:
            yield f"{label}: {row.suite}" if several else row.suite, row


def _success(records: Sequence[EpisodeRecord]) -> str:
    return rate_text(tally(records))


def _cells(records: Sequence[EpisodeRecord], keys: Sequence[str]) -> list[str]:
    return [text_of(spread(records, key), key) or MISSING for key in keys]
