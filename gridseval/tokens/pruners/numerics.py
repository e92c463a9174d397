"""Precision: half types are computed in float32, float64 stays."""

from __future__ import annotations

import torch
from torch import Tensor

_HALF = (torch.bfloat16, torch.float16)


def widen(tensor: Tensor) -> Tensor:
    """Return a tensor in float32 where it is of half precision, else as it is."""
    return tensor.float() if tensor.dtype in _HALF else tensor


def rms_norm(tokens: Tensor, weight: Tensor | None = None, epsilon: float = 1e-6) -> Tensor:
    """Return tokens / rms(tokens) over the last axis, computed wide, in the input's dtype."""
    wide = widen(tokens)
    # The dot product of a row with itself reads it once; pow(2).mean(-1) writes a copy first.
    squares = torch.linalg.vecdot(wide, wide)[..., None] / wide.shape[-1]
    normed = wide * torch.rsqrt(squares + epsilon)
    if weight is not None:
        normed = normed * weight.to(normed.dtype)
    return normed.to(tokens.dtype)
