"""Families of policies that people evaluate on LIBERO: how each is reached, and what was compared.

``policies/families.yaml`` is the one place that knows; ``gridseval policies`` and the table in the
docs are made from it. A conversion that was never compared with its original is a guess, so every
family says with what it was compared, by how much it differed, and when.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from gridseval.config import load_yaml
from gridseval.data import data_dir
from gridseval.policies.cards import list_cards
from gridseval.policies.registry import POLICIES

Reference = Literal["upstream", "recorded", "mock", "read"]

REFERENCES: dict[Reference, str] = {
    "upstream": "upstream's code",
    "recorded": "values that upstream's code gave",
    "mock": "a mock of its interface",
    "read": "nothing: read only",
}
"""With what a family was compared, strongest first, in words."""

_RECIPE = re.compile(r"examples/policies/\w+\.py:\w+")


@dataclass(frozen=True)
class Comparison:
    """One comparison of gridseval with a family's original.

    Args:
        version: Of the original: package with version, or repository with commit.
        what: What was compared.
        reference: ``"upstream"``: the original's code, run in a test or by hand; ``"recorded"``:
            values that the original's code gave, which a test compares with; ``"mock"``: a double
            with the original's functions and signatures; ``"read"``: its code was read, nothing
            was run.
        date: When, as ``YYYY-MM-DD``.
        difference: The largest one found, with its unit where it is not an action; ``None`` where
            nothing was measured.

    Raises:
        ValueError: The date is not one, or an entry that was only read has a difference.
    """

    version: str
    what: str
    reference: Reference
    date: str
    difference: str | None = None

    def __post_init__(self) -> None:
        date.fromisoformat(self.date)
        if self.reference == "read" and self.difference is not None:
            raise ValueError("what was only read has no difference")


@dataclass(frozen=True)
class Family:
    """A family of policies.

    Args:
        family: As papers write it.
        kind: The policy kind that reaches it, or the file and class of a recipe
            (``examples/policies/file.py:Class``).
        run: The command that evaluates it, in gridseval's environment.
        compared: What was compared, at least one thing.
        card: Its policy card, or ``None``.
        serve: What runs first in the model's own environment, or ``None`` where nothing does.

    Raises:
        ValueError: The kind is neither, there is no such card, or nothing was compared.
    """

    family: str
    kind: str
    run: str
    compared: tuple[Comparison, ...]
    card: str | None = None
    serve: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in POLICIES.names() and not _RECIPE.fullmatch(self.kind):
            raise ValueError(f"{self.family}: {self.kind!r} is neither a kind nor a recipe")
        if self.card is not None and self.card not in list_cards():
            raise ValueError(f"{self.family}: there is no card {self.card!r}")
        if not self.compared:
            raise ValueError(f"{self.family}: say what was compared, or that it was only read")

    @property
    def reached(self) -> str:
        """The kind, or the recipe's file."""
        return self.kind.rpartition("/")[2].partition(":")[0]

    def versions(self) -> dict[Reference, tuple[str, ...]]:
        """Return which versions of the original were compared, each by its strongest reference.

        Returns:
            Strongest reference first; none without a version.
        """
        best: dict[str, Reference] = {}
        for reference in REFERENCES:
            for compared in self.compared:
                if compared.reference == reference:
                    best.setdefault(compared.version, reference)
        return {
            reference: tuple(version for version, its in best.items() if its == reference)
            for reference in dict.fromkeys(best.values())
        }


@dataclass(frozen=True)
class _FamiliesFile:
    families: tuple[Family, ...]

    def __post_init__(self) -> None:
        names = [family.family for family in self.families]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"families: {min(twice)} is listed twice")


def load_families(path: Path | None = None) -> tuple[Family, ...]:
    """Return all families, in the file's order.

    Args:
        path: Another file than the shipped one.

    Raises:
        UsageError: The file does not describe families (names file and key path).
    """
    return load_yaml(path or data_dir("policies") / "families.yaml", _FamiliesFile).families


def families_markdown(families: tuple[Family, ...] | None = None) -> str:
    """Return the table of the docs, in Markdown: a row per family and comparison.

    Args:
        families: Others than the shipped ones.
    """
    rows: list[tuple[str, ...]] = [
        ("family", "reached by", "version", "compared", "with", "largest difference", "date"),
        ("---",) * 7,
    ]
    for family in load_families() if families is None else families:
        rows += _rows(family)
    return "".join(f"| {' | '.join(map(_cell, row))} |\n" for row in rows)


def _rows(family: Family) -> Iterator[tuple[str, ...]]:
    for number, compared in enumerate(family.compared):
        first = (family.family, f"`{family.reached}`") if number == 0 else ("", "")
        difference = compared.difference or "–"
        words = REFERENCES[compared.reference]
        yield (*first, compared.version, compared.what, words, difference, compared.date)


def _cell(text: str) -> str:
    return text.replace("|", r"\|")
