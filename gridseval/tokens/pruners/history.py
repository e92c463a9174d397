"""A pruner's memory of each slot between queries; slots are in different steps."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class History(Generic[T]):
    """The last few entries of each slot's episode.

    Args:
        length: How many are kept, at least 1.
    """

    def __init__(self, length: int) -> None:
        self._length = length
        self._slots: dict[int, deque[T]] = {}

    def add(self, slot: int, thing: T) -> None:
        """Add a slot's newest entry, and drop the oldest one if there are too many."""
        self._slots.setdefault(slot, deque(maxlen=self._length)).append(thing)

    def newest_first(self, slot: int) -> tuple[T, ...]:
        """Return the entries of a slot; empty for one that has just started."""
        return tuple(reversed(self._slots.get(slot, ())))

    def forget(self, slots: Sequence[int]) -> None:
        """Forget these slots."""
        for slot in slots:
            self._slots.pop(slot, None)
