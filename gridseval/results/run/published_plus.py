"""Rows of the LIBERO-Plus leaderboard that others have published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gridseval.config import load_yaml
from gridseval.data import data_dir


@dataclass(frozen=True)
class PlusRow:
    """A published row.

    Attributes:
        family: The policy, as its source names it.
        rates: Success rate in [0, 1] by dimension.
        total: Success rate over all tasks, in [0, 1].
        source: Where it was published.
    """

    family: str
    rates: Mapping[str, float]
    total: float
    source: str


def load_published_plus(path: Path | None = None) -> tuple[PlusRow, ...]:
    """Return all published rows, in the file's order.

    Args:
        path: Default: the file that ships with gridseval, ``policies/published_plus.yaml``.

    Raises:
        UsageError: The file cannot be read, or does not describe rows.
    """
    stored = load_yaml(path or data_dir("policies") / "published_plus.yaml", _File)
    return tuple(
        PlusRow(
            row.family,
            {name: rate / 100 for name, rate in zip(stored.dimensions, row.rates, strict=True)},
            row.total / 100,
            source.source,
        )
        for source in stored.sources
        for row in source.rows
    )


@dataclass(frozen=True)
class _Row:
    family: str
    rates: tuple[float, ...]
    total: float

    def __post_init__(self) -> None:
        for rate in (*self.rates, self.total):
            if not 0 <= rate <= 100:
                raise ValueError(f"{self.family}: {rate:g} is not within 0 and 100 %")


@dataclass(frozen=True)
class _Source:
    source: str
    rows: tuple[_Row, ...]


@dataclass(frozen=True)
class _File:
    dimensions: tuple[str, ...]
    sources: tuple[_Source, ...]

    def __post_init__(self) -> None:
        for source in self.sources:
            for row in source.rows:
                if len(row.rates) != len(self.dimensions):
                    count = len(self.dimensions)
                    raise ValueError(f"{row.family}: expected {count} rates, got {len(row.rates)}")
