"""A table before it is written down: the same for a terminal, Markdown and LaTeX."""

from __future__ import annotations

from dataclasses import dataclass

MISSING = "–"


@dataclass(frozen=True)
class Section:
    """A table of text.

    Args:
        title: Its heading, or empty.
        header: One per column.
        rows: Cells; in one a line feed stands where a narrow output may break and others put a
            space.
        emphasised: How many of the last rows sum up the others.
        stub: How many of the first columns say what a row is about; they are repeated where a
            table is too wide for one piece.
        text_column: The one among them that is aligned to the left and wrapped.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    emphasised: int = 0
    stub: int = 1
    text_column: int = 0


@dataclass(frozen=True)
class Document:
    """Tables and what a reader must know to judge them.

    Args:
        title: Of the whole.
        sections: In order; those without rows are left out by the outputs if they have a title.
        notes: One sentence each.
    """

    title: str
    sections: tuple[Section, ...]
    notes: tuple[str, ...]
