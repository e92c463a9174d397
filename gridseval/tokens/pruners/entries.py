"""Key-value entries that outlive a query: which tokens a layer computes, and what it takes over.

Source: VLA-Cache's code (siyuhsu/vla-cache and its forks of transformers). A token that is reused
leaves the layers from some layer on: it is not computed there, and the others look at the
keys and values that the slot's earlier queries left at its place. Shapes: B rows, P visual tokens,
K of them that a layer computes, D width, H key heads of width d.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gridseval.errors import PolicyError


@dataclass(frozen=True, eq=False)
class Running:
    """The visual tokens that a layer computes.

    Attributes:
        ids: int64 (B, K): places among the P visual tokens, ascending; 0 where ``mask`` is false.
        mask: bool (B, K): false where a row computes fewer.
        dense: P.
    """

    ids: Tensor
    mask: Tensor
    dense: int

    @property
    def counts(self) -> Tensor:
        """Tokens that each row computes, int64 (B,)."""
        return self.mask.sum(1)

    def narrow(self, tokens: Tensor, earlier: Running | None) -> Tensor:
        """Return these tokens, float (B, K, D).

        Args:
            tokens: Those that the layer before computed, which are at least these.
            earlier: Which these were; ``None``: all P.
        """
        whole = tokens if earlier is None else earlier.put(tokens[:, None])[:, 0]
        return whole.gather(1, self.ids[..., None].expand(-1, -1, whole.shape[2]))

    def put(self, made: Tensor, before: Tensor | None = None) -> Tensor:
        """Return made (B, H, K, d) at their places in ``before`` (B, H, P, d), zeros by default."""
        rows, heads, _, width = made.shape
        whole = made.new_zeros(rows, heads, self.dense, width)
        if before is not None:
            whole.copy_(before)
        # Row by row: rows are few, and one scatter with an index per number is far slower.
        for row, count in enumerate(self.counts.tolist()):
            whole[row].index_copy_(1, self.ids[row, :count], made[row, :, :count])
        return whole


@dataclass(frozen=True, eq=False)
class Reuse:
    """Which key-value entries of earlier queries a method uses again.

    Attributes:
        order: int64 (B, P): dense token indices, those to be reused first in front.
        counts: int64 (B, layers): how many of them each decoder layer reuses; never falls from a
            layer to the next.
    """

    order: Tensor
    counts: Tensor

    def entries(self, layer: int) -> Tensor:
        """Return bool (B, P): the tokens whose entries decoder layer ``layer`` reuses."""
        ranks = torch.arange(self.order.shape[1], device=self.order.device)
        first = ranks < self.counts[:, layer, None]
        return torch.zeros_like(first).scatter(1, self.order, first)

    def changes(self, layer: int) -> bool:
        """Return whether a layer computes fewer tokens than the one before it."""
        before = self.counts[:, layer - 1] if layer else 0
        return bool((self.counts[:, layer] != before).any())

    def running(self, layer: int) -> Running:
        """Return the tokens that decoder layer ``layer`` computes."""
        reused = self.entries(layer)
        counts = (~reused).sum(1)
        # A stable sort puts the others in front without changing their order.
        ids = torch.sort(reused, dim=1, stable=True).indices[:, : int(counts.max())]
        mask = torch.arange(ids.shape[1], device=ids.device) < counts[:, None]
        return Running(ids.masked_fill(~mask, 0), mask, self.order.shape[1])


class EntryMemory:
    """The newest key-value entries of each slot's visual tokens, layer by layer.

    Args:
        first: The first decoder layer that may reuse any; those before are not remembered.
    """

    def __init__(self, first: int) -> None:
        self._first = first
        self._slots: dict[int, dict[int, tuple[Tensor, Tensor]]] = {}

    def remembers(self, layer: int) -> bool:
        """Return whether a layer's entries are remembered."""
        return layer >= self._first

    def recall(self, slots: Sequence[int], layer: int) -> tuple[Tensor, Tensor]:
        """Return keys and values of slots, float (len(slots), H, P, d) each.

        Raises:
            PolicyError: A slot has none of this layer.
        """
        for slot in slots:
            if layer not in self._slots.get(slot, {}):
                raise PolicyError(
                    f"slot {slot} has no key-value entries of decoder layer {layer} to reuse",
                    "the model that runs must be the one that remembers: reset the slot",
                )
        found = [self._slots[slot][layer] for slot in slots]
        return torch.stack([keys for keys, _ in found]), torch.stack([each for _, each in found])

    def keep(self, slots: Sequence[int], layer: int, keys: Tensor, values: Tensor) -> None:
        """Remember keys and values, float (B, H, P, d) each."""
        for slot, *entries in zip(slots, keys.detach(), values.detach(), strict=True):
            self._slots.setdefault(slot, {})[layer] = (entries[0], entries[1])

    def forget(self, slots: Sequence[int]) -> None:
        """Forget the entries of slots that start new episodes."""
        for slot in slots:
            self._slots.pop(slot, None)


@dataclass(frozen=True, eq=False)
class LayerEntries:
    """One layer's entries in one query.

    Attributes:
        memory: Of all slots.
        layer: The decoder layer.
        slots: Of the B rows.
        running: The visual tokens that the layer computes; ``None``: all.
        start: Tokens before the visual ones.
        dense: P.
    """

    memory: EntryMemory
    layer: int
    slots: Sequence[int]
    running: Running | None
    start: int
    dense: int

    def complete(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return the entries of all tokens, and remember those of the visual ones.

        Args:
            keys: float (B, H, L, d) of the tokens that are computed: ``start`` ones, K visual
                ones, the rest.
            values: The same shape.
        """
        if self.running is not None:
            keys, values = (self._whole(made, number) for number, made in enumerate((keys, values)))
        visual = slice(self.start, self.start + self.dense)
        self.memory.keep(self.slots, self.layer, keys[:, :, visual], values[:, :, visual])
        return keys, values

    def complete_keys(self, keys: Tensor) -> Tensor:
        """Return the keys of all tokens, and remember nothing."""
        return keys if self.running is None else self._whole(keys, 0)

    def _whole(self, made: Tensor, number: int) -> Tensor:
        """Return made keys (number 0) or values (1) among those from before."""
        assert self.running is not None
        end = self.start + self.running.mask.shape[1]
        visual = self.running.put(made[:, :, self.start : end], self._before(made, number))
        return torch.cat([made[:, :, : self.start], visual, made[:, :, end:]], 2)

    def _before(self, made: Tensor, number: int) -> Tensor:
        """Return the earlier entries, (B, H, P, d); zeros of rows that reuse none."""
        assert self.running is not None
        reusing = (self.running.counts < self.dense).nonzero().flatten().tolist()
        found = self.memory.recall([self.slots[row] for row in reusing], self.layer)[number]
        if len(reusing) == len(made):
            return found
        whole = made.new_zeros(len(made), made.shape[1], self.dense, made.shape[3])
        whole[reusing] = found
        return whole
