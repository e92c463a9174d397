"""A small Llama with the same weights under every version of transformers, and what it is asked."""

from __future__ import annotations

from typing import Any

import numpy as np

WIDTH, LENGTH = 32, 14

_ONES = [1] * LENGTH
CASES: dict[str, dict[str, Any]] = {
    "whole": {"mask": _ONES},
    "without_mask": {"mask": None},
    "padded_right": {"mask": [1] * (LENGTH - 4) + [0] * 4},
    "padded_left": {"mask": [0] * 3 + [1] * (LENGTH - 3)},
    "pruned": {"mask": _ONES, "places": [0, 2, 3, 7, 20, 21, 22, 30, 31, 32, 33, 34, 35, 36]},
}


def tiny_llama(attention: str) -> Any:
    """Return a Llama whose parameters are drawn by numpy."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        hidden_size=WIDTH,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        vocab_size=40,
        max_position_embeddings=128,
        attn_implementation=attention,
    )
    model = LlamaForCausalLM(config).eval()
    rng = np.random.default_rng(0)
    with torch.no_grad():
        for name, value in sorted(model.named_parameters()):
            drawn = rng.normal(1.0 if "norm" in name else 0.0, 0.15, value.shape)
            value.copy_(torch.from_numpy(drawn.astype(np.float32)))
    return model


def filled(case: dict[str, Any]) -> dict[str, Any]:
    """Return a case's arguments."""
    import torch

    embeds = np.random.default_rng(1).normal(size=(1, LENGTH, WIDTH)).astype(np.float32)
    made: dict[str, Any] = {"inputs_embeds": torch.from_numpy(embeds)}
    if case["mask"] is not None:
        made["attention_mask"] = torch.tensor([case["mask"]])
    if "places" in case:
        made["position_ids"] = torch.tensor([case["places"]])
    return made
