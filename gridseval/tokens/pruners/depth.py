"""Which decoder layers an episode's queries leave out: those that change their input least.

Source: EfficientVLA, arXiv 2506.10100, section on the language module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from gridseval.tokens.pruners.numerics import widen


class DepthMemory:
    """The layers that each slot leaves out, once its episode's first query has measured them.

    Args:
        count: How many layers go.
        first: The first one that may.
    """

    def __init__(self, count: int, first: int) -> None:
        self.count, self.first = count, first
        self._dropped: dict[int, frozenset[int]] = {}

    def knows(self, slot: int) -> bool:
        """Return whether a slot's layers are measured."""
        return slot in self._dropped

    def dropped(self, slot: int) -> frozenset[int]:
        """Return the layers that a slot leaves out; none before they are measured."""
        return self._dropped.get(slot, frozenset())

    def learn(self, slot: int, importance: Mapping[int, float]) -> None:
        """Take the importance of a slot's layers; of equal ones the later go first."""
        ranked = sorted(importance, key=lambda layer: (importance[layer], -layer))
        self._dropped[slot] = frozenset(ranked[: self.count])

    def forget(self, slots: Sequence[int]) -> None:
        """Forget the layers of slots that start new episodes."""
        for slot in slots:
            self._dropped.pop(int(slot), None)


def importance(before: Tensor, after: Tensor, there: Tensor | None) -> Tensor:
    """Return 1 − the mean over tokens of cos(before, after), float (B,).

    Args:
        before: float (B, L, D), what enters a layer.
        after: The same shape: what leaves it.
        there: bool (B, L), false for padding; ``None`` without any.
    """
    alike = functional.cosine_similarity(widen(before), widen(after), dim=-1)
    real = torch.ones_like(alike) if there is None else there.to(alike)
    return 1 - (alike * real).sum(1) / real.sum(1)
