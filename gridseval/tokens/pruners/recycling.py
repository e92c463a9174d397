"""SparseVLM v1.0's output: kept tokens, then clusters of what was pruned, at new positions."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from gridseval.tokens.pruners.clusters import merge_clusters
from gridseval.tokens.pruners.interface import Pruned, PrunerInput
from gridseval.tokens.pruners.selection import rank_first, select, take_tokens, to_dense
from gridseval.tokens.pruners.sparsevlm_budget import count_clusters


def select_and_merge(inputs: PrunerInput, chosen: Tensor, scores: Tensor, recycled: int) -> Pruned:
    """Return the chosen tokens in their order, then merged ones, at positions 0 to K − 1.

    A merged token's index is that of the token at its cluster's centre, which was pruned. Where
    every dense token is chosen, nothing changes.

    Args:
        inputs: The tokens at hand.
        chosen: bool (B, P) over ``inputs.tokens``, the same number in each row.
        scores: float (B, P) over ``inputs.tokens``.
        recycled: How many of the others are merged, those with the highest scores; may be 0.
    """
    kept = select(inputs, chosen, scores)
    if recycled:
        best = rank_first(scores.masked_fill(chosen, -torch.inf), recycled)
        columns = torch.sort(~best, dim=1, stable=True).indices[:, :recycled]
        clusters = merge_clusters(take_tokens(inputs.tokens, columns), count_clusters(recycled))
        centres = to_dense(inputs, columns.gather(1, clusters.centres))
        kept = dataclasses.replace(
            kept,
            tokens=torch.cat([kept.tokens, clusters.means], 1),
            indices=torch.cat([kept.indices, centres], 1),
            mask=torch.cat([kept.mask, torch.ones_like(centres, dtype=torch.bool)], 1),
        )
    rows, count = kept.mask.shape
    positions = torch.arange(count, device=kept.mask.device).expand(rows, -1)
    return dataclasses.replace(kept, position_ids=positions, renumbered=True)
