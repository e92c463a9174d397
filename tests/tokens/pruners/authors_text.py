"""LLaVA's sequence for the comparison with SparseVLM's own code, made from seeds."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

BEFORE, IMAGE, TEXT, WIDTH, LAYERS = 3, 576, 12, 6, 18
"""System prompt, visual tokens, text, width of a token, decoder layers."""
PRUNED = (2, 6, 15)
"""Layers whose output is pruned."""
CASES = (("1.0", 192), ("1.0", 128), ("1.0", 96), ("2.0", 192), ("2.0", 64))
"""Versions and budgets; v1.0's list of 64 merges so few that the code's noise decides."""


def heads_of(version: str) -> int:
    """Return the heads of the attention maps: v2.0 takes the 14 best."""
    return 20 if version == "2.0" else 2


def embedded(seed: int) -> Tensor:
    """Return float32 (1, tokens, WIDTH)."""
    rng = np.random.default_rng((seed, 0))
    return torch.tensor(rng.normal(size=(1, BEFORE + IMAGE + TEXT, WIDTH))).float()


def layer_output(layer: int, hidden: Tensor) -> Tensor:
    """Return what a layer makes of its input, token by token."""
    return hidden + 0.1 * torch.sin(hidden + layer)


def attention_map(seed: int, layer: int, version: str, length: int) -> Tensor:
    """Return float32 (1, heads, length, length), each row sums to 1."""
    rng = np.random.default_rng((seed, 1, layer))
    shape = (1, heads_of(version), length, length)
    return torch.tensor(rng.normal(0, 1.5, size=shape)).float().softmax(-1)
