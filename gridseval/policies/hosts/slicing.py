"""What goes on after a pruner: the places of the tokens, and what belongs to them."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from gridseval.tokens.pruners.interface import Pruned


class Left(NamedTuple):
    """The tokens that go on, by their places in the whole sequence.

    Attributes:
        places: int64 (B, L): where hidden states return to, and which rows and columns of a mask
            are theirs. Tokens made anew take the first places of the visual ones.
        positions: int64 (B, L): the places whose positions they have. They differ from ``places``
            where the visual tokens are numbered anew: what follows goes on at ``Pruned.span``.
    """

    places: Tensor
    positions: Tensor


def left_by(pruned: Pruned, start: int, end: int, length: int) -> Left:
    """Return what goes on after a pruner.

    Args:
        pruned: Without padding.
        start: Tokens before the visual ones.
        end: Tokens up to the last visual one.
        length: All tokens.
    """
    rows, device = len(pruned.mask), pruned.mask.device
    first = torch.arange(start, device=device).expand(rows, -1)
    visual = start + pruned.position_ids
    rest = torch.arange(length - end, device=device).expand(rows, -1)
    after = start + pruned.span
    return Left(
        torch.cat([first, visual, end + rest], dim=1),
        torch.cat([first, visual, after + rest], dim=1),
    )


def spread(states: Tensor, places: Tensor, length: int) -> Tensor:
    """Return states (B, L, D) at their places in zeros (B, length, D)."""
    whole = states.new_zeros(len(states), length, states.shape[2])
    return whole.scatter(1, places[..., None].expand_as(states), states)


def sliced(named: dict[str, Any], left: Left) -> dict[str, Any]:
    """Return a layer's arguments, made for the whole sequence, for the tokens that go on."""
    made, (places, positions) = dict(named), left
    if isinstance(ids := named.get("position_ids"), Tensor):
        made["position_ids"] = ids.expand(len(places), -1).gather(1, positions)
    if named.get("position_embeddings") is not None:
        made["position_embeddings"] = tuple(
            part.expand(len(places), -1, -1).gather(
                1, positions[..., None].expand(-1, -1, part.shape[-1])
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
