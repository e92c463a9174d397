"""How two runs move in the episodes that both solved: paired differences of each figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gridseval.motion.table import FIGURES
from gridseval.results.compare.flips import Pair
from gridseval.results.run.record import EpisodeRecord
from gridseval.results.stats.means import Mean, mean_of
from gridseval.results.tables.document import Section
from gridseval.results.tables.execution import completion_of, motion_of


@dataclass(frozen=True)
class FigureChange:
    """A figure over the episodes that both runs solved and that have it in both.

    Attributes:
        name: Its key.
        title: Its heading.
        digits: Decimals for people.
        first: Its mean in the first run.
        second: Its mean in the second run.
        difference: Mean of second minus first, with Student's 95 % interval over episodes.
    """

    name: str
    title: str
    digits: int
    first: float
    second: float
    difference: Mean


def figure_changes(pairs: Sequence[Pair]) -> tuple[FigureChange, ...]:
    """Return what changed from the first run to the second, figure by figure."""
    solved = [pair for pair in pairs if pair.first.success and pair.second.success]
    found = (_change(solved, *figure) for figure in _figures())
    return tuple(change for change in found if change is not None)


def motion_section(changes: Sequence[FigureChange], count: int) -> Section | None:
    """Return the changes as a table; ``None`` without any.

    Args:
        changes: Of :func:`figure_changes`.
        count: Episodes that both solved.
    """
    if not changes:
        return None
    rows = []
    for change in changes:
        mean, digits = change.difference, change.digits
        around = ""
        if mean.lower is not None and mean.upper is not None:
            around = f"\n({mean.lower:+.{digits}f} to {mean.upper:+.{digits}f})"
        rows.append(
            (
                change.title,
                f"{change.first:.{digits}f}",
                f"{change.second:.{digits}f}",
                f"{mean.value:+.{digits}f}{around}",
            )
        )
    title = f"the {count} episodes that both solved, means (95 % interval of the difference)"
    return Section(title, ("figure", "A", "B", "B − A"), tuple(rows))


def changes_data(changes: Sequence[FigureChange]) -> list[Mapping[str, Any]]:
    """Return the changes for JSON."""
    return [
        {
            "name": change.name,
            "first": change.first,
            "second": change.second,
            "difference": vars(change.difference),
        }
        for change in changes
    ]


_Value = Callable[[EpisodeRecord], "float | None"]


def _figures() -> list[tuple[str, str, int, _Value]]:
    def of(name: str) -> _Value:
        return lambda record: motion_of(record, name)

    return [
        ("steps", "steps", 1, lambda record: float(record.steps)),
        ("completion_s", "completion s", 2, completion_of),
        *((figure.name, figure.title, figure.digits + 1, of(figure.name)) for figure in FIGURES),
    ]


def _change(
    pairs: Sequence[Pair], name: str, title: str, digits: int, value: _Value
) -> FigureChange | None:
    both = [(value(pair.first), value(pair.second)) for pair in pairs]
    known = [(one, other) for one, other in both if one is not None and other is not None]
    difference = mean_of(other - one for one, other in known)
    if difference is None:
        return None
    first, second = mean_of(one for one, _ in known), mean_of(other for _, other in known)
    assert first is not None and second is not None  # there are values
    return FigureChange(name, title, digits, first.value, second.value, difference)
