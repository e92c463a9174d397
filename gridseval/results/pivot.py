"""Success by dimension and level, for suites that perturb (as LIBERO-Plus does).

A record belongs to a cell if its ``extra`` has ``dimension`` (text) and ``level`` (whole number).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from gridseval.results.record import EpisodeRecord

Key: TypeAlias = "tuple[str | None, int | None]"


@dataclass(frozen=True)
class Pivot:
    """Records by dimension and level.

    Args:
        dimensions: Names in order of the alphabet.
        levels: In ascending order.
        cells: Records by (dimension, level); ``None`` in place of either stands for all.
    """

    dimensions: tuple[str, ...]
    levels: tuple[int, ...]
    cells: dict[Key, tuple[EpisodeRecord, ...]]


def pivot(records: Iterable[EpisodeRecord]) -> Pivot | None:
    """Sort records by dimension and level; ``None`` if no record has both."""
    groups: dict[Key, list[EpisodeRecord]] = {}
    for record in records:
        dimension, level = record.extra.get("dimension"), record.extra.get("level")
        if isinstance(dimension, str) and type(level) is int:
            for key in ((dimension, level), (dimension, None), (None, level), (None, None)):
                groups.setdefault(key, []).append(record)
    if not groups:
        return None
    return Pivot(
        dimensions=tuple(sorted({name for name, _ in groups if name is not None})),
        levels=tuple(sorted({level for _, level in groups if level is not None})),
        cells={key: tuple(group) for key, group in groups.items()},
    )
