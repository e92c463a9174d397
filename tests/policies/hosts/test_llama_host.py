"""Pruners in a Llama against the same model that masks what they prune."""

from __future__ import annotations

from typing import Any

import pytest

from gridseval.errors import PolicyError
from gridseval.policies.hosts.layouts import oft_roles
from gridseval.policies.hosts.llama import LlamaHooks
from gridseval.policies.openvla_kind.attention import attend_to_both_sides
from gridseval.tokens.pruners import CameraGrid, Host, build_pruner
from gridseval.tokens.pruners.layout import Role

CAMERAS = (CameraGrid("agentview", 4, 4), CameraGrid("wrist", 4, 4))
VISUAL, PROMPT, LAYERS, WIDTH = 32, 7, 6, 48
LENGTH = 1 + VISUAL + 1 + PROMPT + 56 + 1
HOST = Host(WIDTH, LAYERS, CAMERAS, 0)


def llama(attention: str) -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=WIDTH,
        intermediate_size=64,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=40,
        initializer_range=0.2,
        attn_implementation=attention,
    )
    return LlamaForCausalLM(config).eval()


def embeddings(rows: int = 1) -> Any:
    import torch

    return torch.randn(rows, LENGTH, WIDTH, generator=torch.Generator().manual_seed(1))


def answer(model: Any, embeds: Any) -> Any:
    """Return the last hidden states and all logits."""
    import torch

    with torch.no_grad():
        output = model(
            inputs_embeds=embeds,
            attention_mask=torch.ones(embeds.shape[:2], dtype=torch.long),
            output_hidden_states=True,
            return_dict=True,
        )
    return output.hidden_states[-1], output.logits


def masked(model: Any, embeds: Any, hidden: Any, layer: int) -> Any:
    """Return the answer of a model whose layers from ``layer`` on do not see some tokens."""
    import torch

    def hide(_: Any, given: Any, named: dict[str, Any]) -> Any:
        causal = torch.full((LENGTH, LENGTH), torch.finfo(torch.float32).min).triu(1)
        columns = torch.zeros(len(embeds), 1, 1, LENGTH).masked_fill(
            hidden[:, None, None], torch.finfo(torch.float32).min
        )
        return given, {**named, "attention_mask": torch.maximum(causal + columns, causal.min())}

    handles = [
        each.register_forward_pre_hook(hide, with_kwargs=True)
        for each in model.model.layers[layer:]
    ]
    made = answer(model, embeds)
    for handle in handles:
        handle.remove()
    return made


def wanted_by_last(model: Any, embeds: Any, layer: int, count: int) -> Any:
    """Return FastV's choice, bool (B, LENGTH) of what it prunes, from the model's own attention."""
    import torch

    with torch.no_grad():
        weights = model(inputs_embeds=embeds, output_attentions=True, return_dict=True).attentions[
            layer - 1
        ]
    scores = weights.mean(1)[:, -1, 1 : 1 + VISUAL]
    pruned = torch.zeros(embeds.shape[:2], dtype=torch.bool)
    pruned[:, 1 : 1 + VISUAL] = True
    return pruned.scatter(1, 1 + scores.topk(count, 1).indices, False)


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("both_sides", [False, True])
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_fastv_equals_masking_what_it_prunes(attention: str, both_sides: bool, rows: int) -> None:
    import numpy as np
    import torch

    model, eager, embeds = llama(attention), llama("eager"), embeddings(rows)
    if both_sides:
        for each in (model, eager):
            attend_to_both_sides(each, 0)
    dense = answer(model, embeds)
    pruner = build_pruner("fastv", HOST, layer=2, k=4).eval()
    hooks = LlamaHooks(model, pruner, CAMERAS, oft_roles, bidirectional=both_sides)
    states, logits = answer(model, embeds)
    pruned = wanted_by_last(eager, embeds, 2, 8)
    kept = np.concatenate([camera.kept for camera in hooks.trace().cameras])
    assert np.array_equal(kept, ~pruned[0, 1 : 1 + VISUAL].numpy())
    hooks.remove()
    for ours, theirs in zip((states, logits), masked(model, embeds, pruned, 2), strict=True):
        assert torch.allclose(ours[~pruned], theirs[~pruned], atol=2e-5)
    assert not states[pruned].any()
    assert not torch.allclose(states, dense[0], atol=1e-2)
    for before, after in zip(dense, answer(model, embeds), strict=True):
        assert torch.equal(before, after)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_with_everything_kept_it_is_the_unhooked_model_to_the_bit(attention: str) -> None:
    import torch

    model, embeds = llama(attention), embeddings(2)
    dense = answer(model, embeds)
    pruner = build_pruner("fastv", HOST, layer=2, keep=1.0).eval()
    hooks = LlamaHooks(model, pruner, CAMERAS, oft_roles, bidirectional=False)
    for ours, theirs in zip(answer(model, embeds), dense, strict=True):
        assert torch.equal(ours, theirs)
    assert hooks.trace().kept_count == VISUAL


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("lightvla", {}), ("uniform", {"k": 4}), ("topk", {"k": 5}), ("efficientvla", {"k": 10})],
)
def test_others_equal_masking_what_they_prune(name: str, arguments: dict[str, int]) -> None:
    import torch

    model, embeds = llama("sdpa"), embeddings()
    pruner = build_pruner(name, HOST, **arguments).eval()
    hooks = LlamaHooks(model, pruner, CAMERAS, oft_roles, bidirectional=False)
    states, _ = answer(model, embeds)
    hooks.remove()
    pruned = torch.zeros(1, LENGTH, dtype=torch.bool)
    kept = torch.cat([torch.from_numpy(camera.kept) for camera in hooks.trace().cameras])
    pruned[0, 1 : 1 + VISUAL] = ~kept
    assert 0 < kept.sum() < VISUAL
    theirs, _ = masked(model, embeds, pruned, pruner.place.layer)
    assert torch.allclose(states[~pruned], theirs[~pruned], atol=2e-5)


def test_ofts_roles() -> None:
    roles = oft_roles(LENGTH - 1 - VISUAL)
    assert roles[0] == Role.STATE
    assert roles[1 : 1 + PROMPT] == (Role.INSTRUCTION,) * PROMPT
    assert roles[-57:-1] == (Role.ACTION,) * 56
    assert roles[-1] == Role.OTHER


def test_what_cannot_work_is_refused() -> None:
    model = llama("sdpa")
    with pytest.raises(PolicyError, match="needs decoder layer 9, the model has 6"):
        pruner = build_pruner("fastv", Host(WIDTH, 32, CAMERAS, 0), layer=9, k=4)
        LlamaHooks(model, pruner, CAMERAS, oft_roles, bidirectional=False)
    hooks = LlamaHooks(
        model, build_pruner("fastv", HOST, k=4), CAMERAS, oft_roles, bidirectional=False
    )
    with pytest.raises(PolicyError, match="got 1 tokens, and 33 come before the text"):
        answer(model, embeddings()[:, :1])
    with pytest.raises(PolicyError, match="was not asked"):
        hooks.trace()


def tail_of(model: Any, layer: int) -> Any:
    """Return the same model without its first layers: it takes what enters layer ``layer``."""
    import copy

    tail = copy.deepcopy(model)
    tail.model.layers = tail.model.layers[layer:]
    for number, each in enumerate(tail.model.layers):
        each.self_attn.layer_idx = number
    return tail


@pytest.mark.parametrize("both_sides", [False, True])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [("grids", {"k": 3}), ("sparsevlm", {"layers": 2, "keep": 0.25}), ("lightvla", {})],
)
def test_text_goes_on_after_the_positions_that_the_visual_tokens_take(
    name: str, arguments: dict[str, Any], both_sides: bool
) -> None:
    """Tokens made anew are a sequence without gaps; kept ones leave those of what was pruned."""
    import torch

    model, embeds, made = llama("sdpa"), embeddings(), []
    tail = tail_of(model, 2 if name == "sparsevlm" else 0)
    if both_sides:
        for each in (model, tail):
            attend_to_both_sides(each, 0)
    pruner = build_pruner(name, HOST, **arguments).eval()
    pruner.register_forward_hook(lambda *call: made.append((call[1][0], call[2])))
    hooks = LlamaHooks(model, pruner, CAMERAS, oft_roles, bidirectional=both_sides)
    states, _ = answer(model, embeds)
    with torch.no_grad():
        entering = model(
            inputs_embeds=embeds, output_hidden_states=True, use_cache=False
        ).hidden_states[pruner.place.layer]
    hooks.remove()
    _, pruned = made[0]
    count = pruned.tokens.shape[1]
    assert pruned.span == (VISUAL if name == "lightvla" else count)
    text = LENGTH - 1 - VISUAL
    shorter = torch.cat([entering[:, :1], pruned.tokens, entering[:, -text:]], 1)
    places = [0, *(1 + pruned.position_ids[0]), *range(1 + pruned.span, 1 + pruned.span + text)]
    with torch.no_grad():
        theirs = tail(
            inputs_embeds=shorter,
            position_ids=torch.tensor([places]),
            attention_mask=torch.ones(shorter.shape[:2], dtype=torch.long),
            output_hidden_states=True,
            use_cache=False,
        ).hidden_states[-1]
    assert torch.allclose(states[:, -text:], theirs[:, -text:], atol=2e-5)


@pytest.mark.parametrize("both_sides", [False, True])
def test_a_pruner_sees_the_queries_of_all_tokens(both_sides: bool) -> None:
    """FastV's prefill score, LightVLA* and EfficientVLA average over rows before the text, too."""
    import torch

    model, eager, embeds, given = llama("sdpa"), llama("eager"), embeddings(2), []
    if both_sides:
        for each in (model, eager):
            attend_to_both_sides(each, 0)
    pruner = build_pruner("fastv", HOST, layer=2, k=4, scores="prefill").eval()
    pruner.register_forward_hook(lambda *call: given.append((call[1][0], call[2])))
    LlamaHooks(model, pruner, CAMERAS, oft_roles, bidirectional=both_sides)
    answer(model, embeds)
    with torch.no_grad():
        weights = eager(inputs_embeds=embeds, output_attentions=True).attentions[1]
    ((asked, pruned),) = given
    seen = asked.attention[1]
    assert torch.allclose(seen.weights, weights[..., 1 : 1 + VISUAL], atol=1e-6)
    text = oft_roles(LENGTH - 1 - VISUAL)
    roles = [Role.OTHER, *[Role.VISUAL] * VISUAL, *text]
    assert seen.roles.tolist() == [[int(role) for role in roles]] * 2
    before_slots = weights.mean(1)[:, : -56 - 1, 1 : 1 + VISUAL].mean(1)
    expected = before_slots.topk(8, 1).indices.sort(1).values
    assert torch.equal(pruned.indices, expected)


def test_a_mask_of_padding_alone_does_not_show_what_comes_later() -> None:
    """Flash attention gets one, (B, T), and is causal all the same."""
    import torch

    from gridseval.policies.hosts.attention import LayerInput, attention_rows

    model, embeds = llama("eager"), embeddings()
    layer = model.model.layers[0]
    positions = model.model.rotary_emb(embeds, torch.arange(LENGTH)[None])
    here = torch.ones(1, LENGTH, dtype=torch.long)
    here[0, :3] = 0
    for both_sides in (False, True):
        given = LayerInput(
            layer, embeds, {"position_embeddings": positions, "attention_mask": here}
        )
        weights = attention_rows(given, slice(10, None), both_sides)[0, 0]
        later = weights.triu(11)
        assert not weights[:, :3].any()
        assert bool(later.any()) == both_sides


def test_a_second_place_works_on_what_the_first_one_left() -> None:
    """SparseVLM at layers 2 and 4: the positions are given anew twice."""
    import torch

    model, embeds, made = llama("sdpa"), embeddings(), []
    pruner = build_pruner("sparsevlm", HOST, layers=(2, 4), keep=0.25).eval()
    pruner.register_forward_hook(lambda *call: made.append((call[1][0], call[2])))
    hooks = LlamaHooks(model, pruner, CAMERAS, oft_roles, bidirectional=False)
    states, _ = answer(model, embeds)
    hooks.remove()
    (_, first), (second_input, second) = made
    text = LENGTH - 1 - VISUAL
    assert VISUAL > first.span > second.span > 8

    def left(entering: Any, pruned: Any) -> Any:
        return torch.cat([entering[:, :1], pruned.tokens, entering[:, -text:]], 1)

    with torch.no_grad():
        entering = model(inputs_embeds=embeds, output_hidden_states=True).hidden_states[2]
        middle = tail_of(llama("eager"), 2)(
            inputs_embeds=left(entering, first), output_hidden_states=True, output_attentions=True
        )
        last = tail_of(model, 4)(
            inputs_embeds=left(middle.hidden_states[2], second), output_hidden_states=True
        ).hidden_states[-1]
    visual = slice(1, 1 + first.span)
    seen = second_input.attention[3].weights
    assert torch.allclose(seen, middle.attentions[1][:, :, -text:, visual], atol=1e-6)
    assert torch.allclose(second_input.tokens, middle.hidden_states[2][:, visual], atol=2e-5)
    assert torch.allclose(states[:, -text:], last[:, -text:], atol=2e-5)
    assert hooks.trace().kept_count == second.span
