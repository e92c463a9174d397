"""The layers of ``nano``'s decoder."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from gridseval.policies.nano.config import NanoConfig

Complete = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""From keys and values of the tokens that are computed to those of all tokens."""


class DecoderLayer(nn.Module):
    """A decoder's layer: grouped queries, rotary positions, SwiGLU, RMS norms in front.

    Every token attends to every other, since all actions are decoded at once.
    """

    def __init__(self, config: NanoConfig) -> None:
        super().__init__()
        self._heads, self._kv_heads = config.heads, config.kv_heads
        width, keys = config.width, config.kv_heads * config.head_dim
        self.attention_norm = nn.RMSNorm(width, eps=1e-6)
        self.q = nn.Linear(width, width, bias=False)
        self.k = nn.Linear(width, keys, bias=False)
        self.v = nn.Linear(width, keys, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.mlp_norm = nn.RMSNorm(width, eps=1e-6)
        self.gate = nn.Linear(width, config.mlp, bias=False)
        self.up = nn.Linear(width, config.mlp, bias=False)
        self.down = nn.Linear(config.mlp, width, bias=False)

    def forward(
        self,
        tokens: Tensor,
        rotation: Tensor,
        mask: Tensor | None,
        with_map: bool = False,
        complete: Complete | None = None,
        note: Callable[[Tensor], None] | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Run the layer.

        Args:
            tokens: (B, N, width).
            rotation: From :func:`rotation_of`.
            mask: bool (B, M), true where there is a token to look at; ``None`` where all are.
            with_map: Whether the attention is wanted, which is then computed less cleverly.
            complete: Adds keys and values of tokens that are not computed, so that there are M;
                without, M is N.
            note: Gets what attention adds to the tokens, (B, N, width).

        Returns:
            Tokens (B, N, width), and the attention after the softmax, (B, heads, N, M).
        """
        normed = self.attention_norm(tokens)
        q = rotate(self._split(self.q(normed), self._heads), rotation)
        k = rotate(self._split(self.k(normed), self._kv_heads), rotation)
        v = self._split(self.v(normed), self._kv_heads)
        if complete is not None:
            k, v = complete(k, v)
        shared = self._heads // self._kv_heads
        k, v = k.repeat_interleave(shared, 1), v.repeat_interleave(shared, 1)
        keys = None if mask is None else mask[:, None, None, :]
        weights = _weights(q, k, keys) if with_map else None
        mixed = (
            functional.scaled_dot_product_attention(q, k, v, keys)
            if weights is None
            else weights @ v
        )
        added = self.out(mixed.transpose(1, 2).flatten(2))
        if note is not None:
            note(added)
        tokens = tokens + added
        normed = self.mlp_norm(tokens)
        tokens = tokens + self.down(functional.silu(self.gate(normed)) * self.up(normed))
        return tokens, weights

    @staticmethod
    def _split(tokens: Tensor, heads: int) -> Tensor:
        return tokens.view(*tokens.shape[:2], heads, -1).transpose(1, 2)


def rotation_of(positions: Tensor, head_dim: int) -> Tensor:
    """Return cosines and sines of positions int64 (B, N): float32 (2, B, 1, N, head_dim / 2)."""
    steps = torch.arange(0, head_dim, 2, device=positions.device, dtype=torch.float32)
    angles = positions[:, None, :, None] * 10_000.0 ** (-steps / head_dim)
    return torch.stack([angles.cos(), angles.sin()])


def rotate(heads: Tensor, rotation: Tensor) -> Tensor:
    """Return queries or keys (B, heads, N, head_dim), turned by their positions.

    Source: RoFormer (arXiv 2104.09864), eq. 34, with halves in place of neighbours.
    """
    cos, sin = rotation.to(heads.dtype)
    first, second = heads.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


def _weights(q: Tensor, k: Tensor, keys: Tensor | None) -> Tensor:
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    if keys is not None:
        scores = scores.masked_fill(~keys, float("-inf"))
    return torch.softmax(scores, -1)
