"""Success rates that others have published, to be shown beside measured ones."""

from __future__ import annotations

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


def load_published(path: Path | None = None) -> tuple[PublishedRow, ...]:
    """Return all published rows, in the file's order.

    Args:
        path: Default: the file that ships with gridseval, ``policies/published.yaml``.

    Raises:
        UsageError: The file cannot be read, or does not describe rows.
    """
    stored = load_yaml(path or data_dir("policies") / "published.yaml", _PublishedFile)
    return tuple(
        PublishedRow(family.family, suite, rate, family.trials, source.source, family.protocol)
        for source in stored.sources
        for family in source.rows
        for suite, rate in zip(stored.suites, family.rates, strict=True)
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


@dataclass(frozen=True)
class _Row:
    """A row of a table: rates in the order of the file's suites."""

    family: str
    rates: tuple[float, ...]
    trials: int | None = None
    protocol: str | None = None


@dataclass(frozen=True)
class _Source:
    source: str
    rows: tuple[_Row, ...]


@dataclass(frozen=True)
class _PublishedFile:
    suites: tuple[str, ...]
    sources: tuple[_Source, ...]

    def __post_init__(self) -> None:
        for source in self.sources:
            for row in source.rows:
                if len(row.rates) != len(self.suites):
                    count = len(self.suites)
                    raise ValueError(f"{row.family}: expected {count} rates, got {len(row.rates)}")
