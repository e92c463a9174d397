"""A gate's verdict as Markdown, for the summary of a CI job."""

from __future__ import annotations

from gridseval.foreign_text import markdown_cell
from gridseval.results.gate.holm import Check
from gridseval.results.gate.verdict import Verdict
from gridseval.results.gate.words import MISSING, change, p_text, percent

_SIGNS = {"pass": "✅", "regression": "❌", "cannot tell": "❓"}
_HEADER = ("", "before", "run", "change", "episodes", "p", "")


def render_gate_markdown(verdict: Verdict) -> str:
    """Return a heading, the sentence, a table of suites and tasks, and the notes."""
    title = f"## {_SIGNS[verdict.conclusion]} gridseval gate: {verdict.conclusion}"
    lines = [title, "", markdown_cell(verdict.sentence), ""]
    if verdict.checks:
        rows = [_HEADER, ("---", *["--:"] * (len(_HEADER) - 2), "---")]
        rows += [_row(check) for check in verdict.checks]
        lines += ["| " + " | ".join(row) + " |" for row in rows]
        lines.append("")
    notes = [f"run: {verdict.run}; before: {verdict.against}", *verdict.notes]
    lines += [f"- {markdown_cell(note)}" for note in notes]
    if any(check.adjusted is not None for check in verdict.checks):
        lines.append("- p: one-sided, corrected for the number of tests (Holm)")
    return "\n".join(lines) + "\n"


def _row(check: Check) -> tuple[str, ...]:
    name = f"**{check.suite}**" if check.task is None else f"{check.task} {check.name}"
    cells = (
        name,
        percent(check.before),
        percent(check.after),
        MISSING if check.difference is None else change(check.difference),
        str(check.episodes),
        p_text(check.adjusted),
        "regression" if check.regressed else "",
    )
    return tuple(map(markdown_cell, cells))
