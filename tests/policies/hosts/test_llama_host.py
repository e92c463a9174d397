"""Pruners in a Llama against the same model that masks what they prune."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from llama_reference import (
    CAMERAS,
    HOST,
    LAYERS,
    LENGTH,
    PROMPT,
    VISUAL,
    WIDTH,
    Recorded,
    answer,
    decode,
    embeddings,
    llama,
    masked,
    places_left,
)

from gridseval.errors import PolicyError
from gridseval.policies.hosts.layouts import oft_roles, openvla_roles
from gridseval.policies.hosts.llama import LlamaHooks
from gridseval.policies.hosts.query import QueryContext
from gridseval.policies.openvla_kind.attention import attend_to_both_sides
from gridseval.tokens.pruners import Host, build_pruner, list_pruners
from gridseval.tokens.pruners.layout import Role

IN_THE_DECODER: dict[str, dict[str, Any]] = {
    "dense": {},
    "efficientvla": {"k": 10, "layer": 2},
    "fastv": {"k": 4, "layer": 2},
    "flashvla": {"k": 5, "layer": 2},
    "grids": {"k": 4},
    "lightvla": {},
    "lightvla_star": {"layer": 1, "queries": 12},
    "random": {"k": 5},
    "sparsevlm": {"layers": "2,3,5", "k": 3},
    "topk": {"k": 5},
    "uniform": {"k": 4},
    "vla_cache": {"locations": "1,3", "relevance_layer": 4, "static": 12, "relevant": 4},
    "vla_pruner": {"layer": 2, "action_layer": 4, "k": 4, "window": 1},
}
"""A pruner, and arguments that fit six layers."""


def hooked(model: Any, name: str, both_sides: bool = False, **arguments: Any) -> Any:
    """Return hooks with a pruner, and what is noted of it."""
    import torch

    torch.manual_seed(3)
    pruner = build_pruner(name, HOST, **arguments).eval()
    noted = Recorded(pruner)
    return LlamaHooks(model, pruner, CAMERAS, oft_roles, bidirectional=both_sides), noted


def context(rows: int) -> QueryContext:
    import torch

    return QueryContext(
        slots=range(rows),
        generators=[torch.Generator().manual_seed(row) for row in range(rows)],
        pixels=torch.rand(rows, 2, 8, 8, 3, generator=torch.Generator().manual_seed(0)),
    )


def test_every_pruner_is_tried() -> None:
    assert {*IN_THE_DECODER, "sp_vla"} == set(list_pruners())  # sp_vla works at the encoder


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("both_sides", [False, True])
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("name", IN_THE_DECODER)
def test_each_equals_masking_what_it_prunes(
    name: str, attention: str, both_sides: bool, rows: int
) -> None:
    import torch

    model, embeds = llama(attention), embeddings(rows)
    if both_sides:
        attend_to_both_sides(model, 0)
    dense = answer(model, embeds)
    hooks, noted = hooked(model, name, both_sides, **IN_THE_DECODER[name])
    for _ in range(2):  # VLA-Pruner's first query keeps everything
        noted.returned.clear()
        hooks.begin(context(rows))
        states, logits = answer(model, embeds)
        traces = hooks.finish()
    hooks.remove()
    assert len(traces) == rows
    last = noted.returned[-1]
    assert [trace.kept_count for trace in traces] == last.counts.tolist()
    layers = [place.layer for place in hooks.query.pruner.places]
    expected = masked(
        model, embeds, dict(zip(layers, noted.returned, strict=True)), both_sides=both_sides
    )
    left = places_left(last)
    if last.reuse is not None:  # the same query again: what it reuses is what it would compute
        left[:, 1 : 1 + VISUAL] = ~last.reuse.entries(LAYERS - 1)
    for ours, theirs in zip((states, logits), expected, strict=True):
        assert torch.allclose(ours[left], theirs[left], atol=1e-4)
    if name != "dense":
        assert not left.all()
        assert not states[~left].any()
        assert not torch.allclose(states, dense[0], atol=1e-2)
    for before, after in zip(dense, answer(model, embeds), strict=True):
        assert torch.equal(before, after)


def test_rows_with_unequal_counts_are_what_each_is_alone() -> None:
    import torch

    model, embeds = llama(), embeddings(3)
    _, noted = hooked(model, "lightvla")
    states, _ = answer(model, embeds)
    assert len(set(noted.returned[-1].counts.tolist())) > 1
    for row in range(3):
        alone, _ = answer(model, embeds[row : row + 1])
        assert torch.allclose(alone[0], states[row], atol=1e-4)


@pytest.mark.parametrize("name", IN_THE_DECODER)
def test_the_pruner_sees_the_models_own_attention(name: str) -> None:
    """What is computed again for it equals what transformers gives with output_attentions."""
    import torch

    model, embeds = llama(), embeddings(2)
    hooks, noted = hooked(model, name, **IN_THE_DECODER[name])
    hooks.begin(context(2))
    answer(model, embeds)
    (given, *_) = noted.given
    maps = {**given.attention, **hooks.query.maps}
    hooks.remove()
    with torch.no_grad():
        output = llama("eager")(
            inputs_embeds=embeds, output_attentions=True, output_hidden_states=True
        )
    first = hooks.query.pruner.place.layer
    assert torch.allclose(given.tokens, output.hidden_states[first][:, 1 : 1 + VISUAL], atol=1e-4)
    assert torch.allclose(given.text, output.hidden_states[first][:, 1 + VISUAL :], atol=1e-4)
    assert torch.equal(given.embedded[0], embeds[:, 1 : 1 + VISUAL])
    for layer, found in maps.items():
        if found.weights.shape[3] != VISUAL:
            continue  # after a place; masking covers those
        whole = output.attentions[layer]
        rows = whole[:, :, -found.weights.shape[2] :]
        if found.weights.shape[1] == 1:
            rows = rows.mean(1, keepdim=True)
        assert torch.allclose(found.weights, rows[..., 1 : 1 + VISUAL], atol=1e-5)
        if found.entropy is not None:
            p = rows.mean(1).double()
            plogp = torch.where(p > 0, p * p.log(), 0.0)
            assert torch.allclose(found.entropy.double(), -plogp.sum(-1), atol=1e-4)


def test_flashvla_gets_what_the_models_attention_adds() -> None:
    import torch

    model, embeds, added = llama(), embeddings(2), []
    handle = model.model.layers[1].self_attn.register_forward_hook(
        lambda _, __, made: added.append(made[0])
    )
    hooks, noted = hooked(model, "flashvla", layer=2, k=4)
    answer(model, embeds)
    hooks.remove()
    handle.remove()
    (given,) = noted.given
    assert list(given.outputs) == [1]
    assert torch.equal(given.outputs[1], added[0][:, 1 : 1 + VISUAL])
    assert not hooks.query.maps  # and no attention is computed for it


KEEPING_ALL: dict[str, dict[str, Any]] = {
    "dense": {},
    **{name: {"keep": 1.0} for name in ("efficientvla", "fastv", "flashvla", "random", "topk")},
    "sparsevlm": {"keep": 1.0, "recycle": 0.0, "layers": "2,3"},
    "uniform": {"keep": 1.0},
    "vla_pruner": {"keep": 1.0, "layer": 2, "action_layer": 4, "window": 1},
}
"""Pruners that can keep everything, and how; VLA-Cache, which reuses nothing then, has its own."""


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("name", KEEPING_ALL)
def test_with_everything_kept_it_is_the_unhooked_model_to_the_bit(
    name: str, attention: str
) -> None:
    import torch

    model, embeds = llama(attention), embeddings(2)
    dense = answer(model, embeds)
    hooks, _ = hooked(model, name, **KEEPING_ALL[name])
    for _ in range(2):
        hooks.begin(context(2))
        for ours, theirs in zip(answer(model, embeds), dense, strict=True):
            assert torch.equal(ours, theirs)
        assert [trace.kept_count for trace in hooks.finish()] == [VISUAL, VISUAL]


@pytest.mark.parametrize("name", ["fastv", "vla_pruner"])
def test_with_everything_kept_decoding_is_the_unhooked_models_to_the_bit(name: str) -> None:
    import torch

    embeds, logits = embeddings(2, 1 + VISUAL + PROMPT), dict[bool, list[Any]]()
    for pruned in (False, True):
        model = llama()
        if pruned:
            pruner = build_pruner(name, HOST, **KEEPING_ALL[name]).eval()
            hooks = LlamaHooks(model, pruner, CAMERAS, openvla_roles, bidirectional=False)
            hooks.begin(context(2))
        with torch.no_grad():
            output = model(inputs_embeds=embeds, use_cache=True)
            logits[pruned] = [output.logits]
            for token in range(3):
                output = decode(model, torch.tensor([[token], [token + 4]]), output)
                logits[pruned].append(output.logits)
    hooks.finish()
    for ours, theirs in zip(logits[True], logits[False], strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("name", IN_THE_DECODER)
def test_decoding_after_a_prompt_equals_masking(name: str, attention: str) -> None:
    """Layers have caches of two or more lengths; positions go on from the prompt's."""
    import torch

    model, rows, steps = llama(attention), 2, 4
    pruner = build_pruner(name, HOST, **IN_THE_DECODER[name]).eval()
    noted = Recorded(pruner)
    length = 1 + VISUAL + PROMPT
    embeds = embeddings(rows, length)
    hooks = LlamaHooks(model, pruner, CAMERAS, openvla_roles, bidirectional=False)
    for _ in range(2):
        noted.returned.clear()
        hooks.begin(context(rows))
        with torch.no_grad():
            output = model(inputs_embeds=embeds, use_cache=True)
            ours, whole = [output.logits[:, -1]], embeds
            for _ in range(steps):
                tokens = ours[-1].argmax(-1, keepdim=True)
                whole = torch.cat([whole, model.get_input_embeddings()(tokens)], 1)
                output = decode(model, tokens, output)
                ours.append(output.logits[:, -1])
        hooks.finish()
    observed = dict(hooks.query.maps)
    hooks.remove()
    layers = [place.layer for place in pruner.places]
    pruned = dict(zip(layers, noted.returned, strict=True))
    _, logits = masked(model, whole, pruned)
    for step, given in enumerate(ours):
        assert torch.allclose(given, logits[:, length - 1 + step], atol=1e-4), step
    for layer in pruner.needs.observed:
        action = (observed[layer].roles & int(Role.ACTION)) > 0
        later = steps if pruner.needs.later else 0  # VLA-Cache goes by the prompt's pass alone
        assert action.sum(1).tolist() == [1 + later] * rows
        assert (observed[layer].roles[:, -later:] == int(Role.ACTION)).all() or not later


def test_decoding_rows_are_the_models_attention() -> None:
    import torch

    model, eager, steps = llama(), llama("eager"), 3
    length = 1 + VISUAL + PROMPT
    embeds = embeddings(1, length)
    pruner = build_pruner("vla_pruner", HOST, **IN_THE_DECODER["vla_pruner"]).eval()
    hooks = LlamaHooks(model, pruner, CAMERAS, openvla_roles, bidirectional=False)
    hooks.begin(context(1))
    tokens = torch.tensor([[5], [7], [9]])
    with torch.no_grad():
        output = model(inputs_embeds=embeds, use_cache=True)
        for token in tokens:
            output = decode(model, token[None], output)
        whole = torch.cat([embeds, model.get_input_embeddings()(tokens.T)], 1)
        expected = eager(inputs_embeds=whole, output_attentions=True).attentions[4]
    found = hooks.query.maps[4].weights[:, :, -steps:]
    assert torch.allclose(found, expected[:, :, -steps:, 1 : 1 + VISUAL], atol=1e-5)


@pytest.mark.parametrize("name", ["fastv", "lightvla", "grids"])
def test_prompts_of_unequal_lengths_are_padded_on_the_left_or_right(name: str) -> None:
    """A row with padding answers as it would alone."""
    import torch

    model, embeds = llama(), embeddings(2)
    hooks, _ = hooked(model, name, **IN_THE_DECODER[name])
    mask = torch.ones(2, LENGTH, dtype=torch.long)
    mask[1, -3:] = 0
    hooks.begin(context(2))
    states, _ = answer(model, embeds, mask)
    hooks.remove()

    def roles(length: int) -> Any:
        return oft_roles(length + 3)[:length]

    pruner = hooks.query.pruner
    alone = LlamaHooks(model, pruner, CAMERAS, roles, bidirectional=False)
    alone.begin(context(1))
    expected, _ = answer(model, embeds[1:, :-3])
    assert torch.allclose(states[1, :-3], expected[0], atol=1e-4)


def test_a_pruner_at_the_encoder_leaves_its_tokens_out_of_the_decoder() -> None:
    import torch

    torch.manual_seed(6)
    model, projector = llama(), torch.nn.Sequential(torch.nn.Linear(20, WIDTH), torch.nn.GELU())
    features, text = torch.randn(2, VISUAL, 20), embeddings(2)
    host = Host(WIDTH, LAYERS, CAMERAS, 20)
    pruner = build_pruner("lightvla_star", host, queries=14).eval()
    noted = Recorded(pruner)

    def embed() -> Any:
        with torch.no_grad():
            made = projector(features)
        return torch.cat([text[:, :1], made, text[:, 1 + VISUAL :]], 1)

    dense = embed()
    hooks = LlamaHooks(model, pruner, CAMERAS, oft_roles, bidirectional=False, projector=projector)
    states, _ = answer(model, embed())
    traces = hooks.finish()
    hooks.remove()
    (made,) = noted.returned
    assert len(set(made.counts.tolist())) > 1
    assert max(trace.kept_count for trace in traces) <= 14
    kept = torch.zeros(2, LENGTH, dtype=torch.bool)
    kept[:, 1 : 1 + VISUAL] = made.kept
    kept[:, :1] = kept[:, 1 + VISUAL :] = True
    whole = type(made)(
        tokens=dense[:, 1 : 1 + VISUAL].gather(
            1, made.position_ids[..., None].expand(-1, -1, WIDTH)
        ),
        position_ids=made.position_ids,
        mask=made.mask,
        indices=made.indices,
        cameras=CAMERAS,
    )
    expected, _ = masked(model, dense, {0: whole})
    assert torch.allclose(states[kept], expected[kept], atol=1e-4)
    assert torch.equal(embed(), dense)


def test_roles() -> None:
    roles = oft_roles(LENGTH - 1 - VISUAL)
    assert roles[0] == Role.STATE
    assert roles[1 : 1 + PROMPT] == (Role.INSTRUCTION,) * PROMPT
    assert roles[-57:-1] == (Role.ACTION,) * 56
    assert roles[-1] == Role.OTHER
    assert openvla_roles(3) == (
        Role.INSTRUCTION,
        Role.INSTRUCTION,
        Role.INSTRUCTION | Role.ACTION,
    )


def test_fastv_keeps_what_the_models_own_attention_ranks_first() -> None:
    import torch

    model, embeds = llama(), embeddings()
    hooks, _ = hooked(model, "fastv", layer=2, k=4)
    answer(model, embeds)
    (trace,) = hooks.finish()
    with torch.no_grad():
        weights = llama("eager")(inputs_embeds=embeds, output_attentions=True).attentions[1]
    best = weights.mean(1)[0, -1, 1 : 1 + VISUAL].topk(8).indices
    kept = np.concatenate([camera.kept for camera in trace.cameras])
    assert set(np.flatnonzero(kept)) == set(best.tolist())


def test_what_cannot_work_is_refused() -> None:
    model = llama()
    with pytest.raises(PolicyError, match="needs decoder layer 9, the model has 6"):
        pruner = build_pruner("fastv", Host(WIDTH, 32, CAMERAS, 0), layer=9, k=4)
        LlamaHooks(model, pruner, CAMERAS, oft_roles, bidirectional=False)
    with pytest.raises(PolicyError, match="works on the vision encoder's features"):
        pruner = build_pruner("lightvla_star", HOST, encoder_dim=20)
        LlamaHooks(model, pruner, CAMERAS, oft_roles, bidirectional=False)
    hooks, _ = hooked(model, "fastv", k=4)
    with pytest.raises(PolicyError, match="got 1 tokens, and 33 come before the text"):
        answer(model, embeddings()[:, :1])
    with pytest.raises(PolicyError, match="was not asked"):
        hooks.finish()
    hooks.remove()
    hooks, _ = hooked(model, "random", k=4)
    with pytest.raises(PolicyError, match="needs 1 random generators"):
        answer(model, embeddings())
    hooks.remove()
    hooks, _ = hooked(model, "vla_cache", **IN_THE_DECODER["vla_cache"])
    with pytest.raises(PolicyError, match="needs the model's input images"):
        answer(model, embeddings())
