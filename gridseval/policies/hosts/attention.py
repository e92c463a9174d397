"""One decoder layer's attention, computed again for the rows that a pruner looks at.

Layers are those of transformers' Llama and Gemma, and of LeRobot's Gemma, whose norms may take a
condition.

Asking a model for its attention makes every layer materialise it. Here one layer's queries and keys
are computed a second time, for some rows only, so that the model keeps its fast attention.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from gridseval.policies.hosts.masks import added_mask
from gridseval.tokens.pruners.attention_map import AttentionMap
from gridseval.tokens.pruners.entropy import entropy_of
from gridseval.tokens.pruners.numerics import widen


@dataclass(frozen=True, eq=False)
class LayerInput:
    """What a decoder layer was given.

    Attributes:
        layer: The layer.
        states: float (B, T, D), the hidden states that enter it.
        named: Its keyword arguments: mask, positions.
        made: What its ``q_proj`` and ``k_proj`` made of all T tokens, and its attention's
            ``output``, where that is known.
    """

    layer: Any
    states: Tensor
    named: dict[str, Any]
    made: dict[str, Tensor] = field(default_factory=dict)


_BLOCK = 64
"""Queries at once on a CPU where heads are averaged: their attention stays in its cache, and what
none of them sees is not computed. A GPU takes all in a few launches."""


def after(earlier: Tensor) -> Callable[[Tensor], Tensor]:
    """Return what puts keys after earlier ones, float (B, key heads, E, d)."""
    return lambda keys: torch.cat([earlier, keys], dim=2)


@torch.no_grad()
def attention_rows(
    given: LayerInput,
    rows: slice,
    bidirectional: bool,
    complete: Callable[[Tensor], Tensor] | None = None,
    *,
    mean: bool = False,
) -> tuple[Tensor, Tensor]:
    """Return a layer's attention, and the keys that it looks at.

    Args:
        given: The layer and its input.
        rows: The Q queries.
        bidirectional: Whether every token sees all that the last one sees, against the mask.
        complete: From the keys of these tokens, float (B, key heads, T, d), to all N keys that they
            look at; without, N is T.
        mean: Whether to average the heads, which those of all layers would fill the memory without.

    Returns:
        float32 (B, heads, Q, N), after the softmax over all keys, with one head if ``mean``; and
        the keys with their rotary positions, float (B, key heads, N, d).
    """
    queries, keys = _queries_and_keys(given, rows, complete)
    first, length = rows.indices(given.states.shape[1])[0], queries.shape[2]

    def part(begin: int, end: int) -> Tensor:
        seen = _seen(given, bidirectional, keys.shape[2], slice(first + begin, first + end))
        return softmax_over(queries[:, :, begin:end], keys, seen, mean=mean)

    if not mean or queries.device.type != "cpu":
        return part(0, length), keys
    whole = queries.new_zeros(
        (len(queries), 1, length, keys.shape[2]), dtype=widen(queries[:0]).dtype
    )
    for begin in range(0, length, _BLOCK):
        made = part(begin, begin + _BLOCK)
        whole[:, :, begin : begin + _BLOCK, : made.shape[3]] = made
    return whole, keys


def _queries_and_keys(
    given: LayerInput, rows: slice, complete: Callable[[Tensor], Tensor] | None
) -> tuple[Tensor, Tensor]:
    """Return both with their rotary positions, (B, heads, Q, d) and (B, key heads, N, d)."""
    attention = given.layer.self_attn
    cos, sin = _positions(given)
    made = given.made
    if "k_proj" not in made or "q_proj" not in made:
        normed = _normed(given)
        asked, own = attention.q_proj(normed[:, rows]), attention.k_proj(normed)
    else:
        asked, own = made["q_proj"][:, rows], made["k_proj"]
    queries = _rotated(_heads(asked, attention), cos[:, rows], sin[:, rows])
    keys = _rotated(_heads(own, attention), cos, sin)
    return queries, keys if complete is None else complete(keys)


def softmax_over(queries: Tensor, keys: Tensor, seen: Tensor | None, *, mean: bool) -> Tensor:
    """Return attention, float32 (B, heads, Q, N).

    Args:
        queries: float (B, heads, Q, d).
        keys: float (B, key heads, N, d).
        seen: float32, added to the logits; ``None``: nothing.
        mean: Whether to average the heads; then the last columns that no query sees may be missing.
    """
    if mean and seen is not None and seen.device.type == "cpu":
        visible = (seen > torch.finfo(seen.dtype).min / 2).flatten(0, 2).any(0).nonzero()
        if len(visible):
            keys, seen = keys[:, :, : visible[-1] + 1], seen[..., : visible[-1] + 1]
    rows, heads, count, _ = queries.shape
    # One product per key head, with the queries of all heads that share it.
    grouped = queries.reshape(rows, keys.shape[1], -1, queries.shape[-1])
    # In place: these are the largest tensors of all, and each new one costs as much as a product.
    logits = widen(grouped @ keys.mT).div_(keys.shape[-1] ** 0.5)
    logits = logits.view(rows, heads, count, keys.shape[2])
    if seen is not None:
        logits += seen
    weights: Tensor = logits.softmax(-1)
    return weights.mean(1, keepdim=True) if mean else weights


def entropy_where(needed: bool, weights: Tensor) -> Tensor | None:
    """Return each query's entropy, (B, Q), of attention (B, heads, Q, N) where it is needed."""
    return entropy_of(weights) if needed else None


def joined(first: AttentionMap, second: AttentionMap) -> AttentionMap:
    """Return the queries of both maps, in order; those of the second came later."""
    entropy = None
    if first.entropy is not None and second.entropy is not None:
        entropy = torch.cat([first.entropy, second.entropy], dim=1)
    return AttentionMap(
        torch.cat([first.weights, second.weights], dim=2),
        torch.cat([first.roles, second.roles], dim=1),
        entropy,
        first.later + second.roles.shape[1],
    )


def _normed(given: LayerInput) -> Tensor:
    """Return what the layer's projections get."""
    condition = given.named.get("adarms_cond")
    norm = given.layer.input_layernorm
    made = norm(given.states) if condition is None else norm(given.states, cond=condition)
    normed: Tensor = made[0] if isinstance(made, tuple) else made  # LeRobot's give a gate, too
    return normed


def _positions(given: LayerInput) -> tuple[Tensor, Tensor]:
    embeddings = given.named.get("position_embeddings")
    if embeddings is None:  # before transformers 4.45, each layer computes them
        embeddings = given.layer.self_attn.rotary_emb(given.states, given.named["position_ids"])
    cos, sin = embeddings
    return cos, sin


def _heads(projected: Tensor, attention: Any) -> Tensor:
    rows, length, _ = projected.shape
    return projected.view(rows, length, -1, attention.head_dim).transpose(1, 2)


def _rotated(heads: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Return heads (B, heads, T, d) turned by their positions, as RoPE with halves does."""
    first, second = heads.chunk(2, dim=-1)
    turned = torch.cat((-second, first), dim=-1)
    return (heads * cos[:, None]).addcmul_(turned, sin[:, None])


def _seen(given: LayerInput, bidirectional: bool, keys: int, rows: slice) -> Tensor | None:
    """Return what is added to some rows' logits, float32 (B or 1, 1, Q or 1, keys), if anything."""
    mask: Tensor | None = given.named.get("attention_mask")
    if mask is not None and mask.ndim == 2:  # flash attention's: which keys are there
        mask = mask[:, None, None].bool()
        if not bidirectional:
            mask = mask & _causal(given, keys, rows)
    elif mask is None and not bidirectional:
        mask = _causal(given, keys, rows)
    elif mask is not None:
        mask = mask[:, :, -1:] if bidirectional else mask[:, :, rows]
    if mask is None:
        return None
    # Some versions of transformers give masks that are longer than the keys.
    mask = mask[..., :keys]
    return added_mask(mask, torch.float32) if mask.dtype == torch.bool else mask.float()


def _causal(given: LayerInput, keys: int, rows: slice) -> Tensor:
    """Return bool (1, 1, Q, keys): which keys some of the last T tokens see."""
    length, device = given.states.shape[1], given.states.device
    places = torch.arange(length, device=device)[rows] + keys - length
    return (torch.arange(keys, device=device) <= places[:, None])[None, None]
