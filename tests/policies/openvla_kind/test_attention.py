"""Attention to both sides, equal to OpenVLA-OFT's fork of transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_llama import CASES, filled, tiny_llama

from gridseval.errors import PolicyError
from gridseval.policies.openvla_kind.attention import (
    attend_to_both_sides,
    attend_to_the_left,
    sees_both_sides,
)

RECORDED = np.load(Path(__file__).parent / "fork_attention.npz")


def states(model: Any, name: str) -> Any:
    import torch

    with torch.no_grad():
        output = model(
            **filled(CASES[name]), output_hidden_states=True, return_dict=True, use_cache=False
        )
    return output.hidden_states[-1].numpy()


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("name", CASES)
def test_it_attends_as_the_fork(name: str, attention: str) -> None:
    """The recording is the fork's own; ``record_fork_attention.py`` says how."""
    model = tiny_llama(attention)
    mask = np.array(CASES[name]["mask"] or [1], bool)
    theirs = RECORDED[name]
    used = np.broadcast_to(mask, theirs.shape[1]) if len(mask) == 1 else mask
    assert np.abs(states(model, name) - theirs)[:, used].max() > 0.01  # causal
    assert attend_to_both_sides(model, 0) == "bidirectional, by gridseval"
    assert np.abs(states(model, name) - theirs)[:, used].max() <= 1e-5
    assert attend_to_both_sides(model, 0) == "bidirectional, by the installed transformers"


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_hides_neither_direction(dtype: str, attention: str) -> None:
    import torch

    model = tiny_llama(attention).to(getattr(torch, dtype))
    assert not sees_both_sides(model, 512)
    assert attend_to_both_sides(model, 512) == "bidirectional, by gridseval"
    assert sees_both_sides(model, 512)


def test_openvla_is_refused_where_attention_goes_both_ways() -> None:
    model = tiny_llama("sdpa")
    assert attend_to_the_left(model, 0) == "causal"
    attend_to_both_sides(model, 0)
    with pytest.raises(PolicyError, match="moojink/transformers-openvla-oft") as caught:
        attend_to_the_left(model, 0)
    assert "4.40.1" in (caught.value.hint or "")


def test_what_cannot_be_opened_is_refused_with_the_forks_name() -> None:
    import torch

    model = tiny_llama("sdpa")
    for layer in model.model.layers:

        def causal(*positional: Any, whole: Any = layer.self_attn.forward, **named: Any) -> Any:
            length = named["hidden_states"].shape[1]
            mask = torch.ones(length, length, dtype=torch.bool).tril()[None, None]
            return whole(*positional, **{**named, "attention_mask": mask})

        layer.self_attn.forward = causal
    with pytest.raises(PolicyError, match="left only") as caught:
        attend_to_both_sides(model, 0)
    assert "moojink/transformers-openvla-oft" in (caught.value.hint or "")
    assert not sees_both_sides(model, 0)
