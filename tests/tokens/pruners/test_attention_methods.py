"""FastV and EfficientVLA: one layer's attention ranks the tokens."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pruner_doubles import (
    DENSE,
    DTYPES,
    assert_consistent,
    assert_highest,
    assert_unchanged,
    kept_of,
    mean_attention,
    plain,
    some_inputs,
)

from gridseval.tokens.pruners import Place, Role
from gridseval.tokens.pruners.efficientvla import EfficientVla
from gridseval.tokens.pruners.fastv import FastV
from gridseval.tokens.pruners.interface import AttentionMap

TEXT = (Role.INSTRUCTION, Role.STATE, Role.ACTION)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("dtype", DTYPES)
def test_fastv_ranks_by_the_last_token_that_is_no_padding(dtype: torch.dtype, batch: int) -> None:
    inputs = some_inputs(1, batch, dtype=dtype, layers=(0, 1, 2))
    pruned = FastV(layer=2, keep=0.3)(inputs)
    assert_consistent(pruned, inputs)
    assert_unchanged(pruned, inputs)
    for row in range(batch):
        roles = inputs.attention[1].roles[row].tolist()
        last = max(number for number, role in enumerate(roles) if role != Role.PADDING)
        scores = sum(plain(head[last]) for head in inputs.attention[1].weights[row]) / 3
        assert_highest(kept_of(pruned, row), np.asarray(scores), round(0.3 * DENSE))


def test_fastv_takes_attention_that_is_averaged_already() -> None:
    inputs = some_inputs(2, layers=(1,))
    full = inputs.attention[1]
    last = int((full.roles[0] != Role.PADDING).nonzero().max())
    small = AttentionMap(full.weights.mean(1, keepdim=True)[:, :, [last]], full.roles[:, [last]])
    reduced = some_inputs(2, attention={1: small})
    pruner = FastV(k=5)
    assert kept_of(pruner(reduced), 0) == kept_of(pruner(inputs), 0)
    assert pruner(inputs).counts.tolist() == [10]


def test_fastv_defaults_are_the_papers() -> None:
    pruner = FastV()
    assert pruner.place == Place("layer", 2)
    assert pruner.needs.attention == ((1,),)
    assert pruner(some_inputs(layers=(1,))).counts.tolist() == [16]


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("dtype", DTYPES)
def test_efficientvla_takes_key_relevant_and_diverse_tokens(dtype: torch.dtype, batch: int) -> None:
    inputs = some_inputs(3, batch, dtype=dtype, layers=(1,))
    pruned = EfficientVla(k=7, key=4, alpha=0.37)(inputs)
    assert_consistent(pruned, inputs)
    assert_unchanged(pruned, inputs)
    for row in range(batch):
        relevance = mean_attention(inputs.attention[1], row, *TEXT)
        ranked = sorted(range(DENSE), key=lambda j: -relevance[j])
        key, by_task = ranked[:4], ranked[4 : 4 + 3]
        assert len(by_task) == int(0.37 * (14 - 4))
        rest = [j for j in range(DENSE) if j not in key + by_task]
        tokens = plain(inputs.tokens[row])
        unit = [token / np.sqrt(token @ token) for token in tokens]
        novelty = {j: 1 - max(unit[j] @ unit[i] for i in key) for j in rest}
        diverse = sorted(rest, key=lambda j: -novelty[j])[:7]
        assert kept_of(pruned, row) == sorted(key + by_task + diverse)


def test_efficientvla_with_a_budget_below_its_key_tokens() -> None:
    inputs = some_inputs(4, layers=(1,))
    pruned = EfficientVla(k=1, key=8)(inputs)
    relevance = mean_attention(inputs.attention[1], 0, *TEXT)
    assert_highest(kept_of(pruned, 0), relevance, 2)
