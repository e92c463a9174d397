"""Success by dimension and level, for suites that perturb (as LIBERO-Plus does).

A record belongs to a cell if its ``extra`` has ``dimension`` (text) and ``level`` (whole number, or
null where the suite grades a task at no level).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from gridseval.results.run.record import EpisodeRecord
from gridseval.results.tables.record_group import RecordGroup

NO_LEVEL = "none"
"""The level of tasks that a suite grades at none, as ``--level`` and ``run.yaml`` have it."""

Level: TypeAlias = "int | str"
Key: TypeAlias = "tuple[str | None, Level | None]"


@dataclass(frozen=True)
class Pivot:
    """Records by dimension and level.

    Args:
        dimensions: LIBERO-Plus's in the leaderboard's order, then others by the alphabet.
        levels: In ascending order, ``NO_LEVEL`` last.
        cells: Records by (dimension, level); ``None`` in place of either stands for all. A cell
            without records is absent.
        unavailable: Tasks that could not be run, by (dimension, level), sums included.
    """

    dimensions: tuple[str, ...]
    levels: tuple[Level, ...]
    cells: dict[Key, RecordGroup]
    unavailable: dict[Key, int]


def pivot(
    records: Iterable[EpisodeRecord], manifest: Mapping[str, Any] | None = None
) -> Pivot | None:
    """Sort records by dimension and level; ``None`` if no record has both.

    Args:
        records: Of one or several suites.
        manifest: The run's ``run.yaml``, whose ``unavailable`` counts the tasks that were chosen
            but lack files, ``{dimension: {level: count}}``.
    """
    groups: dict[Key, list[EpisodeRecord]] = {}
    for record in records:
        place = place_of(record)
        if place is not None:
            for key in _sums(*place):
                groups.setdefault(key, []).append(record)
    if not groups:
        return None
    unavailable = unavailable_tasks(manifest or {})
    keys = {*groups, *unavailable}
    return Pivot(
        dimensions=tuple(sorted({name for name, _ in keys if name is not None}, key=_rank)),
        levels=tuple(sorted({level for _, level in keys if level is not None}, key=_height)),
        cells={key: RecordGroup(group) for key, group in groups.items()},
        unavailable=unavailable,
    )


def place_of(record: EpisodeRecord) -> tuple[str, Level] | None:
    """Return a record's dimension and level; ``None`` if it does not say both."""
    dimension, level = record.extra.get("dimension"), record.extra.get("level", ...)
    if not isinstance(dimension, str):
        return None
    if level is None:
        return dimension, NO_LEVEL
    return (dimension, level) if type(level) is int else None


def unavailable_tasks(manifest: Mapping[str, Any]) -> dict[Key, int]:
    """Return how many tasks a run could not run, by cell, with sums; empty if it could run all."""
    counts: dict[Key, int] = {}
    stored = manifest.get("unavailable")
    for dimension, levels in stored.items() if isinstance(stored, Mapping) else ():
        for text, count in levels.items() if isinstance(levels, Mapping) else ():
            known = text == NO_LEVEL or (str(text).isdecimal() and len(str(text)) < 10)
            if type(count) is int and known:
                level = NO_LEVEL if text == NO_LEVEL else int(text)
                for key in _sums(str(dimension), level):
                    counts[key] = counts.get(key, 0) + count
    return counts


def _sums(dimension: str, level: Level) -> tuple[Key, ...]:
    """Return the cells that a task counts for."""
    return (dimension, level), (dimension, None), (None, level), (None, None)


def _rank(dimension: str) -> tuple[int, str]:
    # Here, since listing and reading records do not need the suites.
    from gridseval.suites.variant import DIMENSIONS

    known = dimension in DIMENSIONS
    return (DIMENSIONS.index(dimension) if known else len(DIMENSIONS)), dimension


def _height(level: Level) -> tuple[bool, int]:
    return (False, level) if isinstance(level, int) else (True, 0)
