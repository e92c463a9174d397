"""Tables of what a policy's queries cost, and of what its pruner kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gridseval.results.run.record import EpisodeRecord
from gridseval.results.stats.rates import tally
from gridseval.results.tables.document import MISSING, Section
from gridseval.results.tables.efficiency import (
    DENSE,
    KEPT,
    RETENTION,
    TFLOPS,
    efficiency_keys,
    is_detail,
    spread,
    text_of,
    title_of,
)
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
        cells = [(label, _success(row.records), *_cells(row.records, costs)) for label, row in rows]
        header = ("suite", "success", *map(title_of, costs))
        title = _COSTS + (_COUNTED if TFLOPS in costs else "")
        sections.append(Section(title, header, tuple(cells), emphasised=suites))
    if details:
        kept = [(label, *_cells(row.records, details)) for label, row in rows]
        header = ("suite", *map(title_of, details))
        sections.append(Section(_DETAILS, header, tuple(kept), emphasised=suites))
    return sections


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
