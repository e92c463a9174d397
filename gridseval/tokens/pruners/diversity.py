"""Greedy max–min choice of tokens that differ from each other (min-redundancy of VLA-Pruner)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from gridseval.tokens.pruners.numerics import widen


def choose_diverse(tokens: Tensor, candidates: Tensor, count: int) -> Tensor:
    """Return bool (B, P): ``count`` of the candidates, as far from each other as greed finds.

    With d = 1 − cos: first the candidate whose nearest other candidate is farthest, then again and
    again the one that is farthest from what is chosen; of equal ones the first. Rows with at most
    ``count`` candidates keep them all.

    Args:
        tokens: float (B, P, D); distances are computed in float32.
        candidates: bool (B, P).
        count: At least 1.
    """
    # Tokens that are not candidates get the least distance, so that they are never picked.
    never = -torch.inf
    distances = _cosine_distances(tokens)
    alone = candidates[:, None] & ~torch.eye(tokens.shape[1], dtype=torch.bool).to(tokens.device)
    nearest = distances.masked_fill(~alone, torch.inf).amin(2)
    rows = torch.arange(len(tokens), device=tokens.device)
    chosen = torch.zeros_like(candidates)
    picked = nearest.masked_fill(~candidates, never).argmax(1)
    gap = torch.full_like(nearest, torch.inf)
    for _ in range(count):
        chosen[rows, picked] = True
        gap = torch.minimum(gap, distances[rows, picked])
        picked = gap.masked_fill(~candidates | chosen, never).argmax(1)
    few = candidates.sum(1, keepdim=True) <= count
    return torch.where(few, candidates, chosen)


def _cosine_distances(tokens: Tensor) -> Tensor:
    """Return 1 − cos of all pairs, float32 (B, P, P)."""
    unit = functional.normalize(widen(tokens), dim=-1)
    return 1 - unit @ unit.mT
