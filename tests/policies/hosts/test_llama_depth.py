"""EfficientVLA's other parts in a Llama: layers that are left out, by how little they change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from llama_reference import (
    CAMERAS,
    HOST,
    LAYERS,
    PROMPT,
    VISUAL,
    WIDTH,
    answer,
    decode,
    embeddings,
    llama,
)

from gridseval.errors import PolicyError
from gridseval.policies.hosts.depth import LayerDrop
from gridseval.policies.hosts.host import host_of
from gridseval.policies.hosts.layouts import oft_roles, openvla_roles
from gridseval.policies.hosts.llama import LlamaHooks
from gridseval.policies.hosts.query import QueryContext
from gridseval.tokens.accounting import count_macs, load_model, stage_flops
from gridseval.tokens.accounting.model import saving_steps
from gridseval.tokens.pruners import build_pruner
from gridseval.tokens.pruners.depth import DepthMemory

ROWS = 3


def hooked(model: Any, roles: Any = oft_roles, **arguments: Any) -> Any:
    given = {"layer": 2, "keep": 1.0, "drop_layers": 2, **arguments}
    pruner = build_pruner("efficientvla", host_of(model, CAMERAS), **given).eval()
    return LlamaHooks(model, pruner, CAMERAS, roles, bidirectional=False)


def least(model: Any, embeds: Any, count: int = 2, first: int = 2) -> list[set[int]]:
    """Return which layers of a row change its tokens least, by a plain computation."""
    import torch

    seen: dict[int, Any] = {}

    def note(number: int) -> Any:
        def hook(_: Any, given: Any, made: Any) -> None:
            made = made[0] if isinstance(made, tuple) else made
            length = (given[0].norm(dim=-1) * made.norm(dim=-1)).clamp(min=1e-8)
            seen[number] = 1 - ((given[0] * made).sum(-1) / length).mean(1)

        return hook

    handles = [
        layer.register_forward_hook(note(number)) for number, layer in enumerate(model.model.layers)
    ]
    answer(model, embeds)
    for handle in handles:
        handle.remove()
    changes = torch.stack([seen[number] for number in range(first, LAYERS)], 1)
    return [{first + int(each) for each in row.argsort()[:count]} for row in changes]


def without(gone: set[int]) -> Any:
    import torch

    model = llama()
    layers = [layer for number, layer in enumerate(model.model.layers) if number not in gone]
    for number, layer in enumerate(layers):
        layer.self_attn.layer_idx = number
    model.model.layers = torch.nn.ModuleList(layers)
    model.config.num_hidden_layers = len(layers)
    return model


def ask(hooks: Any, model: Any, embeds: Any, slots: Any) -> Any:
    hooks.begin(QueryContext(slots=slots))
    made = answer(model, embeds)
    hooks.finish()
    return made


def test_the_layers_that_change_least_are_left_out_from_the_second_query_on() -> None:
    import torch

    model, embeds = llama(), embeddings(ROWS, seed=8)
    embeds[1] = embeds[1, :1]  # whose tokens are all alike, so that other layers change them
    dense = answer(model, embeds)
    gone = least(model, embeds)
    assert len(set(map(frozenset, gone))) > 1  # rows differ
    hooks = hooked(model)
    first = ask(hooks, model, embeds, [4, 2, 9])
    assert torch.equal(first[0], dense[0])
    assert not any(hooks.query.dropped)
    later = embeddings(ROWS)
    second = ask(hooks, model, later, [4, 2, 9])
    assert [set(each) for each in hooks.query.dropped] == gone
    for row, layers in enumerate(gone):
        expected = answer(without(layers), later[row : row + 1])
        for ours, theirs in zip(second, expected, strict=True):
            assert torch.allclose(ours[row], theirs[0], atol=1e-5)
    hooks.query.pruner.reset([2])
    ask(hooks, model, later[:2], [2, 9])
    assert [set(each) for each in hooks.query.dropped] == [set(), gone[2]]
    hooks.remove()
    assert not any("forward" in vars(layer) for layer in model.model.layers)
    assert torch.equal(answer(model, embeds)[0], dense[0])


def test_a_layer_that_no_row_needs_does_not_run() -> None:
    model, embeds = llama(), embeddings(1)
    hooks, ran = hooked(model, k=5, keep=None), set[int]()
    for number, layer in enumerate(model.model.layers):
        layer.mlp.register_forward_hook(lambda *_, n=number: ran.add(n))
    ask(hooks, model, embeds, [0])
    assert ran == set(range(LAYERS))
    ran.clear()
    ask(hooks, model, embeds, [0])
    assert ran == set(range(LAYERS)) - hooks.query.dropped[0]
    assert len(ran) == LAYERS - 2


def test_decoding_leaves_the_same_layers_out() -> None:
    import torch

    model, embeds = llama(), embeddings(1, 1 + VISUAL + PROMPT)
    hooks = hooked(model, openvla_roles)
    ask(hooks, model, embeds, [0])
    hooks.begin(QueryContext(slots=[0]))
    (gone,) = least(llama(), embeds)
    short = without(gone)
    with torch.no_grad():
        ours, theirs = (each(inputs_embeds=embeds, use_cache=True) for each in (model, short))
        for token in range(3):
            assert torch.allclose(ours.logits[:, -1], theirs.logits[:, -1], atol=1e-5), token
            ours, theirs = (
                decode(each, torch.tensor([[token]]), before)
                for each, before in ((model, ours), (short, theirs))
            )
    hooks.finish()
    assert set(hooks.query.dropped[0]) == gone


class OldCache:
    """As the one of transformers 4.40.1: it appends, and looks up by the layer's number."""

    def __init__(self) -> None:
        self.key_cache: list[Any] = []
        self.value_cache: list[Any] = []

    def update(self, keys: Any, values: Any, layer: int) -> tuple[Any, Any]:
        import torch

        if len(self.key_cache) <= layer:
            self.key_cache.append(keys)
            self.value_cache.append(values)
        else:
            self.key_cache[layer] = torch.cat([self.key_cache[layer], keys], 1)
            self.value_cache[layer] = torch.cat([self.value_cache[layer], values], 1)
        return self.key_cache[layer], self.value_cache[layer]


def old_layers(count: int) -> list[Any]:
    """Return layers that answer as those of transformers 4.40.1: a tuple, the cache at its end."""
    import torch

    class Layer(torch.nn.Module):
        def __init__(self, number: int) -> None:
            super().__init__()
            self.number, self.share = number, 0.01 if number == 2 else 1.0
            self.mixed = torch.nn.Linear(WIDTH, WIDTH)

        def forward(self, states: Any, past_key_value: Any = None) -> tuple[Any, ...]:
            keys, values = past_key_value.update(states, self.mixed(states), self.number)
            seen = (states @ keys.mT).softmax(-1) @ values
            return states + self.share * seen, past_key_value

    return [Layer(number) for number in range(count)]


def test_caches_and_tuples_of_openvlas_transformers_are_served() -> None:
    """A layer that is left out leaves no gap in a cache that appends; 4.40.1 has such a one."""
    import torch

    torch.manual_seed(0)
    layers, memory = old_layers(5), DepthMemory(1, 1)
    drop = LayerDrop(layers, memory, lambda _: None)

    def run(cache: Any, states: Any, numbers: Any = range(5)) -> Any:
        for number in numbers:
            states, cache = layers[number](states, past_key_value=cache)
        return states

    sequence = torch.randn(1, 9, WIDTH)
    with torch.no_grad():
        drop.enter([0])
        run(OldCache(), sequence[:, :6])
        drop.finish()
        assert memory.dropped(0) == {2}
        drop.begin()
        drop.enter([0])
        cache, shorter = OldCache(), OldCache()
        others = [layer for layer in layers if layer.number != 2]
        ours = [run(cache, sequence[:, :6])]
        ours += [run(cache, sequence[:, place : place + 1]) for place in (6, 7, 8)]
        drop.remove()
        for number, layer in enumerate(others):
            layer.number = number
        theirs = [run(shorter, sequence[:, :6], (0, 1, 3, 4))]
        theirs += [run(shorter, sequence[:, at : at + 1], (0, 1, 3, 4)) for at in (6, 7, 8)]
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"drop_layers": 5}, "cannot leave out 5 of the 4 layers from 2 on"),
        ({"head_interval": 5}, "saves denoising steps, and this model has none"),
        ({"drop_layers": -1}, "drop_layers must be a whole number from 0"),
        ({"head_interval": 0}, "head_interval must be a whole number from 1"),
    ],
)
def test_what_a_llama_cannot_is_refused(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(PolicyError, match=said):
        build_pruner("efficientvla", host_of(llama(), CAMERAS), layer=2, k=4, **arguments)


def test_a_model_that_needs_all_its_layers_is_told() -> None:
    with pytest.raises(PolicyError, match="leaves out decoder layers, and this model needs all"):
        build_pruner("efficientvla", HOST, layer=2, k=4, drop_layers=1)


def test_operations_of_layers_and_steps_that_do_not_run_are_not_counted() -> None:
    oft = load_model("openvla-oft")
    whole, half, none = (
        stage_flops(oft, [(2, 512)], 512, "dense", dropped=frozenset(range(count)))
        for count in (0, 16, 32)
    )
    assert whole - half == pytest.approx(half - none)
    assert none < 0.2 * whole
    pi0 = load_model("pi0")
    assert pi0.expert is not None
    saved = saving_steps(pi0, 5)
    assert saved.expert is not None and saved.expert.steps == 2
    ten, two = (
        count_macs(replace(pi0, expert=replace(pi0.expert, steps=steps, linears=())))
        for steps in (10, 2)
    )
    difference = stage_flops(pi0, [], 512) - stage_flops(saved, [], 512)
    assert difference == pytest.approx(2 * (ten.head - two.head))
    assert saving_steps(pi0, 1) is pi0
