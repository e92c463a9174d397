"""SparseVLM leaves what its authors' code leaves: tokens, positions and counts of each layer.

``sparsevlm_left.npz`` holds what their own code left of the sequences of ``authors_text.py``;
``record_sparsevlm.py`` made it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from authors_text import (
    BEFORE,
    CASES,
    IMAGE,
    LAYERS,
    TEXT,
    attention_map,
    embedded,
    layer_output,
)
from pruner_doubles import some_inputs

from gridseval.errors import PolicyError
from gridseval.policies.nano.config import NanoConfig
from gridseval.tokens.pruners import CameraGrid, Host, Place, Role, build_pruner
from gridseval.tokens.pruners.interface import AttentionMap, Pruned, PrunerInput
from gridseval.tokens.pruners.sparsevlm import SparseVlm
from gridseval.tokens.pruners.sparsevlm_budget import (
    PUBLISHED,
    mean_tokens,
    ranked_for_mean,
    tokens_left,
)

RECORDED = np.load(Path(__file__).parent / "sparsevlm_left.npz")
CAMERAS = (CameraGrid("agentview", 24, 24),)
PLACES = (3, 7, 16)


def positions_of(pruned: Pruned | None) -> list[int]:
    """Return the positions of the whole sequence, as a host makes them."""
    visual = list(range(IMAGE)) if pruned is None else pruned.position_ids[0].tolist()
    span = IMAGE if pruned is None else pruned.span
    text = range(BEFORE + span, BEFORE + span + TEXT)
    return [*range(BEFORE), *(BEFORE + at for at in visual), *text]


@pytest.mark.parametrize(("version", "budget"), CASES)
def test_tokens_positions_and_counts_of_each_layer(version: str, budget: int) -> None:
    seed = CASES.index((version, budget))
    pruner = SparseVlm(keep=budget / IMAGE, budget="mean", version=version)
    assert pruner.places == tuple(Place("layer", layer) for layer in PLACES)
    hidden = embedded(seed)
    text_roles = torch.full((1, TEXT), int(Role.INSTRUCTION))
    first = hidden[:, BEFORE : BEFORE + IMAGE], hidden[:, -TEXT:]
    pruned, maps, counts = None, {}, []
    for layer in range(LAYERS):
        if layer in PLACES:
            given = PrunerInput(
                tokens=hidden[:, BEFORE:-TEXT],
                cameras=CAMERAS,
                text=hidden[:, -TEXT:],
                text_roles=text_roles,
                attention=maps,
                embedded=first,
                earlier=pruned,
            )
            pruned = pruner(given)
            hidden = torch.cat([hidden[:, :BEFORE], pruned.tokens, hidden[:, -TEXT:]], 1)
            name = f"{version}/{budget}"
            expected = RECORDED[f"{name}/tokens/{layer}"]
            assert pruned.tokens[0].numpy() == pytest.approx(expected, abs=1e-5)
            assert positions_of(pruned) == RECORDED[f"{name}/positions/{layer}"].tolist()
            assert pruned.traces[0].kept_count == len(expected)
        length = hidden.shape[1]
        counts.append(length - BEFORE - TEXT)
        if layer + 1 in PLACES:
            full = attention_map(seed, layer, version, length)
            roles = torch.full((1, length), int(Role.VISUAL))
            roles[:, :BEFORE], roles[:, -TEXT:] = Role.OTHER, Role.INSTRUCTION
            maps = {layer: AttentionMap(full[..., BEFORE:-TEXT], roles)}
        hidden = layer_output(layer, hidden)
    assert counts == RECORDED[f"{version}/{budget}/counts"].tolist()


@pytest.mark.parametrize("version", PUBLISHED)
def test_published_lists_have_the_mean_that_names_them(version: str) -> None:
    """The code itself prints this mean as "Equal Tokens", cut to whole ones."""
    recycle = 0.3 if version == "1.0" else 0.0
    for budget, ranked in PUBLISHED[version].items():
        assert mean_tokens(IMAGE, ranked, recycle, PLACES, 32) == pytest.approx(budget, abs=3.2)
        found = ranked_for_mean(IMAGE, budget, version, recycle, PLACES, 32)
        assert found == ranked
    assert tokens_left(IMAGE, (300, 200, 110), 0.3) == (309, 204, 113)


@pytest.mark.parametrize("share", [0.15, 0.25, 0.5, 0.8, 1.0])
def test_any_mean_is_kept_to_a_token(share: float) -> None:
    ranked = ranked_for_mean(512, share * 512, "1.0", 0.3, PLACES, 32)
    assert mean_tokens(512, ranked, 0.3, PLACES, 32) <= share * 512
    more = (*ranked[:-1], ranked[-1] + 1)
    assert share == 1 or mean_tokens(512, more, 0.3, PLACES, 32) > share * 512 - 4


def test_two_layers_at_full_length_cost_more_than_a_small_mean() -> None:
    with pytest.raises(PolicyError, match=r"cannot keep 16\.0 of 512 visual tokens in the mean"):
        ranked_for_mean(512, 16, "1.0", 0.3, PLACES, 32)


def test_defaults() -> None:
    pruner = SparseVlm()
    assert pruner.places == tuple(Place("layer", layer) for layer in PLACES)
    assert pruner.needs.attention == ((2,), (6,), (15,))
    assert (pruner.version, pruner.by_mean) == ("1.0", False)
    host = Host(dim=8, layers=32, cameras=CAMERAS, encoder_dim=8)
    assert build_pruner("sparsevlm", host).places == pruner.places


def test_the_width_of_a_head_follows_the_host() -> None:
    """Version 2.0 divides by what rotary positions of that width give."""
    around: dict[str, Any] = {"dim": 8, "layers": 32, "cameras": CAMERAS, "encoder_dim": 8}
    for host, arguments, expected in (
        (Host(**around, head_dim=64), {}, 64),
        (Host(**around, head_dim=64), {"head_dim": 32}, 32),
        (Host(**around), {}, 128),
        (NanoConfig().host, {}, 48),
    ):
        pruner = build_pruner("sparsevlm", host, version="2.0", **arguments)
        assert isinstance(pruner, SparseVlm)
        assert pruner.head_dim == expected


@pytest.mark.parametrize(
    ("pruned", "recycled", "clusters"), [(1, 1, 1), (4, 2, 1), (31, 10, 2), (276, 83, 9)]
)
def test_one_more_than_three_tenths_is_recycled(pruned: int, recycled: int, clusters: int) -> None:
    """Of p pruned tokens ⌊0.3 p⌋ + 1, into a cluster per ten and one more."""
    kept = 32 - pruned
    if kept > 0:
        inputs = some_inputs(1, layers=(1,))
        assert inputs.text is not None
        given: dict[str, Any] = {"embedded": (inputs.tokens, inputs.text)}
        inputs = some_inputs(1, layers=(1,), **given)
        result = SparseVlm(layers=(2,), keep=kept / 32)(inputs)
        assert result.counts.tolist() == [kept + clusters]
        assert result.position_ids[0].tolist() == list(range(kept + clusters))
        assert result.renumbered and result.span == kept + clusters
    assert tokens_left(pruned + 5, (5,), 0.3) == (5 + clusters,)
    assert recycled // 10 + 1 == clusters


def test_without_recycling_positions_stay() -> None:
    inputs = some_inputs(1, layers=(2,))
    assert inputs.text is not None
    given: dict[str, Any] = {"embedded": (inputs.tokens, inputs.text)}
    for arguments in ({"recycle": 0}, {"version": "2.0"}):
        result = SparseVlm(layers=3, keep=0.25, **arguments)(some_inputs(1, layers=(2,), **given))
        assert result.position_ids.tolist() == result.indices.tolist()
        assert (result.renumbered, result.span, result.counts.tolist()) == (False, 32, [8])


def test_wrong_words() -> None:
    with pytest.raises(PolicyError, match=r"version must be 1\.0 or 2\.0, not '3.0'"):
        SparseVlm(version="3.0")
    with pytest.raises(PolicyError, match="budget must be last or mean"):
        SparseVlm(budget="middle")
