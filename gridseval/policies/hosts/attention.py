"""One decoder layer's attention, computed again for the rows that a pruner looks at.

Asking a model for its attention makes every layer materialise it. Here one layer's queries and keys
are computed a second time, for some rows only, so that the model keeps its fast attention.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gridseval.tokens.pruners.numerics import widen


@dataclass(frozen=True, eq=False)
class LayerInput:
    """What a decoder layer of transformers' Llama was given.

    Attributes:
        layer: The layer.
        states: float (B, T, D), the hidden states that enter it.
        named: Its keyword arguments: mask, positions.
    """

    layer: Any
    states: Tensor
    named: dict[str, Any]


@torch.no_grad()
def attention_rows(given: LayerInput, rows: slice, bidirectional: bool) -> Tensor:
    """Return a layer's attention, float32 (B, heads, Q, T), after the softmax over all T keys.

    Args:
        given: The layer and its input.
        rows: The Q queries.
        bidirectional: Whether every token sees all that the last one sees, against the mask.
    """
    attention = given.layer.self_attn
    normed = given.layer.input_layernorm(given.states)
    cos, sin = _positions(given, normed)
    queries = _rotated(
        _heads(attention.q_proj(normed[:, rows]), attention), cos[:, rows], sin[:, rows]
    )
    keys = _rotated(_heads(attention.k_proj(normed), attention), cos, sin)
    keys = keys.repeat_interleave(queries.shape[1] // keys.shape[1], dim=1)
    logits = widen(queries @ keys.mT) / keys.shape[-1] ** 0.5
    seen = _seen(given, bidirectional)
    if seen is not None:
        logits = logits + (seen if seen.shape[2] == 1 else seen[:, :, rows])
    weights: Tensor = logits.softmax(-1)
    return weights


def _positions(given: LayerInput, normed: Tensor) -> tuple[Tensor, Tensor]:
    embeddings = given.named.get("position_embeddings")
    if embeddings is None:  # before transformers 4.45, each layer computes them
        embeddings = given.layer.self_attn.rotary_emb(normed, given.named["position_ids"])
    cos, sin = embeddings
    return cos, sin


def _heads(projected: Tensor, attention: Any) -> Tensor:
    rows, length, _ = projected.shape
    return projected.view(rows, length, -1, attention.head_dim).transpose(1, 2)


def _rotated(heads: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Return heads (B, heads, T, d) turned by their positions, as RoPE with halves does."""
    first, second = heads.chunk(2, dim=-1)
    return heads * cos[:, None] + torch.cat((-second, first), dim=-1) * sin[:, None]


def _seen(given: LayerInput, bidirectional: bool) -> Tensor | None:
    """Return what is added to the logits, float32 (B or 1, 1, T or 1, T); ``None`` for nothing."""
    mask: Tensor | None = given.named.get("attention_mask")
    length, device = given.states.shape[1], given.states.device
    if mask is None or mask.ndim == 2:
        # Flash attention gets which keys are there, or nothing, and is causal by a flag.
        mask = None if mask is None else mask[:, None, None].bool()
        if not bidirectional:
            causal = torch.ones(1, 1, length, length, dtype=torch.bool, device=device).tril()
            mask = causal if mask is None else causal & mask
    if mask is None:
        return None
    if bidirectional:
        mask = mask[:, :, -1:]
    if mask.dtype == torch.bool:
        hidden = torch.finfo(torch.float32).min
        return torch.zeros(mask.shape, device=mask.device).masked_fill(~mask, hidden)
    return mask.float()
