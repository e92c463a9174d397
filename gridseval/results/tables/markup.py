"""Tables as Markdown and as LaTeX."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from gridseval.foreign_text import markdown_cell
from gridseval.results.tables.document import Document, Section

_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "–": "--",
    "±": r"$\pm$",
    "×": r"$\times$",
    "†": r"$\dagger$",
    "·": r"$\cdot$",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


def as_markdown(document: Document) -> str:
    """Return a document as Markdown, with tables as GitHub reads them."""
    lines = [f"# {markdown_cell(document.title)}", ""]
    for section in document.sections:
        if section.title:
            lines += [f"## {markdown_cell(section.title)}", ""]
        lines += [*_markdown_rows(section), ""]
    return "\n".join([*lines, *(f"- {markdown_cell(note)}" for note in document.notes), ""])


def as_latex(document: Document) -> str:
    r"""Return a document as LaTeX tables, which need ``\usepackage{booktabs}``; notes as comments.

    Everything that LaTeX would read as a command is escaped.
    """
    blocks = ["\n".join(_latex_table(section, document.title)) for section in document.sections]
    notes = [f"% {' '.join(note.split())}" for note in document.notes]
    return "\n\n".join([r"% \usepackage{booktabs}", *blocks, "\n".join(notes)]) + "\n"


def _markdown_rows(section: Section) -> Iterator[str]:
    last = len(section.rows) - section.emphasised
    aligned = [":--" if i == section.text_column else "--:" for i in range(len(section.header))]
    yield _markdown_row(section.header)
    yield _markdown_row(aligned)
    for number, cells in enumerate(section.rows):
        bold = number >= last
        yield _markdown_row([f"**{cell}**" if bold and cell else cell for cell in cells])


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(map(markdown_cell, cells)) + " |"


def _latex_table(section: Section, title: str) -> Iterator[str]:
    last = len(section.rows) - section.emphasised
    alignment = ["l" if i == section.text_column else "r" for i in range(len(section.header))]
    yield r"\begin{table}"
    yield r"  \centering"
    yield f"  \\caption{{{_latex(section.title or title)}}}"
    yield f"  \\begin{{tabular}}{{{''.join(alignment)}}}"
    yield r"    \toprule"
    yield _latex_row(section.header)
    yield r"    \midrule"
    for number, cells in enumerate(section.rows):
        if number == last and number:
            yield r"    \midrule"
        yield _latex_row(cells)
    yield r"    \bottomrule"
    yield r"  \end{tabular}"
    yield r"\end{table}"


def _latex_row(cells: Sequence[str]) -> str:
    return "    " + " & ".join(map(_latex, cells)) + r" \\"


def _latex(text: str) -> str:
    plain = " ".join(text.split())
    escaped = "".join(_LATEX.get(character, character) for character in plain)
    # After \\ a bracket would be read as the space between two rows.
    return re.sub(r"^\[", "{[}", escaped)
