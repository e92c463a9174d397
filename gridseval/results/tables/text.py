"""Tables as text for a terminal of 80 columns.

Nothing is ever cut, because instructions of a suite often differ in a few words only: text is
wrapped, and a table with too many columns is laid out in pieces that repeat its first columns.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace

from gridseval.results.tables.document import Document, Section

WIDTH = 80
_GAP = "  "
_TEXT_LEAST = 12
_TEXT_WANTED = 22
_HEADING_MOST = 14
_CELL_MOST = 24


def as_text(document: Document) -> str:
    """Return a document as lines of at most 80 columns, without a line feed at the end."""
    lines = _wrapped(document.title)
    for number, section in enumerate(document.sections):
        if number:
            lines.append("")
        lines += _wrapped(section.title) if section.title else []
        lines += _section_lines(section)
    for note in document.notes:
        lines += [part for line in note.splitlines() for part in _wrapped(line)]
    return "\n".join(lines)


def _section_lines(section: Section) -> list[str]:
    joined = replace(section, rows=tuple(tuple(map(_joined, row)) for row in section.rows))
    for candidate in (joined, section):
        if _least_width(candidate, range(len(section.header)), _TEXT_WANTED) <= WIDTH:
            return _lines(candidate)
    lines = []
    for number, piece in enumerate(_pieces(section)):
        lines += ([""] if number else []) + _lines(piece)
    return lines


def _joined(cell: str) -> str:
    return " ".join(cell.split("\n"))


def _pieces(section: Section) -> Iterator[Section]:
    """Split a section that is too wide; each piece has at least one column after the stub."""
    stub = list(range(section.stub))
    taken: list[int] = []
    for column in range(section.stub, len(section.header)):
        if taken and _least_width(section, [*stub, *taken, column], _TEXT_WANTED) > WIDTH:
            yield _columns(section, [*stub, *taken])
            taken = []
        taken.append(column)
    yield _columns(section, [*stub, *taken])


def _columns(section: Section, chosen: Sequence[int]) -> Section:
    def pick(cells: Sequence[str]) -> tuple[str, ...]:
        return tuple(cells[column] for column in chosen)

    return replace(section, header=pick(section.header), rows=tuple(map(pick, section.rows)))


def _least_width(section: Section, columns: Sequence[int], wanted: int) -> int:
    widths = [_width(section, column) for column in columns]
    text = widths[section.text_column]
    widths[section.text_column] = min(text, wanted)
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _width(section: Section, column: int) -> int:
    """Return the width that a column's longest line needs; longer ones are wrapped."""
    cells = [line for row in section.rows for line in row[column].split("\n")]
    heading = min(len(section.header[column]), _HEADING_MOST)
    longest = max([heading, *map(len, cells)])
    return longest if column == section.text_column else min(longest, _CELL_MOST)


def _lines(section: Section) -> list[str]:
    widths = [_width(section, column) for column in range(len(section.header))]
    text = section.text_column
    others = sum(widths) - widths[text] + len(_GAP) * (len(widths) - 1)
    # A text without blanks may need less than its cells' longest line, but never less than this.
    widths[text] = max(_TEXT_LEAST, min(widths[text], WIDTH - others))
    rule = ["─" * min(WIDTH, others + widths[text])]
    last = len(section.rows) - section.emphasised
    blocks = [section.rows[:last], section.rows[last:]]
    lines = _aligned(section.header, widths, text)
    for block in blocks:
        if block:
            lines += rule + [line for cells in block for line in _aligned(cells, widths, text)]
    return lines


def _aligned(cells: Sequence[str], widths: Sequence[int], text: int) -> list[str]:
    """Lay one row out, in as many lines as its cells need."""
    wrapped = [_cell(cell, width) for cell, width in zip(cells, widths, strict=True)]
    lines = []
    for number in range(max(map(len, wrapped))):
        parts = [cell[number] if number < len(cell) else "" for cell in wrapped]
        padded = [part.rjust(width) for part, width in zip(parts, widths, strict=True)]
        padded[text] = parts[text].ljust(widths[text])
        lines.append(_GAP.join(padded).rstrip())
    return lines


def _cell(cell: str, width: int) -> list[str]:
    lines = [part for line in cell.split("\n") for part in textwrap.wrap(line, width)]
    return lines or [""]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent="  ")
