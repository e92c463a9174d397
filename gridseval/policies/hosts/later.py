"""What an action expert looks at: the same few queries in every denoising step, as their mean."""

from __future__ import annotations

from torch import Tensor

from gridseval.policies.hosts.attention import joined
from gridseval.tokens.pruners.attention_map import AttentionMap


class StepMeans:
    """Adds maps up, layer by layer, and joins their means to those of the prefix."""

    def __init__(self) -> None:
        self._sums: dict[int, AttentionMap] = {}
        self._steps: dict[int, int] = {}

    def add(self, layer: int, found: AttentionMap) -> None:
        """Add one step's map of a layer."""
        before = self._sums.get(layer)
        self._sums[layer] = found if before is None else _added(before, found)
        self._steps[layer] = self._steps.get(layer, 0) + 1

    def join(self, maps: dict[int, AttentionMap]) -> None:
        """Put the means after the queries of ``maps``, and forget them."""
        for layer, found in self._sums.items():
            steps = self._steps[layer]
            entropy = None if found.entropy is None else found.entropy / steps
            maps[layer] = joined(
                maps[layer], AttentionMap(found.weights / steps, found.roles, entropy)
            )
        self._sums, self._steps = {}, {}


def _added(first: AttentionMap, second: AttentionMap) -> AttentionMap:
    def total(a: Tensor | None, b: Tensor | None) -> Tensor | None:
        return None if a is None or b is None else a + b

    weights = first.weights + second.weights
    return AttentionMap(weights, first.roles, total(first.entropy, second.entropy))
