"""What rotary positions alone do to attention: SparseVLM v2.0 divides by it.

Source: "text-visual attention gravity correction" in ``modelling_sparse_llama.py`` of SparseVLM's
code (Gumpest/SparseVLMs); rotary positions: RoFormer, arXiv 2104.09864.
"""

from __future__ import annotations

import torch
from torch import Tensor


def rotary_bias(distances: Tensor, head_dim: int, base: float = 10_000.0) -> Tensor:
    """Return the logit of a query and a key of ones: Σ_i 2 cos(Δ base^(−2i/d)) / √d, float32.

    Args:
        distances: int64, position of the query minus that of the key.
        head_dim: d, even.
        base: Of the rotary positions.
    """
    steps = torch.arange(0, head_dim, 2, device=distances.device, dtype=torch.float32)
    angles = distances[..., None].float() * base ** (-steps / head_dim)
    logits: Tensor = 2 * angles.cos().sum(-1) / head_dim**0.5
    return logits
