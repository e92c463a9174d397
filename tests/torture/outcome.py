"""What the torture tried and what it found."""

from __future__ import annotations

from dataclasses import dataclass, field

DOCUMENTED = {0, 2, 3, 4, 5, 6, 130, 143, 129, 138, 140, 152}
"""Exit codes of docs/reference/exit-codes.md, without 1, which is a bug."""


@dataclass
class Ordeal:
    """One kind of torture.

    Attributes:
        name: For the table.
        tried: How often.
        found: What was wrong, one line each, beginning with the number that repeats it.
        endings: How often each exit code came, where there are exit codes.
    """

    name: str
    tried: int = 0
    found: list[str] = field(default_factory=list)
    endings: dict[int, int] = field(default_factory=dict)

    def note(self, status: int) -> None:
        """Count a try that ended with this exit code."""
        self.tried += 1
        self.endings[status] = self.endings.get(status, 0) + 1

    def row(self) -> str:
        """Return a row of the table in Markdown."""
        codes = ", ".join(f"{code}: {count}" for code, count in sorted(self.endings.items()))
        return f"| {self.name} | {self.tried} | {codes or '–'} | {len(self.found)} |"


def table(ordeals: list[Ordeal]) -> str:
    """Return the table in Markdown."""
    head = ["| torture | tried | exit codes | faults |", "|---|---|---|---|"]
    return "\n".join([*head, *(ordeal.row() for ordeal in ordeals)])
