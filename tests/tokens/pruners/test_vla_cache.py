"""VLA-Cache: which entries it would reuse, against a plain simulation of it."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from pruner_doubles import (
    CAMERAS,
    DENSE,
    DTYPES,
    Floats,
    mean_attention,
    plain,
    some_attention,
    some_inputs,
)

from gridseval.errors import PolicyError
from gridseval.tokens.pruners import Role
from gridseval.tokens.pruners.entropy import entropy_of
from gridseval.tokens.pruners.interface import AttentionMap, PrunerInput
from gridseval.tokens.pruners.vla_cache import VlaCache

LAYERS = 6
SMALL: dict[str, Any] = {
    "layers": LAYERS,
    "relevance_layer": 3,
    "locations": (1, 3, 4),
    "static": 9,
    "relevant": 4,
}


def images(seed: int, batch: int, moved: int = 10) -> list[torch.Tensor]:
    """Return three frames, float (batch, 2, 12, 20, 3), in which some pixels change."""
    rng = np.random.default_rng(seed)
    frame = rng.integers(20, 255, size=(batch, 2, 12, 20, 3)).astype(np.float64)
    frames = []
    for _ in range(3):
        frames.append(torch.tensor(frame))
        frame = frame + rng.normal(0, 1, size=frame.shape)
        for _ in range(moved):
            y, x = rng.integers(12), rng.integers(20)
            frame[:, :, y, x] = rng.integers(0, 255, size=3)
    return frames


def reference_reuse(
    now: Floats,
    then: Floats,
    attention: dict[int, AttentionMap],
    row: int,
    *,
    by_similarity: bool = False,
) -> list[set[int]]:
    """Return the reused tokens of each layer; images are (2, 12, 20, 3)."""
    relevance = mean_attention(attention[3], row, Role.INSTRUCTION)
    reusable: list[tuple[float, int]] = []
    offset = 0
    for number, camera in enumerate(CAMERAS):
        high, wide = 12 // camera.rows, 20 // camera.columns
        alike = {}
        for cell in range(camera.count):
            top, left = cell // camera.columns * high, cell % camera.columns * wide
            a = now[number, top : top + high, left : left + wide].ravel()
            b = then[number, top : top + high, left : left + wide].ravel()
            alike[offset + cell] = float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-8))
        static = sorted((j for j in alike if alike[j] >= 0.996), key=lambda j: -alike[j])[:9]
        task = sorted(alike, key=lambda j: -relevance[j])[:4]
        reusable += [(alike[j], j) for j in static if j not in task]
        offset += camera.count
    order = [j for _, j in sorted(reusable, key=lambda p: (-p[0] if by_similarity else 0, p[1]))]
    counts, most = [], 0
    shares = reference_shares(attention, row)
    for layer in range(LAYERS):
        if layer in (1, 3, 4) and order:
            most = max(most, max(1, int(shares[layer] * len(order))))
        counts.append(set(order[:most]))
    return counts


def reference_shares(attention: dict[int, AttentionMap], row: int) -> list[float]:
    entropies = []
    for layer in range(LAYERS):
        given = attention[layer]
        assert given.entropy is not None
        roles, entropy = given.roles[row].tolist(), plain(given.entropy[row])
        entropies.append(
            np.mean([entropy[q] for q, role in enumerate(roles) if role != Role.PADDING])
        )
    shares = [
        1 - (e - min(entropies)) / (max(entropies) - min(entropies) + 1e-10) for e in entropies
    ]
    for layer in range(1, len(shares)):
        rise = shares[layer] - shares[layer - 1]
        if rise > 0:
            shares[layer] = shares[layer - 1] + 0.55 * rise
    return shares


def look(pruner: VlaCache, inputs: PrunerInput, seed: int) -> dict[int, AttentionMap]:
    """Run one query and return its attention, of a different focus in each layer."""
    pruned = pruner(inputs)
    rng = np.random.default_rng(seed)
    assert inputs.text_roles is not None
    seen = {}
    for layer in pruner.needs.observed:
        drawn = some_attention(rng, inputs.text_roles, DENSE, dtype=inputs.tokens.dtype)
        power = 0.5 + 2 * rng.random()
        # What the visual columns leave of 1 goes to a few other keys.
        visual = drawn.weights.double() ** power
        others = torch.tensor(rng.random((*visual.shape[:3], 5)))
        whole = torch.cat([others / others.sum(-1, keepdim=True), visual], -1)
        whole = whole / whole.sum(-1, keepdim=True)
        weights = whole[..., 5:].to(drawn.weights.dtype)
        seen[layer] = AttentionMap(weights, drawn.roles, entropy_of(whole))
    pruner.observe(inputs, pruned, seen)
    return seen


@pytest.mark.parametrize("order", ["index", "similarity"])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("dtype", DTYPES)
def test_reuses_static_tokens_that_the_text_ignores(
    order: str, batch: int, dtype: torch.dtype
) -> None:
    pruner = VlaCache(**SMALL, order=order)
    frames = images(1, batch)
    first = some_inputs(1, batch, dtype=dtype, pixels=frames[0])
    assert not any(pruner(first).reuse.entries(layer).any() for layer in range(LAYERS))
    look(pruner, first, 1)
    second = dataclasses.replace(first, pixels=frames[1])
    seen = look(pruner, second, 2)
    pruned = pruner(dataclasses.replace(first, pixels=frames[2]))
    assert torch.equal(pruned.tokens, first.tokens)
    assert [trace.kept_count for trace in pruned.traces] == [DENSE] * batch
    reused = 0
    for row in range(batch):
        now, then = plain(frames[2][row]), plain(frames[1][row])
        expected = reference_reuse(now, then, seen, row, by_similarity=order == "similarity")
        for layer in range(LAYERS):
            entries = pruned.reuse.entries(layer)[row]
            assert set(entries.nonzero().flatten().tolist()) == expected[layer]
        reused += len(expected[-1])
        drawn = np.concatenate([camera.weights for camera in pruned.traces[row].cameras])
        share = [np.mean([j in layer for layer in expected]) for j in range(DENSE)]
        assert drawn == pytest.approx(1 - np.array(share), abs=1e-6)
    assert reused > batch, "the case is meant to reuse something"


def test_slots_of_different_ages_and_reset() -> None:
    pruner = VlaCache(**SMALL)
    frames = images(2, 2, moved=0)
    inputs = some_inputs(2, 2, pixels=frames[0], slots=(4, 9))
    look(pruner, inputs, 3)
    pruner.reset([9])
    pruned = pruner(dataclasses.replace(inputs, pixels=frames[1]))
    assert bool(pruned.reuse.entries(LAYERS - 1)[0].any())
    assert not pruned.reuse.entries(LAYERS - 1)[1].any()
    swapped = VlaCache(**SMALL)
    look(swapped, inputs, 3)
    flipped = dataclasses.replace(inputs, pixels=frames[1].flip(0), slots=(9, 4))
    assert torch.equal(
        swapped(flipped).reuse.entries(LAYERS - 1)[1], pruned.reuse.entries(LAYERS - 1)[0]
    )


def test_without_an_instruction_all_but_the_visual_queries_count() -> None:
    frames = images(6, 1, moved=0)
    kept = []
    for role in (Role.INSTRUCTION, Role.STATE):
        pruner = VlaCache(**SMALL)
        inputs = some_inputs(6, pixels=frames[0])
        assert inputs.text_roles is not None
        inputs = dataclasses.replace(
            inputs, text_roles=torch.full_like(inputs.text_roles, int(role))
        )
        look(pruner, inputs, 7)
        again = dataclasses.replace(inputs, pixels=frames[1])
        kept.append(pruner(again).reuse.entries(LAYERS - 1))
    assert kept[0].any() and torch.equal(*kept)


def test_an_image_that_moved_everywhere_reuses_nothing() -> None:
    pruner = VlaCache(**SMALL)
    rng = np.random.default_rng(3)
    inputs = some_inputs(3, pixels=torch.tensor(rng.random((1, 2, 12, 20, 3))))
    look(pruner, inputs, 4)
    other = dataclasses.replace(inputs, pixels=torch.tensor(rng.random((1, 2, 12, 20, 3))))
    assert not pruner(other).reuse.entries(LAYERS - 1).any()


def test_layers_reuse_never_less_than_the_ones_before() -> None:
    pruner = VlaCache(**SMALL)
    frames = images(4, 3, moved=2)
    inputs = some_inputs(4, 3, pixels=frames[0])
    look(pruner, inputs, 5)
    reuse = pruner(dataclasses.replace(inputs, pixels=frames[1])).reuse
    assert (reuse.counts.diff(dim=1) >= 0).all()
    assert not reuse.entries(0).any()
    for layer in range(1, LAYERS):
        assert (reuse.entries(layer) | ~reuse.entries(layer - 1)).all()


def test_faults() -> None:
    pruner = VlaCache(**SMALL)
    inputs = some_inputs(5)
    with pytest.raises(PolicyError, match="input images"):
        pruner(inputs)
    odd = torch.zeros(1, 2, 13, 20, 3)
    look(pruner, dataclasses.replace(inputs, pixels=odd), 1)
    with pytest.raises(PolicyError, match=r"cannot be cut into the 4 x 5 patches of camera 'agen"):
        pruner(dataclasses.replace(inputs, pixels=odd))
    pruned = VlaCache(**SMALL)(dataclasses.replace(inputs, pixels=torch.zeros(1, 2, 12, 20, 3)))
    with pytest.raises(PolicyError, match="attention of decoder layer 0"):
        pruner.observe(inputs, pruned, {})
    with pytest.raises(PolicyError, match="layers 15 of a decoder of 8"):
        VlaCache(layers=8)
    with pytest.raises(PolicyError, match="did you mean 'index'"):
        VlaCache(order="indexes")


def test_the_entropy_of_the_whole_row_is_needed() -> None:
    pruner = VlaCache(**SMALL)
    inputs = some_inputs(5, pixels=torch.zeros(1, 2, 12, 20, 3))
    pruned = pruner(inputs)
    assert pruner.needs.entropy and pruner.needs.observed == tuple(range(LAYERS))
    given = look(pruner, inputs, 1)
    without = {**given, 5: AttentionMap(given[5].weights, given[5].roles)}
    with pytest.raises(PolicyError, match="entropy over all keys of decoder layer 5's attention"):
        pruner.observe(inputs, pruned, without)
    short = AttentionMap(given[5].weights, given[5].roles, torch.zeros(1, 3))
    with pytest.raises(PolicyError, match=r"has entropy of shape \(1, 3\), expected"):
        pruner.observe(inputs, pruned, {**given, 5: short})
