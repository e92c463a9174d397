"""A double of UniVLA's prismatic/models/policy/transformer_utils.py, as read at commit 0ab9e9d."""

from __future__ import annotations

import torch
from torch import nn


class MAPBlock(nn.Module):
    """Pools by a plain mean where upstream's attends; the shapes are upstream's."""

    def __init__(self, n_latents: int, vis_dim: int, embed_dim: int, n_heads: int) -> None:
        super().__init__()
        assert (n_latents, n_heads) == (1, 8)
        self.projection = nn.Linear(vis_dim, embed_dim)

    def forward(
        self, x: torch.Tensor, mask: object = None, init_embed: torch.Tensor | None = None
    ) -> torch.Tensor:
        pooled: torch.Tensor = self.projection(x).mean(1)
        return pooled if init_embed is None else pooled + init_embed
