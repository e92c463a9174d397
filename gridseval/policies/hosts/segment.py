"""The tokens that go on from a decoder layer, and what of a layer's arguments belongs to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from gridseval.errors import PolicyError
from gridseval.policies.hosts.masks import check_mask, like, mask_between, mask_of_others
from gridseval.tokens.pruners.entries import Running
from gridseval.tokens.pruners.interface import Pruned

Rotary = Callable[..., tuple[Tensor, Tensor]]
"""From states and ``position_ids`` to cosines and sines, as transformers' rotary modules do."""


@dataclass(frozen=True, eq=False)
class Layout:
    """The whole sequence of a query: ``start`` tokens, the visual ones up to ``end``, the text.

    Attributes:
        start: Tokens before the visual ones.
        end: Tokens up to the last visual one.
        length: All tokens.
        positions: int64 (B, length).
        there: bool (B, length), false for padding; ``None`` without any.
        bidirectional: Whether every token sees all others.
    """

    start: int
    end: int
    length: int
    positions: Tensor
    there: Tensor | None
    bidirectional: bool

    def replace_visual(self, states: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
        """Return states (B, L, D) of the sequence with other visual ones.

        Args:
            states: ``start`` tokens, any number of visual ones, all later ones.
            change: From the visual ones to what takes their place.
        """
        end = states.shape[1] - (self.length - self.end)
        made = change(states[:, self.start : end])
        return torch.cat([states[:, : self.start], made, states[:, end:]], dim=1)

    def running(self, running: Running) -> Segment:
        """Return the segment of the tokens that a layer computes while all can be looked at."""
        first, rest = self.outer(len(running.ids), running.ids.device)
        places = torch.cat([first, self.start + running.ids, rest], dim=1)
        positions = self.positions.expand(len(places), -1).gather(1, places)
        return Segment(self, places, positions, self.with_visual(running.mask))

    def with_visual(self, mask: Tensor) -> Tensor | None:
        """Return bool (B, L): what of a sequence with other visual tokens is a token.

        Args:
            mask: bool (B, K) of those.

        Returns:
            ``None`` where nothing is padding.
        """
        if self.there is None and bool(mask.all()):
            return None
        outer = self.there
        if outer is None:
            outer = mask.new_ones(len(mask), self.length)
        return torch.cat([outer[:, : self.start], mask, outer[:, self.end :]], dim=1)

    def outer(self, rows: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return the places before and after the visual tokens, int64 (rows, …) each."""
        places = torch.arange(self.length, device=device).expand(rows, -1)
        return places[:, : self.start], places[:, self.end :]


@dataclass(frozen=True, eq=False)
class Segment:
    """The tokens that run through some decoder layers, after a place of a pruner.

    Attributes:
        layout: Of the whole sequence.
        places: int64 (B, L): where in the whole sequence each token stands; sampled and merged
            tokens stand on the first visual places.
        positions: int64 (B, L).
        there: bool (B, L), false for padding; ``None`` without any.
        gone: Positions that the whole sequence has and this one has not.
    """

    layout: Layout
    places: Tensor
    positions: Tensor
    there: Tensor | None
    gone: int = 0

    def arguments(self, named: dict[str, Any], states: Tensor, rotary: Rotary) -> dict[str, Any]:
        """Return a layer's keyword arguments for these tokens.

        Args:
            named: The layer's, for the whole sequence.
            states: float (B, L, D) that enter it.
            rotary: The decoder's rotary module.

        Raises:
            PolicyError: The layer's mask is of a kind that cannot be sliced.
        """
        made = _with_positions(named, self.positions, states, rotary)
        made["attention_mask"] = self._mask(named.get("attention_mask"), states.dtype)
        if isinstance(cached := named.get("cache_position"), Tensor):
            made["cache_position"] = cached[: self.places.shape[1]]
        return made

    def asking(self, named: dict[str, Any], states: Tensor, rotary: Rotary) -> dict[str, Any]:
        """Return a layer's keyword arguments where these tokens look at the whole sequence.

        Args:
            named: The layer's, for the whole sequence.
            states: float (B, L, D) that enter it.
            rotary: The decoder's rotary module.

        Raises:
            PolicyError: The layer's mask is of a kind whose rows cannot be taken.
        """
        mask, places = named.get("attention_mask"), self.places
        check_mask(mask)
        made = _with_positions(named, self.positions, states, rotary)
        if mask is None:
            columns = torch.arange(self.layout.length, device=places.device)
            seen = columns <= places[:, None, :, None]
            seen = torch.ones_like(seen) if self.layout.bidirectional else seen
            made["attention_mask"] = like(None, seen, states.dtype)
            return made
        if mask.ndim != 4:
            raise PolicyError(f"a pruner that reuses entries cannot slice a {mask.ndim}-d mask")
        rows = places[:, None, :, None].expand(-1, mask.shape[1], -1, mask.shape[3])
        made["attention_mask"] = mask.expand(len(places), -1, -1, -1).gather(2, rows)
        return made

    def decoding(
        self, named: dict[str, Any], states: Tensor, rotary: Rotary, before: int
    ) -> dict[str, Any]:
        """Return a layer's keyword arguments for tokens decoded after these.

        Args:
            named: The layer's.
            states: float (B, n, D) of the new tokens.
            rotary: The decoder's rotary module.
            before: How many have been decoded before them.

        Raises:
            PolicyError: As :meth:`arguments`.
        """
        new = states.shape[1]
        first = self.positions[:, -1:] + 1 + before
        positions = first + torch.arange(new, device=states.device)
        made = _with_positions(named, positions, states, rotary)
        mask = named.get("attention_mask")
        check_mask(mask)
        if self.there is None and new == 1:
            made["attention_mask"] = None
            return made
        there = torch.ones_like(self.places, dtype=torch.bool) if self.there is None else self.there
        there = torch.cat([there, there.new_ones(len(there), before + new)], dim=1)
        if isinstance(mask, Tensor) and mask.ndim == 2:
            made["attention_mask"] = there
            return made
        columns = torch.arange(there.shape[1], device=there.device)
        rows = there.shape[1] - new + torch.arange(new, device=there.device)
        seen = (columns <= rows[:, None])[None, None] & there[:, None, None]
        made["attention_mask"] = like(mask, seen, states.dtype)
        return made

    def seen_by_others(
        self, named: dict[str, Any], states: Tensor, rotary: Rotary
    ) -> dict[str, Any]:
        """Return the arguments of another decoder's layer, which looks at these tokens' keys.

        Args:
            named: The layer's: a mask (B, 1, n, length + n), positions of its n tokens.
            states: float (B, n, D) that enter it.
            rotary: That decoder's rotary module.

        Raises:
            PolicyError: It got no such mask.
        """
        mask, new = named.get("attention_mask"), states.shape[1]
        length = self.layout.length
        if not isinstance(mask, Tensor) or mask.ndim != 4 or mask.shape[3] != length + new:
            raise PolicyError("a pruner needs the action expert's mask over the whole prefix")
        made = {**named, "attention_mask": mask_of_others(mask, self.places, self.there, length)}
        if self.gone:
            made = _with_positions(made, named["position_ids"] - self.gone, states, rotary)
        return made

    def spread(self, states: Tensor) -> Tensor:
        """Return states (B, L, D) at their places in zeros, (B, length, D)."""
        return spread(states, self.places, self.there, self.layout.length)

    def _mask(self, mask: Any, dtype: torch.dtype) -> Tensor | None:
        check_mask(mask)
        there, places = self.there, self.places
        if mask is None:
            if there is None:
                return None
            seen = there[:, None, None]
            if not self.layout.bidirectional:
                length = places.shape[1]
                seen = seen & torch.ones_like(places[0], dtype=torch.bool).expand(length, -1).tril()
            return like(None, seen, dtype)
        if mask.ndim == 2:
            sliced: Tensor = mask.expand(len(places), -1).gather(1, places)
            return sliced if there is None else sliced & there.to(sliced.dtype)
        return mask_between(mask, places, there)


class Segments(dict[int, Segment]):
    """Segments by the first layer that each runs through."""

    def at(self, number: int) -> Segment | None:
        """Return what runs through a layer, ``None`` for the whole sequence."""
        reached = [first for first in self if first <= number]
        return self[max(reached)] if reached else None


def segment_of(layout: Layout, pruned: Pruned) -> Segment:
    """Return the segment that goes on after a place of a pruner."""
    rows, device = len(pruned.mask), pruned.mask.device
    first, rest = layout.outer(rows, device)
    places = torch.cat([first, layout.start + pruned.position_ids, rest], dim=1)
    whole = layout.positions.expand(rows, -1)
    positions, gone = whole.gather(1, places), 0
    if pruned.renumbered or pruned.points is not None:
        gone = layout.end - layout.start - pruned.span
        visual = whole[:, layout.start, None] + pruned.position_ids
        end = layout.start + visual.shape[1]
        positions = torch.cat([positions[:, : layout.start], visual, positions[:, end:] - gone], 1)
    return Segment(layout, places, positions, layout.with_visual(pruned.mask), gone)


def spread(states: Tensor, places: Tensor, there: Tensor | None, length: int) -> Tensor:
    """Return states at their places in zeros, float (B, length, D).

    Args:
        states: float (B, L, D).
        places: int64 (B, L), below ``length``.
        there: bool (B, L), false for padding, which is left out; ``None`` without any.
        length: Of the result.
    """
    whole = states.new_zeros(len(states), length + 1, states.shape[2])
    if there is not None:  # padding goes to one place too many
        places = torch.where(there, places, length)
    return whole.scatter(1, places[..., None].expand_as(states), states)[:, :-1]


def without_padding(layout: Layout) -> Layout:
    """Return a layout whose ``there`` is ``None`` where nothing is padding."""
    whole = layout.there is None or bool(layout.there.all())
    return replace(layout, there=None) if whole else layout


def _with_positions(
    named: dict[str, Any], positions: Tensor, states: Tensor, rotary: Rotary
) -> dict[str, Any]:
    made = {**named, "position_ids": positions}
    if named.get("position_embeddings") is not None:
        made["position_embeddings"] = rotary(states, position_ids=positions)
    return made
