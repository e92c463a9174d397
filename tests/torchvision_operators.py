"""Makes transformers' models importable beside a torchvision that was built for another torch.

torchvision from the registry is a CUDA build, which beside a CPU torch lacks two operators, and
without it transformers imports none of its models.
"""

from __future__ import annotations


def define_operators() -> None:
    """Define the operators that are missing, without anything behind them."""
    import torch

    for operator in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, operator):
            signature = "(Tensor a, Tensor b, float c) -> Tensor"
            torch.library.define(f"torchvision::{operator}", signature)
