"""Small Llamas of transformers."""

from __future__ import annotations

import pytest


# torchvision from the registry is a CUDA build, which beside a CPU torch lacks two operators, and
# without it transformers imports none of its models.
@pytest.fixture(scope="session", autouse=True)
def transformers_works() -> None:
    """Make transformers' models importable here."""
    import torch

    for operator in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, operator):
            signature = "(Tensor a, Tensor b, float c) -> Tensor"
            torch.library.define(f"torchvision::{operator}", signature)
