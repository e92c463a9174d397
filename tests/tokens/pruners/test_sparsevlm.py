"""SparseVLM: raters, ranks, and recycling into clusters, over several layers."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from pruner_doubles import (
    CAMERAS,
    DENSE,
    DTYPES,
    Floats,
    assert_highest,
    kept_of,
    plain,
    some_attention,
    some_inputs,
)

from gridseval.errors import PolicyError
from gridseval.tokens.pruners import CameraGrid, Place, Role
from gridseval.tokens.pruners.clusters import merge_clusters
from gridseval.tokens.pruners.interface import Pruned, PrunerInput
from gridseval.tokens.pruners.sparsevlm import SparseVlm


def with_embeddings(inputs: PrunerInput, seed: int = 5) -> PrunerInput:
    rng = np.random.default_rng(seed)
    assert inputs.text is not None
    visual, text = (
        torch.tensor(rng.normal(size=(len(inputs.tokens), part.shape[1], part.shape[2])))
        for part in (inputs.embedded[0] if inputs.embedded else inputs.tokens, inputs.text)
    )
    return dataclasses.replace(
        inputs, embedded=(visual.to(inputs.tokens.dtype), text.to(inputs.tokens.dtype))
    )


def reference_raters(inputs: PrunerInput, row: int) -> list[int]:
    assert inputs.embedded is not None and inputs.text_roles is not None
    visual, text = plain(inputs.embedded[0][row]), plain(inputs.embedded[1][row])
    roles = inputs.text_roles[row].tolist()
    words = [t for t, role in enumerate(roles) if role == Role.INSTRUCTION]
    totals = dict.fromkeys(words, 0.0)
    for token in visual:
        powers = {t: np.exp(token @ text[t]) for t in words}
        for t in words:
            totals[t] += powers[t] / sum(powers.values()) / len(visual)
    mean = np.mean(list(totals.values()))
    return [t for t in words if totals[t] > mean]


def reference_scores(inputs: PrunerInput, layer: int, row: int) -> Floats:
    attention = inputs.attention[layer]
    assert inputs.text_roles is not None
    first = attention.roles.shape[1] - inputs.text_roles.shape[1]
    raters = [first + t for t in reference_raters(inputs, row)]
    return np.mean([plain(h)[q] for h in attention.weights[row] for q in raters], axis=0)


def reference_clusters(tokens: Floats, count: int) -> dict[int, Floats]:
    """Return centre to mean."""
    number, width = tokens.shape
    far = np.array([[np.sqrt(((a - b) ** 2).sum() / width) for b in tokens] for a in tokens])
    density = [np.exp(-np.mean(np.sort(row)[:count] ** 2)) for row in far]
    peak = []
    for i in range(number):
        # Two tokens that are each other's nearest are equally dense: the first counts as denser.
        above = [far[i, j] for j in range(number) if (-density[j], j) < (-density[i], i)]
        peak.append(density[i] * (min(above) if above else far.max()))
    centres = sorted(range(number), key=lambda i: -peak[i])[:count]
    members: dict[int, list[Floats]] = {centre: [] for centre in centres}
    for i in range(number):
        home = i if i in centres else min(centres, key=lambda centre: far[i, centre])
        members[home].append(tokens[i])
    return {centre: np.mean(group, axis=0) for centre, group in members.items()}


def check_stage(
    pruned: Pruned, inputs: PrunerInput, row: int, scores: Floats, count: int, dense: list[int]
) -> None:
    """Check one row of one stage; ``dense`` are the dense indices of the columns of ``scores``."""
    ranked = sorted(range(len(scores)), key=lambda j: -scores[j])
    recycled = sorted(ranked[count : count + int(0.3 * (len(scores) - count)) + 1])
    tokens = plain(inputs.tokens[row])
    clusters = reference_clusters(tokens[recycled], len(recycled) // 10 + 1)
    expected = {dense[j]: tokens[j] for j in sorted(ranked[:count])}
    expected |= {dense[recycled[centre]]: mean for centre, mean in clusters.items()}
    kept = kept_of(pruned, row)
    assert kept == list(expected), "kept tokens in their order, merged ones after them"
    assert pruned.position_ids[row].tolist() == list(range(len(kept)))
    assert pruned.traces[row].kept_count == pruned.span == len(kept)
    tolerance = 1e-5 if inputs.tokens.dtype is torch.float32 else 0.02
    for place, index in enumerate(kept):
        assert plain(pruned.tokens[row, place]) == pytest.approx(expected[index], abs=tolerance)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("dtype", DTYPES)
def test_one_layer(dtype: torch.dtype, batch: int) -> None:
    cameras = (CameraGrid("agentview", 6, 8), CameraGrid("wrist", 4, 8))
    inputs = with_embeddings(some_inputs(1, batch, dtype=dtype, layers=(1,), cameras=cameras))
    pruned = SparseVlm(layers="2", k=10)(inputs)
    for row in range(batch):
        assert 0 < len(reference_raters(inputs, row)) < 3 + 2 * row
        scores = reference_scores(inputs, 1, row)
        check_stage(pruned, inputs, row, scores, 20, list(range(80)))
    assert pruned.counts.tolist() == [20 + 19 // 10 + 1] * batch


@pytest.mark.parametrize("batch", [1, 2])
def test_three_layers_each_prune_what_the_one_before_left(batch: int) -> None:
    pruner = SparseVlm(layers=(1, 3, 4), keep=0.25)
    assert pruner.places == (Place("layer", 1), Place("layer", 3), Place("layer", 4))
    assert pruner.needs.attention == ((0,), (2,), (3,))
    rng = np.random.default_rng(2)
    inputs = with_embeddings(some_inputs(2, batch, layers=(0,)))
    assert inputs.text_roles is not None
    columns, pruned = [list(range(DENSE))] * batch, None
    for layer, share in [(0, 0.25 ** (1 / 3)), (2, 0.25 ** (2 / 3)), (3, 0.25)]:
        if pruned is not None:
            seen = some_attention(rng, inputs.text_roles, pruned.mask.shape[1])
            moved = pruned.tokens + torch.tensor(rng.normal(size=pruned.tokens.shape)).float()
            inputs = dataclasses.replace(
                inputs, tokens=moved, attention={layer: seen}, earlier=pruned
            )
        pruned = pruner(inputs)
        for row in range(batch):
            scores = reference_scores(inputs, layer, row)
            check_stage(pruned, inputs, row, scores, round(share * DENSE), columns[row])
        columns = [kept_of(pruned, row) for row in range(batch)]
    assert pruned is not None and pruned.traces[0].kept_count == 9


def test_published_numbers_of_tokens() -> None:
    """300, 200 and 110 of LLaVA's 576 stay by rank."""
    cameras = (CameraGrid("agentview", 24, 24),)
    pruner = SparseVlm(recycle=0)
    inputs = with_embeddings(some_inputs(cameras=cameras, layers=(2,), heads=1, width=4))
    rng = np.random.default_rng(3)
    counts = []
    for place in pruner.places:
        pruned = pruner(inputs)
        counts.append(int(pruned.counts[0]))
        assert inputs.text_roles is not None
        seen = some_attention(rng, inputs.text_roles, counts[-1], heads=1)
        following = {3: 6, 7: 15}.get(place.layer, 0)
        inputs = dataclasses.replace(
            inputs, tokens=pruned.tokens, attention={following: seen}, earlier=pruned
        )
    assert counts == [300, 200, 110]
    with pytest.raises(PolicyError, match="prunes at 3 layers only"):
        pruner(inputs)


def test_everything_rates_where_no_word_stands_out() -> None:
    inputs = some_inputs(4, layers=(0,))
    assert inputs.text is not None
    same = torch.ones_like(inputs.text)
    inputs = dataclasses.replace(inputs, embedded=(inputs.tokens, same))
    pruned = SparseVlm(layers=(1,), k=3, recycle=0)(inputs)
    attention = inputs.attention[0]
    words = (attention.roles[0] == Role.INSTRUCTION).nonzero().flatten()
    scores = plain(attention.weights[0][:, words]).mean((0, 1))
    assert_highest(kept_of(pruned, 0), scores, 6)


def test_duplicated_tokens_still_give_the_number_of_clusters() -> None:
    clusters = merge_clusters(torch.ones(2, 12, 3), 4)
    assert clusters.means.tolist() == torch.ones(2, 4, 3).tolist()
    assert [len(set(row)) for row in clusters.centres.tolist()] == [4, 4]


def test_needs_one_query_per_text_token() -> None:
    inputs = with_embeddings(some_inputs(layers=(0,)))
    assert inputs.text_roles is not None
    wrong = dataclasses.replace(inputs, text_roles=inputs.text_roles.flip(1))
    with pytest.raises(PolicyError, match="last queries must be the other tokens"):
        SparseVlm(layers=(1,))(wrong)
    assert CAMERAS[0].count + CAMERAS[1].count == DENSE
