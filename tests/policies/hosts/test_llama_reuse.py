"""VLA-Cache in a Llama against a plain computation that runs everything and overwrites entries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from llama_reference import (
    CAMERAS,
    HOST,
    LENGTH,
    PROMPT,
    VISUAL,
    answer,
    decode,
    embeddings,
    llama,
)

from gridseval.errors import PolicyError
from gridseval.policies.hosts.layouts import oft_roles, openvla_roles
from gridseval.policies.hosts.llama import LlamaHooks
from gridseval.policies.hosts.query import QueryContext
from gridseval.policies.openvla_kind.attention import attend_to_both_sides
from gridseval.tokens.pruners import build_pruner

ARGUMENTS: dict[str, Any] = {
    "static": 14,
    "relevant": 2,
    "relevance_layer": 3,
    "locations": "1,2,4",
    "growth": 1.0,
}


def hooked(model: Any, roles: Any = oft_roles, both_sides: bool = False, **arguments: Any) -> Any:
    pruner = build_pruner("vla_cache", HOST, **{**ARGUMENTS, **arguments}).eval()
    return LlamaHooks(model, pruner, CAMERAS, roles, bidirectional=both_sides)


def films(rows: int, queries: int = 4, length: int = LENGTH) -> list[tuple[Any, Any]]:
    """Return embeddings and pixels of each query; row after row more patches change."""
    import torch

    rng = np.random.default_rng(4)
    pixels = rng.uniform(0, 1, (rows, 2, 8, 8, 3)).astype(np.float32)
    base, made = embeddings(rows, length), []
    for number in range(queries):
        made.append((base + 0.2 * embeddings(rows, length, 9 + number), torch.tensor(pixels)))
        for row in range(rows):
            for _ in range(5 * row + 2):
                camera, y, x = rng.integers(0, (2, 4, 4))
                pixels[row, camera, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2] = rng.uniform(
                    0, 1, (2, 2, 3)
                )
    return made


@dataclass
class Plain:
    """Runs all tokens through all layers, and overwrites the reused ones' keys and values."""

    model: Any
    both_sides: bool = False
    entries: dict[tuple[int, int], Any] = field(default_factory=dict)
    weights: dict[int, Any] = field(default_factory=dict)

    def run(self, embeds: Any, reuse: Any, slots: Any, there: Any = None) -> Any:
        """Return the last hidden states, (B, L, width)."""
        import torch

        decoder, states = self.model.model, embeds
        length = embeds.shape[1]
        positions = torch.arange(length)[None]
        cos, sin = decoder.rotary_emb(embeds, position_ids=positions)
        seen = torch.ones(length, length, dtype=torch.bool)
        seen = (seen if self.both_sides else seen.tril()).expand(len(embeds), 1, -1, -1)
        seen = seen if there is None else seen & there[:, None, None]
        for number, layer in enumerate(decoder.layers):
            attention, normed = layer.self_attn, layer.input_layernorm(states)

            def heads(made: Any, size: int = attention.head_dim) -> Any:
                return made.view(*made.shape[:2], -1, size).transpose(1, 2)

            def turned(made: Any) -> Any:
                first, second = made.chunk(2, -1)
                return made * cos[:, None] + torch.cat([-second, first], -1) * sin[:, None]

            q, k = turned(heads(attention.q_proj(normed))), turned(heads(attention.k_proj(normed)))
            v = heads(attention.v_proj(normed))
            chosen = reuse.entries(number)
            for row, slot in enumerate(slots):
                for token in torch.nonzero(chosen[row]).flatten().tolist():
                    keys, values = self.entries[slot, number]
                    k[row, :, 1 + token], v[row, :, 1 + token] = keys[:, token], values[:, token]
                visual = slice(1, 1 + VISUAL)
                kept = k[row, :, visual].clone(), v[row, :, visual].clone()
                self.entries[slot, number] = kept
            k, v = (each.repeat_interleave(q.shape[1] // k.shape[1], 1) for each in (k, v))
            scores = (q @ k.mT / attention.head_dim**0.5).masked_fill(~seen, -torch.inf)
            self.weights[number] = scores.softmax(-1)
            mixed = (self.weights[number] @ v).transpose(1, 2).flatten(2)
            states = states + attention.o_proj(mixed)
            states = states + layer.mlp(layer.post_attention_layernorm(states))
        return decoder.norm(states)


def reuse_of(hooks: LlamaHooks) -> Any:
    assert hooks.query.pruned is not None
    return hooks.query.pruned.reuse


def running(reuse: Any, length: int = LENGTH) -> Any:
    """Return bool (B, length): the places that run to the end."""
    import torch

    left = torch.ones(len(reuse.counts), length, dtype=torch.bool)
    left[:, 1 : 1 + VISUAL] = ~reuse.entries(5)
    return left


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("both_sides", [False, True])
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_reuse_is_overwriting_keys_and_values(attention: str, both_sides: bool, rows: int) -> None:
    import torch

    model = llama(attention)
    if both_sides:
        attend_to_both_sides(model, 0)
    dense = [answer(model, embeds) for embeds, _ in films(rows)]
    hooks, plain = hooked(model, both_sides=both_sides), Plain(llama(), both_sides)
    counts = []
    for embeds, pixels in films(rows):
        hooks.begin(QueryContext(slots=range(rows), pixels=pixels))
        states, logits = answer(model, embeds)
        traces = hooks.finish()
        reuse = reuse_of(hooks)
        with torch.no_grad():
            expected = plain.run(embeds, reuse, range(rows))
        left = running(reuse)
        assert torch.allclose(states[left], expected[left], atol=1e-4)
        assert torch.allclose(logits[left], model.lm_head(expected)[left], atol=1e-4)
        assert not states[~left].any()
        assert [trace.kept_count for trace in traces] == [VISUAL] * rows
        ran = [tuple(VISUAL - reuse.counts[:, layer]) for layer, _ in hooks.query.counts]
        assert ran == [tuple(count) for _, count in hooks.query.counts]
        counts.append(reuse.counts)
        for layer, found in hooks.query.maps.items():
            there = found.roles > 0
            of_layer = (
                ~torch.cat([torch.zeros(rows, 1).bool(), reuse.entries(layer)], 1),
                torch.ones(rows, LENGTH - 1 - VISUAL, dtype=torch.bool),
            )
            ran_there = torch.cat(of_layer, 1)
            for row in range(rows):
                whole = plain.weights[layer][row].mean(0)[ran_there[row], 1 : 1 + VISUAL]
                assert torch.allclose(found.weights[row, 0, there[row]], whole, atol=1e-4)
    assert not counts[0].any()
    assert all(int(count.max()) >= 4 for count in counts[1:])
    assert rows == 1 or all(len(set(count[:, 5].tolist())) > 1 for count in counts[1:])
    hooks.remove()
    for (embeds, _), before in zip(films(rows), dense, strict=True):
        for ours, theirs in zip(answer(model, embeds), before, strict=True):
            assert torch.equal(ours, theirs)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_decoding_looks_at_the_whole_cache(attention: str) -> None:
    import torch

    model, length, steps = llama(attention), 1 + VISUAL + PROMPT, 3
    hooks, plain = hooked(model, openvla_roles), Plain(llama())
    for embeds, pixels in films(2, length=length):
        hooks.begin(QueryContext(slots=[5, 7], pixels=pixels))
        with torch.no_grad():
            output = model(inputs_embeds=embeds, use_cache=True)
            cache = getattr(output, "cache", None) or output.past_key_values
            assert "update" not in getattr(cache, "__dict__", {})
            given, whole = [output.logits[:, -1]], embeds
            for _ in range(steps):
                tokens = given[-1].argmax(-1, keepdim=True)
                whole = torch.cat([whole, model.get_input_embeddings()(tokens)], 1)
                output = decode(model, tokens, output)
                given.append(output.logits[:, -1])
            hooks.finish()
            expected = model.lm_head(plain.run(whole, reuse_of(hooks), [5, 7]))
        for step, ours in enumerate(given):
            assert torch.allclose(ours, expected[:, length - 1 + step], atol=1e-4), step
    assert int(reuse_of(hooks).counts.max()) >= 6
    assert hooks.query.maps[5].weights.shape[3] == VISUAL


def test_rows_with_padding_answer_as_alone() -> None:
    import torch

    model = llama()
    hooks, alone = hooked(model), hooked(llama(), lambda length: oft_roles(length + 3)[:length])
    mask = torch.ones(2, LENGTH, dtype=torch.long)
    mask[1, -3:] = 0
    single = alone._decoder
    for embeds, pixels in films(2):
        hooks.begin(QueryContext(slots=[0, 1], pixels=pixels))
        states, _ = answer(model, embeds, mask)
        hooks.finish()
        alone.begin(QueryContext(slots=[1], pixels=pixels[1:]))
        with torch.no_grad():
            expected = single(inputs_embeds=embeds[1:, :-3]).last_hidden_state
        alone.finish()
        assert torch.equal(reuse_of(hooks).counts[1:], reuse_of(alone).counts)
        assert torch.allclose(states[1, :-3], expected[0], atol=1e-4)
    assert int(reuse_of(alone).counts.max()) > 0


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("use_cache", [False, True])
def test_nothing_reusable_is_the_unhooked_model_to_the_bit(attention: str, use_cache: bool) -> None:
    import torch

    model = llama(attention)
    for number, (embeds, pixels) in enumerate(films(2)):
        with torch.no_grad():
            dense = model(inputs_embeds=embeds, use_cache=use_cache).logits
        if number == 0:
            hooks = hooked(model, threshold=1.0, static=1, relevant=16)
            pruner = hooks.query.pruner
        else:
            hooks = LlamaHooks(model, pruner, CAMERAS, oft_roles, bidirectional=False)
        hooks.begin(QueryContext(slots=[0, 1], pixels=pixels))
        with torch.no_grad():
            ours = model(inputs_embeds=embeds, use_cache=use_cache).logits
        hooks.finish()
        hooks.remove()
        assert not reuse_of(hooks).counts.any()
        assert torch.equal(ours, dense)


def test_a_new_episode_forgets_and_other_slots_go_on() -> None:
    import torch

    model = llama()
    hooks, fresh = hooked(model), llama()
    other = hooked(fresh)
    (first, one), (second, two), (third, three) = films(2, 3)
    for embeds, pixels in ((first, one), (second, two)):
        hooks.begin(QueryContext(slots=[3, 4], pixels=pixels))
        answer(model, embeds)
        hooks.finish()
    hooks.query.pruner.reset([4])
    hooks.begin(QueryContext(slots=[3, 4], pixels=three))
    states, _ = answer(model, third)
    hooks.finish()
    other.begin(QueryContext(slots=[4], pixels=three[1:]))
    expected, _ = answer(fresh, third[1:])
    counts = reuse_of(hooks).counts
    assert counts[0].any() and not counts[1].any()
    assert torch.allclose(states[1], expected[0], atol=1e-4)


def test_a_query_that_breaks_off_leaves_the_cache_its_own_update() -> None:
    import torch
    from transformers import DynamicCache

    model = llama()
    hooks = hooked(model)
    (embeds, pixels), *_ = films(1)

    def fail(*_: Any) -> None:
        raise RuntimeError

    handle = model.model.layers[3].mlp.register_forward_hook(fail)
    cache = DynamicCache()
    hooks.begin(QueryContext(slots=[0], pixels=pixels))
    with torch.no_grad(), pytest.raises(RuntimeError):
        model.model(inputs_embeds=embeds, use_cache=True, **{cache_name(model): cache})
    handle.remove()
    assert "update" not in getattr(cache, "__dict__", {})


def cache_name(model: Any) -> str:
    import inspect

    taken = inspect.signature(type(model.model).forward).parameters
    return "cache" if "cache" in taken else "past_key_values"


def test_flash_attention_is_refused() -> None:
    model = llama()
    model.config._attn_implementation_internal = "flash_attention_2"
    with pytest.raises(PolicyError, match="flash attention takes no mask"):
        hooked(model)


def test_the_share_of_a_layer_is_that_of_the_prompts_pass() -> None:
    """The authors' code takes the attention of its first step, ``attentions[0]``."""
    import torch

    length, shares = 1 + VISUAL + PROMPT, []
    ((embeds, pixels), *_) = films(1, 1, length)
    for steps in (0, 5):
        model = llama()
        hooks = hooked(model, openvla_roles)
        hooks.begin(QueryContext(slots=[0], pixels=pixels))
        with torch.no_grad():
            output = model(inputs_embeds=embeds, use_cache=True)
            for token in range(steps):
                output = decode(model, torch.tensor([[token]]), output)
        hooks.finish()
        shares.append(hooks.query.pruner._looks.newest_first(0)[0].shares)
    assert torch.allclose(*shares, atol=1e-6)
