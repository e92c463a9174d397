"""Masks of attention for some of a sequence's tokens, sliced from those for all of them.

A mask is bool, true where a query sees a key, or floats that are added to logits.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gridseval.errors import PolicyError


def mask_between(mask: Tensor, places: Tensor, there: Tensor | None) -> Tensor:
    """Return the mask with which some tokens see each other, (B, heads, L, L).

    Args:
        mask: (1 or B, heads, length, length), of the whole sequence.
        places: int64 (B, L): theirs.
        there: bool (B, L), false for padding, which is hidden; ``None`` without any.
    """
    mask = mask.expand(len(places), -1, -1, -1)
    rows = torch.arange(len(places), device=places.device)[:, None, None]
    sliced = mask[rows, :, places[:, :, None], places[:, None]].movedim(-1, 1)
    return sliced if there is None else _hidden(sliced, ~there[:, None, None])


def mask_of_others(mask: Tensor, places: Tensor, there: Tensor | None, length: int) -> Tensor:
    """Return the mask with which n other tokens see these and themselves, (B, 1, n, L + n).

    Args:
        mask: (1 or B, 1, n, length + n), of the whole sequence and the others.
        places: int64 (B, L): of these in the sequence.
        there: bool (B, L), false for padding, which is hidden; ``None`` without any.
        length: Of the sequence.
    """
    rows, new = len(places), mask.shape[2]
    own = torch.arange(length, mask.shape[3], device=places.device).expand(rows, -1)
    columns = torch.cat([places, own], dim=1)[:, None, None].expand(-1, -1, new, -1)
    sliced = mask.expand(rows, 1, -1, -1).gather(3, columns)
    if there is None:
        return sliced
    seen = torch.cat([there, torch.ones_like(own, dtype=torch.bool)], dim=1)
    return _hidden(sliced, ~seen[:, None, None])


def added_mask(seen: Tensor, dtype: torch.dtype) -> Tensor:
    """Return what is added to logits: 0 where bool ``seen`` is true, else the lowest number."""
    zeros = torch.zeros(seen.shape, dtype=dtype, device=seen.device)
    return zeros.masked_fill(~seen, torch.finfo(dtype).min)


def check_mask(mask: Any) -> None:
    """Refuse a mask that cannot be sliced.

    Raises:
        PolicyError: It is not a tensor.
    """
    if mask is not None and not isinstance(mask, Tensor):
        raise PolicyError(
            f"a pruner cannot slice a mask of the type {type(mask).__name__}",
            "load the model with attention by sdpa, eager or flash attention",
        )


def like(mask: Tensor | None, seen: Tensor, dtype: torch.dtype) -> Tensor:
    """Return bool ``seen`` as a mask of the kind of ``mask``; ``None``: one that is added."""
    if mask is not None and mask.dtype == torch.bool:
        return seen
    return added_mask(seen, dtype if mask is None else mask.dtype)


def _hidden(mask: Tensor, columns: Tensor) -> Tensor:
    """Return a mask that hides columns where bool ``columns`` is true."""
    return mask.masked_fill(
        columns, False if mask.dtype == torch.bool else torch.finfo(mask.dtype).min
    )
