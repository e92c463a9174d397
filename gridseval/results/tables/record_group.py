"""Records that are looked at together, and the numbers that their figures are computed from.

Tables of a run have some fifty figures per row, each over all of the row's records. To look at
every record once for each of them would take a minute for 100,000 episodes.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from gridseval.results.run.record import EpisodeRecord

KEPT = "kept_tokens"
DENSE = "dense_tokens"
RETENTION = "retention"
"""What follows from the other two, where a record does not say it."""


@dataclass(frozen=True)
class Numbers:
    """Numbers of records by name, in the records' order; those that ended in an error have none.

    Attributes:
        extra: Of what a record says beside its columns: a number, or the mean of a list.
        motion: How the arm moved, in all episodes.
        motion_solved: The same in those that succeeded.
        completion_s: Completion times of those that succeeded.
        cached: What figures have been computed from these, by name.
    """

    extra: dict[str, list[float]] = field(default_factory=dict)
    motion: dict[str, list[float]] = field(default_factory=dict)
    motion_solved: dict[str, list[float]] = field(default_factory=dict)
    completion_s: list[float] = field(default_factory=list)
    cached: dict[str, Any] = field(default_factory=dict)

    def add(self, other: Numbers) -> None:
        """Take in the numbers of other records."""
        for name in ("extra", "motion", "motion_solved"):
            mine = getattr(self, name)
            for key, values in getattr(other, name).items():
                mine.setdefault(key, []).extend(values)
        self.completion_s.extend(other.completion_s)


class RecordGroup(tuple[EpisodeRecord, ...]):
    """Records whose numbers are gathered once, when a figure first asks for them."""

    parts: tuple[RecordGroup, ...] = ()

    @classmethod
    def joined(cls, parts: Iterable[RecordGroup]) -> RecordGroup:
        """Return all records of some groups, whose numbers it takes over."""
        given = tuple(parts)
        group = cls(record for part in given for record in part)
        group.parts = given
        return group

    @cached_property
    def numbers(self) -> Numbers:
        """The numbers of all records."""
        found = Numbers()
        for part in self.parts:
            found.add(part.numbers)
        for record in () if self.parts else self:
            if record.status != "error":
                _gather(record, found)
        return found


def grouped(records: Iterable[EpisodeRecord]) -> RecordGroup:
    """Return records as a group; one that is a group stays the same object."""
    return records if isinstance(records, RecordGroup) else RecordGroup(records)


def number_of(value: object) -> float | None:
    """Return a finite number, or the mean of those in a list; ``None`` without any."""
    if type(value) is float:
        return value if math.isfinite(value) else None
    numbers: Sequence[object] = value if isinstance(value, (list, tuple)) else [value]
    if numbers and _PLAIN.issuperset(map(type, numbers)):
        with contextlib.suppress(OverflowError, ValueError):
            total = math.fsum(numbers)  # type: ignore[arg-type]
            if math.isfinite(total):
                return total / len(numbers)
    finite = [float(each) for each in numbers if _is_number(each) and math.isfinite(each)]  # type: ignore[arg-type]
    return math.fsum(finite) / len(finite) if finite else None


def plain_number(value: object) -> float | None:
    """Return a finite number; ``None`` of anything else."""
    if type(value) is not float and not _is_number(value):
        return None
    return float(value) if math.isfinite(value) else None  # type: ignore[arg-type]


def _gather(record: EpisodeRecord, found: Numbers) -> None:
    extra, solved = record.extra, record.status == "success"
    own: dict[str, float] = {}
    for key, value in extra.items():
        if type(value) not in _WITHOUT and (number := number_of(value)) is not None:
            own[key] = number
    if RETENTION not in own and KEPT in own and own.get(DENSE):
        own[RETENTION] = own[KEPT] / own[DENSE]
    for key, number in own.items():
        found.extra.setdefault(key, []).append(number)
    motion = extra.get("motion")
    if type(motion) is dict or isinstance(motion, Mapping):
        for name, value in motion.items():
            if (number := plain_number(value)) is not None:
                found.motion.setdefault(name, []).append(number)
                if solved:
                    found.motion_solved.setdefault(name, []).append(number)
    if solved and (seconds := plain_number(extra.get("completion_s"))) is not None:
        found.completion_s.append(seconds)


_PLAIN = frozenset((int, float))
_WITHOUT = frozenset((dict, str, bool, type(None)))
"""Types of values without a number, which most of a record's have."""


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
