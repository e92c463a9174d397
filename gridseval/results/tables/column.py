"""One figure of records, and how people see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from gridseval.results.run.record import EpisodeRecord
from gridseval.results.tables.document import MISSING

Figure: TypeAlias = "int | float | None"
Records: TypeAlias = Sequence[EpisodeRecord]

UNITS: Mapping[str, Callable[[float], str]] = {
    "count": lambda value: f"{value:d}",
    "fraction": lambda value: f"{100 * value:.1f} %",
    "steps": lambda value: f"{value:.0f}",
    "s": lambda value: f"{value:.1f} s",
}
"""How tables for people write a figure, by its unit; of another unit: four digits and the unit."""


@dataclass(frozen=True)
class Column:
    """A figure of the records of a task, a suite or a dimension.

    Args:
        name: Its key in ``table.csv`` and ``summary.json``; ends with the unit where it has one.
        value: Computes it from records; ``None`` where there is nothing to compute it from.
        unit: One of :data:`UNITS`, or another, such as ``"mm"``.
        description: What it is, in a few words, for the documentation.
        header: Its heading where people read: ``table.md``, the terminal, LaTeX; ``None``: only
            programs get it.
        text: Its cell there; default: the value in its unit.
        place: Where it stands among the headings; of equal places in the order of the list.
        label: Its name in the report's headline; default: the header. Empty: not there.
    """

    name: str
    value: Callable[[Records], Figure]
    unit: str = "count"
    description: str = ""
    header: str | None = None
    text: Callable[[Records], str] | None = None
    place: int = 100
    label: str | None = None

    @property
    def report_label(self) -> str:
        """Its name in the report's headline; empty if it does not stand there."""
        return (self.header or "") if self.label is None else self.label

    def cell(self, records: Records) -> str:
        """Return the figure as a cell of a table for people."""
        if self.text is not None:
            return self.text(records)
        value = self.value(records)
        if value is None:
            return MISSING
        write = UNITS.get(self.unit)
        return f"{value:.4g} {self.unit}".rstrip() if write is None else write(value)
