"""What all pruners share: names, arguments, checks of inputs, hosts."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from pruner_doubles import CAMERAS, DENSE, kept_of, some_attention, some_inputs

from gridseval.errors import PolicyError
from gridseval.tokens.pruners import (
    CameraGrid,
    Host,
    Place,
    Role,
    build_pruner,
    list_pruners,
    load_pruner,
)
from gridseval.tokens.pruners.interface import AttentionMap, Pruned, Pruner, PrunerInput, Reuse

HOST = Host(dim=16, layers=8, cameras=CAMERAS, encoder_dim=16)
SMALL: dict[str, dict[str, Any]] = {
    "efficientvla": {"k": 5},
    "grids": {"k": 4},
    "random": {"k": 5},
    "topk": {"k": 5},
    "uniform": {"k": 5},
}


def full_inputs(batch: int, seed: int = 1, **others: Any) -> PrunerInput:
    """Return inputs with everything that any pruner needs."""
    inputs = some_inputs(
        seed,
        batch,
        layers=tuple(range(8)),
        pixels=torch.rand(batch, 2, 12, 20, 3, generator=torch.Generator().manual_seed(seed)),
        generators=[torch.Generator().manual_seed(row) for row in range(batch)],
        **others,
    )
    assert inputs.text is not None
    return dataclasses.replace(
        inputs,
        embedded=(inputs.tokens.flip(1), inputs.text),
        outputs=dict.fromkeys(range(8), inputs.tokens.flip(2)),
    )


def run_query(pruner: Pruner, inputs: PrunerInput, seed: int = 1) -> Pruned:
    """Call a pruner as a model does: at each place, then with the attention of later layers."""
    rng = np.random.default_rng(seed)
    assert inputs.text_roles is not None
    for place in pruner.places:
        pruned: Pruned = pruner(inputs)
        columns = pruned.mask.shape[1]
        later = {
            layer: some_attention(rng, inputs.text_roles, columns)
            for layer in range(place.layer, HOST.layers)
        }
        last, inputs = (
            inputs,
            dataclasses.replace(inputs, tokens=pruned.tokens, attention=later, earlier=pruned),
        )
    if pruner.needs.observed:
        pruner.observe(last, pruned, later)
    return pruned


def test_listing_needs_no_torch() -> None:
    code = (
        "import sys; from gridseval.tokens.pruners import list_pruners\n"
        "print(*list_pruners()); assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names = done.stdout.split()
    assert names == sorted(names)
    assert set(names) >= {
        *("dense", "efficientvla", "fastv", "grids", "lightvla", "lightvla_star"),
        *("random", "sparsevlm", "topk", "uniform", "vla_cache", "vla_pruner"),
    }


@pytest.mark.parametrize("name", list_pruners())
def test_every_pruner_runs_episodes_in_a_small_model(name: str) -> None:
    pruner = build_pruner(name, HOST, **SMALL.get(name, {})).eval()
    assert pruner.name == name
    assert load_pruner(name) is type(pruner)
    for number in range(5):
        if number == 3:
            pruner.reset([0])
        pruned = run_query(pruner, full_inputs(2, number), number)
        assert pruned.tokens.shape[:2] == pruned.mask.shape == pruned.position_ids.shape
        assert len(pruned.traces) == 2
        assert [trace.kept_count for trace in pruned.traces] == pruned.counts.tolist()
        assert pruned.counts.min() >= 1
        assert int(pruned.position_ids.max()) < DENSE
        assert not pruned.position_ids[~pruned.mask].any()
        assert torch.isfinite(pruned.tokens).all()


@pytest.mark.parametrize("name", sorted(set(list_pruners()) - {"grids"}))
def test_every_pruner_runs_in_bfloat16(name: str) -> None:
    pruner = build_pruner(name, HOST, **SMALL.get(name, {})).eval().bfloat16()
    inputs = full_inputs(2, dtype=torch.bfloat16)
    assert inputs.embedded is not None
    pruned = run_query(pruner, inputs)
    assert pruned.tokens.dtype == torch.bfloat16


@pytest.mark.parametrize("name", list_pruners())
def test_a_wrong_number_of_tokens_is_refused(name: str) -> None:
    pruner = build_pruner(name, HOST, **SMALL.get(name, {}))
    inputs = full_inputs(1)
    wrong = dataclasses.replace(inputs, tokens=inputs.tokens[:, :31])
    with pytest.raises(PolicyError, match="31 visual tokens for grids of 4 x 5 \\+ 3 x 4 = 32"):
        pruner(wrong)


@pytest.mark.parametrize("name", ["efficientvla", "fastv", "sparsevlm", "vla_pruner"])
def test_missing_attention_is_refused(name: str) -> None:
    pruner = build_pruner(name, HOST, **SMALL.get(name, {}))
    with pytest.raises(PolicyError, match=r"needs the attention of decoder layer 0 \(given: 5, 6"):
        pruner(dataclasses.replace(full_inputs(1), attention={5: None, 6: None}))  # type: ignore
    inputs = full_inputs(1)
    seen = inputs.attention[0]
    for wrong in (
        AttentionMap(seen.weights[..., :30], seen.roles),
        AttentionMap(seen.weights[:, 0], seen.roles),
        AttentionMap(seen.weights, seen.roles[:, :4]),
    ):
        with pytest.raises(PolicyError, match="attention of decoder layer 0 has"):
            pruner(dataclasses.replace(inputs, attention={0: wrong}))
    broken = AttentionMap(torch.full_like(seen.weights, torch.nan), seen.roles)
    with pytest.raises(PolicyError, match="not finite"):
        pruner(dataclasses.replace(inputs, attention={0: broken}))


@pytest.mark.parametrize("name", ["lightvla", "topk", "sparsevlm"])
def test_missing_text_is_refused(name: str) -> None:
    arguments = {"score": "text"} if name == "topk" else {}
    pruner = build_pruner(name, HOST, **SMALL.get(name, {}), **arguments)
    inputs = full_inputs(2)
    assert inputs.text is not None and inputs.text_roles is not None
    with pytest.raises(PolicyError, match="needs the other tokens and their roles"):
        pruner(dataclasses.replace(inputs, text=None))
    with pytest.raises(PolicyError, match="other tokens have shape"):
        pruner(dataclasses.replace(inputs, text=inputs.text[..., :3]))
    silent = inputs.text_roles.clone()
    silent[1] = Role.PADDING
    with pytest.raises(PolicyError, match="a row whose other tokens are all padding"):
        pruner(dataclasses.replace(inputs, text_roles=silent))


def test_missing_embeddings_are_refused() -> None:
    pruner = build_pruner("sparsevlm", HOST)
    inputs = full_inputs(1)
    assert inputs.text is not None
    with pytest.raises(PolicyError, match="before decoder layer 0"):
        pruner(dataclasses.replace(inputs, embedded=None))
    with pytest.raises(PolicyError, match="have shapes"):
        pruner(dataclasses.replace(inputs, embedded=(inputs.tokens[:, 1:], inputs.text)))


@pytest.mark.parametrize("name", ["vla_cache", "vla_pruner"])
@pytest.mark.parametrize("slots", [None, (1,), (3, 3)])
def test_a_history_needs_slots(name: str, slots: tuple[int, ...] | None) -> None:
    pruner = build_pruner(name, HOST)
    with pytest.raises(PolicyError, match="one slot number per row, each once"):
        pruner(dataclasses.replace(full_inputs(2), slots=slots))


def test_tokens_of_the_wrong_kind() -> None:
    pruner = build_pruner("dense", HOST)
    with pytest.raises(PolicyError, match=r"must be float \(B, P, D\), not torch.int64 \(1, 32\)"):
        pruner(PrunerInput(torch.zeros(1, 32, dtype=torch.int64), CAMERAS))
    with pytest.raises(PolicyError, match="grids of nothing = 0"):
        pruner(PrunerInput(torch.zeros(1, 32, 4), ()))
    with pytest.raises(PolicyError, match="a token grid of 0 x 3"):
        CameraGrid("wrist", 0, 3)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("gridz", {}, r"unknown pruner 'gridz' \(did you mean 'grids'"),
        ("no.such:Thing", {}, "cannot import 'no.such' for pruner 'no.such:Thing'"),
        ("grids", {"kay": 3}, r"'grids' has no argument 'kay'"),
        ("dense", {"k": 3}, r"'dense' has no argument 'k' \(it takes none\)"),
        ("grids", {"k": 0}, "k must be a whole number from 1, not 0"),
        ("grids", {"k": 2.5}, "k must be a whole number from 1, not 2.5"),
        ("grids", {"k": True}, "k must be a whole number from 1, not True"),
        ("grids", {"k": 13}, "k=13 is more than the 3 x 4 = 12 tokens of camera 'wrist'"),
        ("topk", {"k": 13}, "k=13 is more than"),
        ("fastv", {"k": 13}, "k=13 is more than"),
        ("vla_pruner", {"k": 13}, "k=13 is more than"),
        ("sparsevlm", {"k": 13}, "k=13 is more than"),
        ("efficientvla", {"k": 13}, "k=13 is more than"),
        ("fastv", {"keep": float("nan")}, "keep must be from 0 to 1, not nan"),
        ("fastv", {"keep": 0.0}, "keep must be more than 0"),
        ("fastv", {"keep": 1.1}, "keep must be from 0 to 1, not 1.1"),
        ("fastv", {"layer": 0}, "layer must be a whole number from 1, not 0"),
        ("fastv", {"layer": 8}, r"needs decoder layer 8, the model has 8 \(0 to 7\)"),
        ("vla_pruner", {"action_layer": 9}, "needs decoder layer 9"),
        ("vla_pruner", {"heaviest": "newst"}, "did you mean 'newest'"),
        ("vla_pruner", {"gamma": float("inf")}, "gamma must be from 0 to 1, not inf"),
        ("sparsevlm", {"layers": "2,x"}, "layers must be ascending decoder layers"),
        ("sparsevlm", {"layers": (3, 2)}, "layers must be ascending decoder layers"),
        ("sparsevlm", {"recycle": -0.1}, "recycle must be from 0 to 1"),
        (
            "sparsevlm",
            {"layers": 4, "budget": "mean", "keep": 0.1},
            "cannot keep .* in the mean",
        ),
        ("lightvla_star", {"encoder_dim": 0}, "encoder_dim must be a whole number from 1"),
        ("lightvla_star", {"layer": 1, "dim": 12}, "has queries of width 12, the tokens have"),
        ("lightvla", {"noise": -1}, "noise must be from 0 to inf, not -1"),
        ("lightvla", {"noise": "loud"}, "noise must be from 0 to inf, not 'loud'"),
        ("lightvla_star", {"queries": 0}, "queries must be a whole number from 1"),
        ("topk", {"score": "txt"}, "did you mean 'text'"),
        ("topk", {"score": 3}, "score must be norm or text, not 3"),
        ("topk", {"k": 3, "keep": 0.5}, "k=3 tokens per camera or the share keep=0.5"),
        ("grids", {"convention": None}, "convention must be openpi or core_idea or lerobot"),
        ("grids", {"k": 10**30}, "k must be at most"),
        ("grids", {"layer_norm": "no"}, "layer_norm must be true or false, not 'no'"),
        ("lightvla", {"decay": 0}, "decay must be true or false, not 0"),
        ("vla_pruner", {"per_camera": "false"}, "per_camera must be true or false"),
        ("vla_pruner", {"gamma": 0}, "gamma must be more than 0"),
        ("vla_pruner", {"heaviest": [[]]}, "heaviest must be newest or oldest"),
        ("vla_cache", {"layers": 10**12}, "layers must be at most"),
        ("vla_cache", {"locations": [2.5]}, "locations must be ascending decoder layers"),
        ("os:system", {}, "os has no class 'system'"),
        ("collections:OrderedDict", {}, "collections:OrderedDict is not a pruner"),
        (":Thing", {}, "cannot import '' for pruner ':Thing'"),
    ],
)
def test_wrong_arguments(name: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        build_pruner(name, HOST, **arguments)


@pytest.mark.parametrize("name", ["efficientvla", "fastv", "random", "topk", "uniform"])
def test_a_share_alone_counts(name: str) -> None:
    """A share must not lose against a default number of tokens."""
    pruner = build_pruner(name, HOST, keep=0.25)
    assert pruner(full_inputs(1)).counts.tolist() == [8]


def test_a_class_of_ones_own_is_named_by_its_module() -> None:
    own = build_pruner("gridseval.tokens.pruners.baselines:TopTokens", HOST, k=2)
    assert own(full_inputs(1)).counts.tolist() == [4]


def test_layers_scale_with_the_depth_of_the_decoder() -> None:
    deep = Host(dim=16, layers=32, cameras=CAMERAS, encoder_dim=16)
    assert build_pruner("fastv", deep).place == Place("layer", 2)
    assert build_pruner("vla_pruner", deep).needs.observed == (15,)
    assert [place.layer for place in build_pruner("sparsevlm", deep).places] == [3, 7, 16]
    for layers in range(2, 33):
        host = dataclasses.replace(deep, layers=layers)
        for name in list_pruners():
            build_pruner(name, host, **SMALL.get(name, {}))


def test_positions_and_reuse_of_a_padded_batch() -> None:
    reuse = Reuse(torch.tensor([[2, 0, 1], [1, 2, 0]]), torch.tensor([[0, 2], [0, 1]]))
    assert not reuse.entries(0).any()
    assert reuse.entries(1).tolist() == [[True, False, True], [False, True, False]]
    pruned = build_pruner("lightvla", HOST).eval()(full_inputs(3))
    for row in range(3):
        assert pruned.kept[row].nonzero().flatten().tolist() == kept_of(pruned, row)


def test_a_second_place_must_get_what_the_first_left() -> None:
    pruner = build_pruner("sparsevlm", HOST)
    inputs = full_inputs(1)
    earlier = pruner(inputs)
    with pytest.raises(PolicyError, match="got 32 visual tokens in 1 rows, its earlier place left"):
        pruner(dataclasses.replace(inputs, earlier=earlier))
