"""What goes on after a pruner: the places of the tokens, and what belongs to them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gridseval.tokens.pruners.interface import Pruned


def places_of(pruned: Pruned, start: int, end: int, length: int) -> Tensor:
    """Return the places that go on, of the whole sequence, int64 (B, L).

    Args:
        pruned: Without padding.
        start: Tokens before the visual ones.
        end: Tokens up to the last visual one.
        length: All tokens.
    """
    rows, device = len(pruned.mask), pruned.mask.device
    first = torch.arange(start, device=device).expand(rows, -1)
    rest = torch.arange(end, length, device=device).expand(rows, -1)
    return torch.cat([first, start + pruned.position_ids, rest], dim=1)


def spread(states: Tensor, places: Tensor, length: int) -> Tensor:
    """Return states (B, L, D) at their places in zeros (B, length, D)."""
    whole = states.new_zeros(len(states), length, states.shape[2])
    return whole.scatter(1, places[..., None].expand_as(states), states)


def sliced(named: dict[str, Any], places: Tensor) -> dict[str, Any]:
    """Return a layer's arguments for the tokens at int64 (B, L) places of the whole sequence."""
    made = dict(named)
    if isinstance(positions := named.get("position_ids"), Tensor):
        made["position_ids"] = positions.expand(len(places), -1).gather(1, places)
    if named.get("position_embeddings") is not None:
        made["position_embeddings"] = tuple(
            part.expand(len(places), -1, -1).gather(
                1, places[..., None].expand(-1, -1, part.shape[-1])
            )
            for part in named["position_embeddings"]
        )
    if isinstance(mask := named.get("attention_mask"), Tensor):
        rows = torch.arange(len(places), device=places.device)[:, None]
        if mask.ndim == 2:
            made["attention_mask"] = mask.expand(len(places), -1).gather(1, places)
        else:
            mask = mask.expand(len(places), -1, -1, -1)
            made["attention_mask"] = mask[
                rows[..., None], :, places[:, :, None], places[:, None]
            ].movedim(-1, 1)
    if isinstance(cached := named.get("cache_position"), Tensor):
        made["cache_position"] = cached[: places.shape[1]]
    return made
