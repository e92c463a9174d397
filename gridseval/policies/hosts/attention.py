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


def after(earlier: Tensor) -> Callable[[Tensor], Tensor]:
    """Return what puts keys after earlier ones, float (B, key heads, E, d)."""
    return lambda keys: torch.cat([earlier, keys], dim=2)


@torch.no_grad()
def attention_rows(
    given: LayerInput,
    rows: slice,
    bidirectional: bool,
    complete: Callable[[Tensor], Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """Return a layer's attention, and the keys that it looks at.

    Args:
        given: The layer and its input.
        rows: The Q queries.
        bidirectional: Whether every token sees all that the last one sees, against the mask.
        complete: From the keys of these tokens, float (B, key heads, T, d), to all N keys that they
            look at; without, N is T.

    Returns:
        float32 (B, heads, Q, N), after the softmax over all keys; and the keys with their rotary
        positions, float (B, key heads, N, d).
    """
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
    if complete is not None:
        keys = complete(keys)
    repeated = keys.repeat_interleave(queries.shape[1] // keys.shape[1], dim=1)
    # In place: these are the largest tensors of all, and each new one costs as much as a product.
    logits = widen(queries @ repeated.mT).div_(keys.shape[-1] ** 0.5)
    seen = _seen(given, bidirectional, keys.shape[2])
    if seen is not None:
        logits += seen if seen.shape[2] == 1 else seen[:, :, rows]
    weights: Tensor = logits.softmax(-1)
    return weights, keys


def with_entropy(weights: Tensor, needed: bool) -> tuple[Tensor, Tensor | None]:
    """Return attention (B, heads, Q, N), and each query's entropy (B, Q) where it is needed.

    Then the heads are averaged, since those of all layers would fill the memory.
    """
    if not needed:
        return weights, None
    mean = weights.mean(1, keepdim=True)
    return mean, entropy_of(mean)


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
    return heads * cos[:, None] + torch.cat((-second, first), dim=-1) * sin[:, None]


def _seen(given: LayerInput, bidirectional: bool, keys: int) -> Tensor | None:
    """Return what is added to the logits, float32 (B or 1, 1, T or 1, keys); ``None``: nothing."""
    mask: Tensor | None = given.named.get("attention_mask")
    length = given.states.shape[1]
    if mask is not None and mask.ndim == 2:  # flash attention's: which keys are there
        mask = mask[:, None, None].bool()
        if not bidirectional:
            mask = mask & _causal(length, keys, mask.device)
    elif mask is None and not bidirectional:
        mask = _causal(length, keys, given.states.device)
    if mask is None:
        return None
    # Some versions of transformers give masks that are longer than the keys.
    mask = mask[..., :keys]
    if bidirectional:
        mask = mask[:, :, -1:]
    return added_mask(mask, torch.float32) if mask.dtype == torch.bool else mask.float()


def _causal(length: int, keys: int, device: torch.device) -> Tensor:
    """Return bool (1, 1, length, keys): which keys the last ``length`` tokens see."""
    ones = torch.ones(length, keys, dtype=torch.bool, device=device)
    return ones.tril(keys - length)[None, None]
