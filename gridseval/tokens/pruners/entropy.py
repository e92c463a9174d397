"""How focused attention is: VLA-Cache's entropy, and the share of tokens that a layer may reuse.

Source: VLA-Cache, arXiv 2502.02175, section 3.4, and ``get_layer_mask_schedule`` of its code
(siyuhsu/vla-cache, ``experiments/robot/vla_cache_utils.py``).
"""

from __future__ import annotations

import torch
from torch import Tensor

from gridseval.tokens.pruners.numerics import widen

_TINY = 1e-10
"""What the code adds before it divides and before it takes a logarithm."""


def entropy_of(weights: Tensor) -> Tensor:
    """Return each query's entropy over all keys, float (B, Q), in nats.

    With p the heads' mean, made to sum to 1: −Σ p ln(p + 1e-10). A key that is masked has p = 0 and
    adds nothing. The whole row counts: the first token often takes most of the attention, and the
    entropy of the visual columns alone is another number.

    Args:
        weights: float (B, heads, Q, N) after the softmax, of all N keys; half types are computed in
            float32.
    """
    mean = widen(weights).mean(1)
    mean = mean / (mean.sum(-1, keepdim=True) + _TINY)
    return -(mean * torch.log(mean + _TINY)).sum(-1)


def layer_shares(entropies: Tensor, growth: float) -> Tensor:
    """Return the share α of the reusable tokens that each layer reuses, in [0, 1], same shape.

    α_l = 1 − (E_l − min E) / (max E − min E); from the second layer on a rise over the layer before
    is multiplied by ``growth``.

    Args:
        entropies: float (B, layers), of *all* layers.
        growth: In [0, 1].
    """
    low, high = entropies.amin(1, keepdim=True), entropies.amax(1, keepdim=True)
    shares = 1 - (entropies - low) / (high - low + _TINY)
    columns = [shares[:, 0]]
    for layer in range(1, shares.shape[1]):
        step = shares[:, layer] - columns[-1]
        columns.append(columns[-1] + torch.where(step > 0, growth * step, step))
    return torch.stack(columns, 1)
