"""The lists of a map's page: the tasks that a person should look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from gridseval.results.tables.document import MISSING, Section
from gridseval.solvable.task_map import MapRow

_LISTED = 12
"""Tasks named of those that are the same as one."""


def task_lists(rows: Sequence[MapRow]) -> Iterator[Section]:
    """Yield a table per list, some of them empty."""
    start = [row for row in rows if row.held_at_start]
    yield _table(
        "Goal already true at the start",
        start,
        {"attempts": lambda row: f"{row.held_at_start} of {row.attempts}"},
    )
    never = [row for row in rows if row.never]
    yield _table("Goal that can never hold", never, {"why": lambda row: "; ".join(row.never)})
    unsolved = [row for row in rows if row.unsolved]
    yield _table(
        "Not solved by the expert in every attempt",
        unsolved,
        {
            "solved": lambda row: f"{row.solved} of {row.attempts}",
            "pursued": lambda row: row.goal or MISSING,
            "phase": lambda row: row.phase or MISSING,
            "reason": lambda row: row.reason,
        },
    )
    unclear = [row for row in rows if row.leaves_open]
    yield _table(
        "Instruction that may not say which object",
        unclear,
        {"one of several": lambda row: ", ".join(row.leaves_open)},
        joined=False,
    )


def _table(
    title: str,
    rows: Sequence[MapRow],
    columns: Mapping[str, Callable[[MapRow], str]],
    joined: bool = True,
) -> Section:
    """Return a list of tasks; those whose episodes are the same stand in one row."""
    shown = []
    for row in rows if not joined else _firsts(rows):
        twins = [other.task for other in rows if joined and _run_for(other) == _run_for(row)][1:]
        also = ", ".join(map(str, twins[:_LISTED])) + (
            f", … ({len(twins)})" if len(twins) > _LISTED else ""
        )
        cells = [make(row) for make in columns.values()]
        shown.append((row.suite, str(row.task), row.name, *cells, also))
    header = ("suite", "task", "name", *columns, "same as")
    return Section(title, header, tuple(shown), stub=3, text_column=2)


def _firsts(rows: Sequence[MapRow]) -> list[MapRow]:
    return list({_run_for(row): row for row in reversed(rows)}.values())[::-1]


def _run_for(row: MapRow) -> tuple[str, int]:
    return row.suite, row.task if row.same_as is None else row.same_as
