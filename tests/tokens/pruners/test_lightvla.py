"""LightVLA's selection by queries that visual tokens form from the language."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightvla_tokens import COUNT, ROWS, SEEDS, lightvla_tokens
from pruner_doubles import (
    DTYPES,
    Floats,
    assert_consistent,
    assert_unchanged,
    kept_of,
    plain,
    some_inputs,
)

from gridseval.errors import PolicyError
from gridseval.tokens.pruners import Role
from gridseval.tokens.pruners.interface import PrunerInput
from gridseval.tokens.pruners.layout import CameraGrid
from gridseval.tokens.pruners.lightvla import LightVla
from gridseval.tokens.pruners.queries import take_softly


def normed(vector: Floats) -> Floats:
    return vector / np.sqrt(np.mean(vector**2) + 1e-6)


def reference_scores(inputs: PrunerInput, row: int) -> Floats:
    """S, written out token by token."""
    assert inputs.text is not None and inputs.text_roles is not None
    visual = [normed(token) for token in plain(inputs.tokens[row])]
    roles = inputs.text_roles[row].tolist()
    words = [
        normed(token)
        for token, role in zip(plain(inputs.text[row]), roles, strict=True)
        if role != Role.PADDING
    ]
    root = np.sqrt(len(visual[0]))
    scores = np.zeros((len(visual), len(visual)))
    for i, token in enumerate(visual):
        weights = np.array([np.exp(token @ word / root) for word in words])
        query = normed(
            sum(w * word for w, word in zip(weights / weights.sum(), words, strict=True))
        )
        scores[i] = [query @ other / root for other in visual]
    return scores


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("dtype", DTYPES)
def test_keeps_what_some_query_wants_most(dtype: torch.dtype, batch: int) -> None:
    inputs = some_inputs(3, batch, dtype=dtype)
    pruned = LightVla().eval()(inputs)
    assert_consistent(pruned, inputs)
    assert_unchanged(pruned, inputs)
    # bfloat16 has 8 bits: products of normed tokens of width 16 are wrong by up to about 0.05.
    tolerance = 1e-5 if dtype is torch.float32 else 0.06
    for row in range(batch):
        scores, kept = reference_scores(inputs, row), kept_of(pruned, row)
        best = scores.max(1)
        assert (scores[:, kept].max(1) >= best - tolerance).all(), "each query got its token"
        wanted = (scores >= best[:, None] - tolerance).any(0)
        assert wanted[kept].all(), "no token is kept that nobody wants"
        if dtype is torch.float32:
            assert kept == sorted(set(scores.argmax(1).tolist()))
    assert batch == 1 or len(set(pruned.counts.tolist())) > 1, "the batch is meant to be uneven"


def test_a_row_does_not_depend_on_the_rows_and_padding_beside_it() -> None:
    inputs = some_inputs(4, 3)
    assert inputs.text is not None and inputs.text_roles is not None
    pruned = LightVla().eval()(inputs)
    length = int((inputs.text_roles[0] != Role.PADDING).sum())
    alone = LightVla().eval()(
        dataclasses.replace(
            inputs,
            tokens=inputs.tokens[:1],
            text=inputs.text[:1, :length],
            text_roles=inputs.text_roles[:1, :length],
        )
    )
    assert kept_of(alone, 0) == kept_of(pruned, 0)


def test_reordered_tokens_are_kept_in_the_new_order() -> None:
    inputs = some_inputs(5)
    order = torch.randperm(32, generator=torch.Generator().manual_seed(1))
    before = set(kept_of(LightVla().eval()(inputs), 0))
    moved = dataclasses.replace(inputs, tokens=inputs.tokens[:, order])
    after = kept_of(LightVla().eval()(moved), 0)
    assert {int(order[i]) for i in after} == before


def test_training_keeps_the_length_and_the_hard_choice() -> None:
    inputs = some_inputs(6, 2)
    pruned = LightVla(noise=0)(inputs)
    for row in range(2):
        wanted = reference_scores(inputs, row).argmax(1)
        assert torch.equal(pruned.tokens[row], inputs.tokens[row, wanted.tolist()])
        # Each slot has the position of the token that it selected, as in the authors' forward.
        assert pruned.position_ids[row].tolist() == wanted.tolist()
        assert set(kept_of(pruned, row)) == set(wanted.tolist())
    assert pruned.traces[0].kept_count == len(set(reference_scores(inputs, 0).argmax(1).tolist()))


def test_noise_is_uniform_and_falls_to_nothing() -> None:
    inputs = some_inputs(7, 2)
    for progress in (0.0, 0.75, 1.0):
        pruner = LightVla(noise=2.0)
        pruner.set_progress(progress)
        seeds = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
        pruned = pruner(dataclasses.replace(inputs, generators=seeds))
        for row, seed in enumerate((1, 2)):
            noise = torch.rand(32, 32, generator=torch.Generator().manual_seed(seed))
            noisy = reference_scores(inputs, row) + 2.0 * (1 - progress) * plain(noise)
            assert pruned.indices[row].tolist() == noisy.argmax(1).tolist()


def test_constant_noise_does_not_fall() -> None:
    pruner = LightVla(noise=0.5, decay=False)
    pruner.set_progress(0.9)
    assert pruner.alpha == 0.5


@pytest.mark.parametrize("extra", [1, 5, "kept", 40])
def test_random_tokens_are_kept_besides(extra: int | str) -> None:
    inputs = some_inputs(3, 3)
    wanted = [set(kept_of(LightVla().eval()(inputs), row)) for row in range(3)]
    assert max(map(len, wanted)) <= 16, "there is room for as many again"
    seeds = [[torch.Generator().manual_seed(seed + row) for row in range(3)] for seed in (1, 1, 9)]
    first, again, other = (
        LightVla(extra=extra).eval()(dataclasses.replace(inputs, generators=some)) for some in seeds
    )
    assert_consistent(first, inputs)
    assert_unchanged(first, inputs)
    for row in range(3):
        count = len(wanted[row]) if extra == "kept" else int(extra)
        kept = set(kept_of(first, row))
        assert kept >= wanted[row]
        assert len(kept) == min(len(wanted[row]) + count, 32)
        assert kept_of(again, row) == sorted(kept)
    if extra != 40:
        assert [kept_of(first, r) for r in range(3)] != [kept_of(other, r) for r in range(3)]


def test_wanted_tokens_are_dropped_each_by_itself() -> None:
    inputs = some_inputs(3, 2)
    wanted = [set(kept_of(LightVla().eval()(inputs), row)) for row in range(2)]
    seeds = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
    pruned = LightVla(drop=0.3).eval()(dataclasses.replace(inputs, generators=seeds))
    for row, seed in enumerate((1, 2)):
        lost = torch.rand(32, generator=torch.Generator().manual_seed(seed)) > 1 - 0.3
        assert set(kept_of(pruned, row)) == wanted[row] - set(torch.where(lost)[0].tolist())
    nearly_all = LightVla(drop=1 - 1e-9).eval()
    pruned = nearly_all(dataclasses.replace(inputs, generators=seeds))
    for row in range(2):
        votes = np.bincount(reference_scores(inputs, row).argmax(1), minlength=32)
        assert kept_of(pruned, row) == [int(votes.argmax())]


def test_random_ablations_ask_for_generators() -> None:
    with pytest.raises(PolicyError, match="needs 1 random generators"):
        LightVla(extra=2).eval()(some_inputs(3))
    with pytest.raises(PolicyError, match="drop must be less than 1"):
        LightVla(drop=1)
    with pytest.raises(
        PolicyError, match="extra must be a whole number from 0, or 'kept', not 'all'"
    ):
        LightVla(extra="all")


def test_gradients_go_through_the_soft_choice() -> None:
    """d loss / d scores equals finite differences of softmax(scores) @ tokens."""
    inputs = some_inputs(8, dtype=torch.float64, width=4)
    rng = np.random.default_rng(8)
    start, direction = rng.normal(size=(1, 5, 32)), rng.normal(size=(5, 4))
    scores = torch.tensor(start, requires_grad=True)
    taken = take_softly("lightvla", inputs, scores).tokens
    (taken[0] * torch.tensor(direction)).sum().backward()  # type: ignore[no-untyped-call]

    def soft_loss(values: Floats) -> float:
        weights = np.exp(values) / np.exp(values).sum(-1, keepdims=True)
        return float(((weights[0] @ plain(inputs.tokens[0])) * direction).sum())

    for query, token in [(0, 0), (2, 17), (4, 31)]:
        step = np.zeros_like(start)
        step[0, query, token] = 1e-5
        slope = (soft_loss(start + step) - soft_loss(start - step)) / 2e-5
        assert scores.grad is not None
        assert float(scores.grad[0, query, token]) == pytest.approx(slope, abs=1e-8)


def test_training_reaches_the_visual_and_the_other_tokens() -> None:
    inputs = some_inputs(9)
    assert inputs.text is not None
    tokens, text = inputs.tokens.requires_grad_(), inputs.text.requires_grad_()
    LightVla()(inputs).tokens.square().sum().backward()
    assert tokens.grad is not None and bool(tokens.grad.any())
    assert text.grad is not None and bool(text.grad.any())


LIGHTVLAS = np.load(Path(__file__).parent / "lightvla_kept.npz")


@pytest.mark.parametrize("seed", SEEDS)
def test_it_scores_bfloat16_as_lightvlas_own_code(seed: int) -> None:
    """The recording is its ``TokenPruner``'s; ``record_lightvla.py`` says how."""
    visual, text = (torch.from_numpy(part).bfloat16() for part in lightvla_tokens(seed))
    inputs = PrunerInput(
        visual,
        (CameraGrid("agentview", 16, 16), CameraGrid("wrist", 16, 16)),
        text=text,
        text_roles=torch.full(text.shape[:2], int(Role.OTHER)),
    )
    scores = LightVla().eval().score(inputs)[0, :ROWS].float().numpy()
    theirs = LIGHTVLAS[f"score/{seed}"]
    # Another torch may round a sum otherwise; a product rounded before the softmax is 5 % or more.
    assert (scores != theirs).mean() <= 0.01
    kept = np.unpackbits(LIGHTVLAS[f"kept/{seed}"])[:COUNT]
    assert len(set(kept_of(LightVla().eval()(inputs), 0)) ^ set(np.flatnonzero(kept))) <= 1


def recorded_inputs(seed: int, **others: Any) -> PrunerInput:
    """Return the float32 inputs of ``record_lightvla_forward.py``."""
    visual, text = (torch.from_numpy(part) for part in lightvla_tokens(seed))
    cameras = (CameraGrid("agentview", 16, 16), CameraGrid("wrist", 16, 16))
    roles = torch.full(text.shape[:2], int(Role.OTHER))
    return PrunerInput(visual, cameras, text=text, text_roles=roles, **others)


FORWARDS = np.load(Path(__file__).parent / "lightvla_forward.npz")


@pytest.mark.parametrize("noise", [0.0, 0.1, 1.0])
def test_a_training_slot_has_the_position_of_its_token_as_in_lightvlas_code(noise: float) -> None:
    torch.manual_seed(5)
    pruned = LightVla(noise=noise)(recorded_inputs(0))
    theirs = FORWARDS[f"positions/{noise}"]
    # The order of sums may decide between two tokens that are as good as equal.
    assert (pruned.position_ids[0].numpy() == theirs).mean() >= 0.995
    tokens = recorded_inputs(0).tokens[0, pruned.position_ids[0]]
    assert torch.equal(pruned.tokens[0], tokens)


def test_dropped_tokens_are_those_of_lightvlas_ablation() -> None:
    generator = torch.Generator().manual_seed(5)
    pruned = LightVla(drop=0.1).eval()(recorded_inputs(0, generators=[generator]))
    kept = np.unpackbits(FORWARDS["dropped"])[:COUNT]
    assert set(kept_of(pruned, 0)) == set(np.flatnonzero(kept).tolist())
    whole = np.unpackbits(FORWARDS["whole"])[:COUNT]
    assert 0.02 < 1 - kept.sum() / whole.sum() < 0.2
