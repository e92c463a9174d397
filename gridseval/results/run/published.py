"""Success rates that others have published, to be shown beside measured ones.

``policies/published.yaml`` has rates by suite, ``policies/published_plus.yaml`` rows of the
LIBERO-Plus leaderboard by dimension; both files have the same form.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gridseval.config import load_yaml
from gridseval.data import data_dir
from gridseval.errors import UsageError, did_you_mean


@dataclass(frozen=True)
class PublishedRow:
    """One number of a paper.

    Args:
        family: The policy, as the paper names it.
        suite: The suite's name.
        rate: Success rate in percent, within 0 and 100.
        trials: Episodes that it was measured with; ``None`` where the paper does not say.
        source: The paper, and where in it.
        protocol: The evaluation protocol that it was measured under; ``None`` where nobody says.

    Raises:
        ValueError: The rate or the number of trials is out of its range.
    """

    family: str
    suite: str
    rate: float
    trials: int | None
    source: str
    protocol: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 100:
            raise ValueError(f"rate must be within 0 and 100 %, not {self.rate:g}")
        if self.trials is not None and self.trials < 1:
            raise ValueError(f"trials must be at least 1, not {self.trials}")

    @property
    def fraction(self) -> float:
        """The rate in [0, 1]."""
        return self.rate / 100

    @property
    def counts(self) -> tuple[int, int] | None:
        """Successes and episodes; ``None`` where the number of episodes is not known."""
        return None if self.trials is None else (round(self.fraction * self.trials), self.trials)


@dataclass(frozen=True)
class PlusRow:
    """A published row of the LIBERO-Plus leaderboard.

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


def load_published(path: Path | None = None) -> tuple[PublishedRow, ...]:
    """Return all published rows, in the file's order.

    Args:
        path: Default: the file that ships with gridseval, ``policies/published.yaml``.

    Raises:
        UsageError: The file cannot be read, or does not describe rows.
    """
    return tuple(
        PublishedRow(row.family, suite, rate, row.trials, source, row.protocol)
        for source, row, rates in _rows(path, "published.yaml")
        for suite, rate in rates.items()
    )


def load_published_plus(path: Path | None = None) -> tuple[PlusRow, ...]:
    """Return all published rows of the leaderboard, in the file's order.

    Args:
        path: Default: the file that ships with gridseval, ``policies/published_plus.yaml``.

    Raises:
        UsageError: The file cannot be read, or does not describe rows with a total.
    """
    return tuple(
        PlusRow(
            row.family,
            {name: rate / 100 for name, rate in rates.items()},
            (row.total or 0.0) / 100,
            source,
        )
        for source, row, rates in _rows(path, "published_plus.yaml")
    )


def published_rows(family: str, path: Path | None = None) -> dict[str, PublishedRow]:
    """Return the rows of one policy by suite; the first source that has it counts.

    Raises:
        UsageError: Nothing is published of it (names the nearest).
    """
    rows = load_published(path)
    found = [row for row in rows if row.family == family]
    if not found:
        names = dict.fromkeys(row.family for row in rows)
        raise UsageError(f"no published rates of {family!r}", did_you_mean(family, names))
    first = found[0].source
    return {row.suite: row for row in found if row.source == first}


def _rows(path: Path | None, shipped: str) -> Iterator[tuple[str, _Row, dict[str, float]]]:
    """Yield source, row, and its rates in percent by suite or dimension."""
    stored = load_yaml(path or data_dir("policies") / shipped, _PublishedFile)
    for source in stored.sources:
        for row in source.rows:
            yield source.source, row, dict(zip(stored.columns, row.rates, strict=True))


@dataclass(frozen=True)
class _Row:
    """A row of a table: rates in the order of the file's suites or dimensions."""

    family: str
    rates: tuple[float, ...]
    trials: int | None = None
    protocol: str | None = None
    total: float | None = None

    def __post_init__(self) -> None:
        for rate in (*self.rates, self.total or 0.0):
            if not 0 <= rate <= 100:
                raise ValueError(f"{self.family}: rate must be within 0 and 100 %, not {rate:g}")


@dataclass(frozen=True)
class _Source:
    source: str
    rows: tuple[_Row, ...]


@dataclass(frozen=True)
class _PublishedFile:
    sources: tuple[_Source, ...]
    suites: tuple[str, ...] = ()
    dimensions: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """What the rates of a row are of."""
        return self.suites or self.dimensions

    def __post_init__(self) -> None:
        if bool(self.suites) == bool(self.dimensions):
            raise ValueError("expected either suites or dimensions")
        for row in (row for source in self.sources for row in source.rows):
            if len(row.rates) != len(self.columns):
                count = len(self.columns)
                raise ValueError(f"{row.family}: expected {count} rates, got {len(row.rates)}")
            if self.dimensions and row.total is None:
                raise ValueError(f"{row.family}: missing key 'total'")
