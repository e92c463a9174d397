"""Success by dimension and level, for records that say both in ``extra`` (LIBERO-Plus)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gridseval.report.source import ReportRun
from gridseval.report.text import MISSING, bounds
from gridseval.results import EpisodeRecord, tally
from gridseval.results.tables import pivot as pivots

ALL = "all"


@dataclass(frozen=True)
class Cell:
    """A dimension at a level.

    Args:
        rate: In percent, without the sign; a dash if every episode ended in an error.
        interval: For people.
        counted: Episodes that enter the rate.
        shade: The rate in percent, 0 to 100, to colour by.
    """

    rate: str
    interval: str
    counted: int
    shade: float


@dataclass(frozen=True)
class HeatMap:
    """One run's.

    Args:
        letter: The run's.
        levels: The columns' names, ``"all"`` last.
        rows: A dimension's name and its cells, ``None`` where it has no episode; ``"all"`` last.
    """

    letter: str
    levels: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell | None, ...]], ...]


def heat_map(run: ReportRun) -> HeatMap | None:
    """Return a run's heat map, or ``None`` if no record says dimension and level."""
    found = pivots.pivot(run.records)
    if found is None:
        return None
    levels = (*found.levels, None)
    rows = tuple(
        (dimension or ALL, tuple(_cell(found.cells.get((dimension, level))) for level in levels))
        for dimension in (*found.dimensions, None)
    )
    return HeatMap(run.letter, (*map(str, found.levels), ALL), rows)


def place_of(record: EpisodeRecord) -> tuple[str, str] | None:
    """Return a record's dimension and level as text, or ``None`` if it does not say both."""
    place = pivots.place_of(record)
    return None if place is None else (place[0], str(place[1]))


def _cell(records: Sequence[EpisodeRecord] | None) -> Cell | None:
    if not records:
        return None
    counts = tally(records)
    shade = round(100 * (counts.rate or 0.0), 1)
    rate = MISSING if counts.rate is None else f"{shade:.1f}"
    return Cell(rate, bounds(counts.interval), counts.counted, shade)
