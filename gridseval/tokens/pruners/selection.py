"""Turns choices into kept tokens: ranks, padding of unequal counts, original positions."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from gridseval.tokens.pruners.budget import Budget
from gridseval.tokens.pruners.interface import Pruned, PrunerInput
from gridseval.tokens.pruners.layout import CameraGrid


def rank_first(scores: Tensor, count: int) -> Tensor:
    """Return bool (B, P): the ``count`` highest scores of each row; of equal ones the first."""
    order = torch.sort(scores, dim=1, descending=True, stable=True).indices[:, :count]
    return torch.zeros_like(scores, dtype=torch.bool).scatter(1, order, True)


def rank_cameras(
    scores: Tensor, cameras: tuple[CameraGrid, ...], budget: Budget, apart: bool
) -> Tensor:
    """Return bool (B, P): the highest scores, as many as a budget says.

    Args:
        scores: float (B, P) of the dense tokens.
        cameras: Their grids.
        budget: How many.
        apart: Whether each camera has the budget's share, or all cameras are ranked jointly.
    """
    if not apart:
        return rank_first(scores, budget.count(cameras))
    parts = [
        rank_first(scores[:, part], budget.count((camera,)))
        for camera, part in camera_slices(cameras)
    ]
    return torch.cat(parts, 1)


def select(inputs: PrunerInput, chosen: Tensor, scores: Tensor | None = None) -> Pruned:
    """Return the chosen tokens in their order, padded at the end.

    Args:
        inputs: The tokens at hand.
        chosen: bool (B, P) over ``inputs.tokens``; at least one per row.
        scores: float (B, P) over ``inputs.tokens``, for the trace.
    """
    counts = chosen.sum(1)
    least, most = (int(number) for number in counts.aminmax())
    # A stable sort puts the chosen ones in front without changing their order.
    columns = torch.sort(~chosen, dim=1, stable=True).indices[:, :most]
    mask = torch.arange(most, device=columns.device) < counts[:, None]
    tokens = take_tokens(inputs.tokens, columns)
    indices = to_dense(inputs, columns)
    return Pruned(
        tokens=tokens if least == most else tokens.masked_fill(~mask[..., None], 0),
        position_ids=indices.masked_fill(~mask, 0),
        mask=mask,
        indices=indices.masked_fill(~mask, -1),
        cameras=inputs.cameras,
        scores=None if scores is None else spread(inputs, scores),
        stage=inputs.stage,
    )


def take_tokens(tokens: Tensor, columns: Tensor) -> Tensor:
    """Return tokens (B, P, D) at columns, int64 (B, K): (B, K, D)."""
    # Whole rows are copied at once; take_along_dim looks every single number up.
    offsets = torch.arange(len(tokens), device=tokens.device)[:, None] * tokens.shape[1]
    rows = tokens.flatten(0, 1).index_select(0, (columns + offsets).flatten())
    return rows.view(*columns.shape, tokens.shape[2])


def keep_all(inputs: PrunerInput) -> Pruned:
    """Return all dense tokens, not copied."""
    shape, device = inputs.tokens.shape[:2], inputs.tokens.device
    positions = torch.arange(shape[1], device=device).expand(shape)
    return Pruned(
        tokens=inputs.tokens,
        position_ids=positions,
        mask=torch.ones(shape, dtype=torch.bool, device=device),
        indices=positions,
        cameras=inputs.cameras,
    )


def to_dense(inputs: PrunerInput, columns: Tensor) -> Tensor:
    """Return the dense indices of columns of ``inputs.tokens``, int64 (B, K)."""
    return columns if inputs.earlier is None else inputs.earlier.indices.gather(1, columns)


def spread(inputs: PrunerInput, values: Tensor) -> Tensor:
    """Return float32 (B, dense P) of values per token at hand; 0 for tokens that are gone."""
    if inputs.earlier is None:
        return values.float()
    return to_dense_values(inputs.earlier, values)


def to_dense_values(pruned: Pruned, values: Tensor) -> Tensor:
    """Return float32 (B, dense P) of values (B, K) per kept token; 0 for tokens that are gone."""
    count = pruned.kept.shape[1]
    dense = torch.zeros(len(values), count + 1, device=values.device)
    columns = torch.where(pruned.mask & (pruned.indices >= 0), pruned.indices, count)
    return dense.scatter(1, columns, values.float())[:, :count]


def camera_slices(cameras: tuple[CameraGrid, ...]) -> Iterator[tuple[CameraGrid, slice]]:
    """Yield each camera and its part of the dense sequence."""
    start = 0
    for camera in cameras:
        yield camera, slice(start, start + camera.count)
        start += camera.count
