"""LightVLA*: learnable queries at the encoder and at early layers."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from pruner_doubles import (
    DTYPES,
    Floats,
    assert_consistent,
    assert_unchanged,
    kept_of,
    mean_attention,
    plain,
    some_inputs,
)

from gridseval.errors import PolicyError
from gridseval.tokens.pruners import Place, Role
from gridseval.tokens.pruners.interface import PrunerInput
from gridseval.tokens.pruners.lightvla_star import LightVlaStar


def star(layer: int | None, queries: int = 12, dtype: torch.dtype = torch.float32) -> LightVlaStar:
    """Return one whose parameters all differ from where they start."""
    pruner = LightVlaStar(layer=layer, queries=queries, dim=16, encoder_dim=16)
    rng = np.random.default_rng(11)
    with torch.no_grad():
        for parameter in pruner.parameters():
            parameter.copy_(torch.tensor(rng.normal(1, 0.5, size=parameter.shape)))
        pruner.queries.copy_(torch.tensor(rng.normal(size=pruner.queries.shape)))
        if pruner.zeta is not None:
            pruner.zeta.fill_(60.0)
    return pruner.to(dtype)


def reference_scores(pruner: LightVlaStar, inputs: PrunerInput, row: int) -> Floats:
    def norm(vector: Floats, weight: torch.Tensor) -> Floats:
        return vector / np.sqrt((vector**2).mean() + 1e-6) * plain(weight)

    scores = np.empty((len(pruner.queries), inputs.dense_count))
    bonus = np.zeros(inputs.dense_count)
    if pruner.zeta is not None:
        attention = inputs.attention[pruner.place.layer - 1]
        text = (Role.INSTRUCTION, Role.STATE, Role.ACTION)
        bonus = float(pruner.zeta.detach()) * mean_attention(attention, row, *text)
    for n, query in enumerate(plain(pruner.queries)):
        for j, token in enumerate(plain(inputs.tokens[row])):
            dot = norm(query, pruner.query_weight) @ norm(token, pruner.token_weight)
            scores[n, j] = (dot + bonus[j]) / np.sqrt(16)
    return scores


@pytest.mark.parametrize("layer", [None, 1, 2, 3])
@pytest.mark.parametrize("dtype", DTYPES)
def test_keeps_what_some_query_wants_most(layer: int | None, dtype: torch.dtype) -> None:
    pruner = star(layer, dtype=dtype).eval()
    inputs = some_inputs(1, 3, dtype=dtype, layers=() if layer is None else (layer - 1,))
    pruned = pruner(inputs)
    assert_consistent(pruned, inputs)
    assert_unchanged(pruned, inputs)
    # Scores reach about 6; bfloat16's products are wrong by up to a hundredth of that.
    tolerance = 1e-5 if dtype is torch.float32 else 0.1
    for row in range(3):
        scores, kept = reference_scores(pruner, inputs, row), kept_of(pruned, row)
        best = scores.max(1)
        assert (scores[:, kept].max(1) >= best - tolerance).all()
        assert (scores >= best[:, None] - tolerance).any(0)[kept].all()
    assert len(set(pruned.counts.tolist())) > 1, "the batch is meant to be uneven"


def test_attention_matters_by_zeta() -> None:
    inputs = some_inputs(2, layers=(0,))
    pruner = star(1).eval()
    with torch.no_grad():
        assert pruner.zeta is not None
        pruner.zeta.fill_(1e6)
        looked_at = mean_attention(
            inputs.attention[0], 0, Role.INSTRUCTION, Role.STATE, Role.ACTION
        )
        assert kept_of(pruner(inputs), 0) == [int(looked_at.argmax())]


def test_places_and_needs() -> None:
    assert star(None).place == Place("encoder")
    assert star(None).needs.attention == ()
    assert star(3).place == Place("layer", 3)
    assert star(3).needs.attention == ((2,),)
    fresh = LightVlaStar(layer=1, dim=16)
    assert fresh.queries.shape == (128, 16)
    assert fresh.zeta is not None and fresh.zeta.item() == 1
    assert LightVlaStar().queries.shape == (128, 2176)


def test_training_returns_one_token_per_query_and_reaches_all_parameters() -> None:
    inputs = some_inputs(3, 2, layers=(0,))
    pruner = star(1)
    pruner.set_progress(1)
    pruned = pruner(inputs)
    wanted = reference_scores(pruner, inputs, 1).argmax(1).tolist()
    assert torch.equal(pruned.tokens[1], inputs.tokens[1, wanted])
    assert pruned.position_ids[1].tolist() == wanted
    pruned.tokens.square().sum().backward()
    for name, parameter in pruner.named_parameters():
        assert parameter.grad is not None and bool(parameter.grad.any()), name


def test_training_has_lightvlas_falling_noise() -> None:
    inputs = some_inputs(4, 2, layers=(0,))
    for progress in (0.0, 0.75, 1.0):
        pruner = star(1)
        pruner.set_progress(progress)
        seeds = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
        pruned = pruner(dataclasses.replace(inputs, generators=seeds))
        for row, seed in enumerate((1, 2)):
            noise = torch.rand(12, 32, generator=torch.Generator().manual_seed(seed))
            noisy = reference_scores(pruner, inputs, row) + (1 - progress) * plain(noise)
            assert pruned.position_ids[row].tolist() == noisy.argmax(1).tolist()
    assert LightVlaStar(noise=0.5, decay=False).alpha == 0.5


def test_the_ablations_are_lightvlas() -> None:
    pruner = LightVlaStar(layer=1, queries=12, dim=16, extra=5, drop=0.2)
    assert (pruner.extra, pruner.drop, pruner.needs.generators) == (5, 0.2, True)
    assert not star(1).needs.generators


def test_refuses_tokens_of_another_width() -> None:
    with pytest.raises(PolicyError, match="queries of width 16, the tokens have 8"):
        star(None)(some_inputs(width=8))
