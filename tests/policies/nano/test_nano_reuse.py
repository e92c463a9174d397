"""VLA-Cache in nano against a plain computation that runs everything and overwrites entries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from test_nano_model import TEXTS
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from gridseval.errors import PolicyError
from gridseval.policies.nano import NanoConfig, PrunerChoice
from gridseval.policies.nano.checkpoint import new_nano
from gridseval.policies.nano.cost import nano_flops
from gridseval.policies.nano.layers import rotate, rotation_of
from gridseval.policies.nano.model import NanoInput, NanoModel, NanoOutput
from gridseval.policies.nano.policy import NanoPolicy
from gridseval.policies.nano.words import hash_words, pad_words
from gridseval.suites import Episode
from gridseval.tokens.pruners.entropy import entropy_of

Small = Callable[..., NanoConfig]
REUSE: dict[str, Any] = {
    "static": 14,
    "relevant": 2,
    "relevance_layer": 2,
    "locations": "1,3,4",
    "growth": 1.0,
}


def frames(config: NanoConfig, rows: int = 3, queries: int = 4, moved: int = 6) -> list[Tensor]:
    """Return images of each query, uint8 (rows, cameras, px, px, 3); row after row more moves."""
    rng = np.random.default_rng(2)
    px, cell = config.image_px, config.image_px // config.grid
    image = rng.integers(0, 256, (rows, len(config.cameras), px, px, 3), np.uint8)
    made = []
    for _ in range(queries):
        made.append(torch.from_numpy(image.copy()))
        for row in range(rows):
            for _ in range(moved * row):
                camera, y, x = rng.integers(0, (len(config.cameras), config.grid, config.grid))
                part = image[row, camera, y * cell : (y + 1) * cell, x * cell : (x + 1) * cell]
                part[:] = rng.integers(0, 256, part.shape)
    return made


def query(
    config: NanoConfig, images: Tensor, number: int = 0, rows: Sequence[int] | None = None
) -> NanoInput:
    rows = range(len(images)) if rows is None else rows
    words = [hash_words(TEXTS[row], config.words, config.buckets) for row in rows]
    state = np.random.default_rng(number).normal(size=(3, 8)).astype(np.float32)
    return NanoInput(
        images=images[list(rows)],
        words=torch.from_numpy(pad_words(words)),
        state=torch.from_numpy(state)[list(rows)],
        slots=list(rows),
    )


@dataclass
class Plain:
    """Runs all tokens through all layers, and overwrites the reused ones' keys and values."""

    model: NanoModel
    entries: dict[tuple[int, int], tuple[Tensor, Tensor]] = field(default_factory=dict)
    weights: dict[int, Tensor] = field(default_factory=dict)

    def run(self, inputs: NanoInput, output: NanoOutput) -> Tensor:
        """Return actions, (B, chunk, 7)."""
        model, config, reuse = self.model, self.model.config, output.pruned.reuse
        visual = model.projector(model.encode(inputs))
        visual = visual + (model.camera[:, None] + model.position).flatten(0, 1)
        other, _ = model.embed(inputs)
        dense = visual.shape[1]
        tokens = torch.cat([visual, other], 1)
        words = inputs.words.shape[1]
        positions = torch.cat([torch.arange(dense), model.positions(words, dense)])
        turn = rotation_of(positions.expand(len(tokens), -1), config.head_dim)
        there = torch.ones(tokens.shape[:2], dtype=torch.bool)
        there[:, dense : dense + words] = inputs.words[..., 0] > 0
        for number, layer in enumerate(model.layers):
            normed = layer.attention_norm(tokens)

            def split(made: Tensor) -> Tensor:
                return made.view(*made.shape[:2], -1, config.head_dim).transpose(1, 2)

            q, k, v = split(layer.q(normed)), split(layer.k(normed)), split(layer.v(normed))
            q, k = rotate(q, turn), rotate(k, turn)
            reused = torch.zeros(len(k), dense, dtype=torch.bool)
            if reuse is not None:
                reused = reuse.entries(number)
            for row in range(len(k)):
                for token in torch.nonzero(reused[row]).flatten().tolist():
                    keys, values = self.entries[inputs.slots[row], number]
                    k[row, :, token], v[row, :, token] = keys[:, token], values[:, token]
                self.entries[inputs.slots[row], number] = (
                    k[row, :, :dense].clone(),
                    v[row, :, :dense].clone(),
                )
            shared = config.heads // config.kv_heads
            k, v = k.repeat_interleave(shared, 1), v.repeat_interleave(shared, 1)
            scores = (q @ k.mT / config.head_dim**0.5).masked_fill(
                ~there[:, None, None], -torch.inf
            )
            self.weights[number] = scores.softmax(-1)
            mixed = (self.weights[number] @ v).transpose(1, 2).flatten(2)
            tokens = tokens + layer.out(mixed)
            normed = layer.mlp_norm(tokens)
            tokens = tokens + layer.down(
                torch.nn.functional.silu(layer.gate(normed)) * layer.up(normed)
            )
        actions: Tensor = model.head(model.norm(tokens[:, -config.chunk :]))
        return actions


def reused(output: NanoOutput) -> list[list[int]]:
    """Return how many tokens each row does not compute, layer by layer."""
    assert output.pruned.reuse is not None
    return output.pruned.reuse.counts.tolist()


@pytest.mark.parametrize("order", ["index", "similarity"])
def test_reuse_is_overwriting_keys_and_values(small: Small, order: str) -> None:
    config = small("vla_cache", order=order, **REUSE)
    model = new_nano(config, seed=3)
    plain = Plain(model)
    seen: list[set[tuple[int, ...]]] = []
    with torch.inference_mode():
        for number, images in enumerate(frames(config)):
            inputs = query(config, images, number)
            output = model(inputs)
            expected = plain.run(inputs, output)
            assert torch.allclose(output.actions, expected, atol=1e-5), number
            seen.append({tuple(row) for row in reused(output)})
    assert seen[0] == {(0,) * 6}
    assert all(len(rows) > 1 for rows in seen[1:])  # rows of a batch reuse unequal counts
    assert max(max(row) for rows in seen for row in rows) > 8


def test_what_is_reused_matters(small: Small) -> None:
    config = small("vla_cache", **REUSE)
    first, second = frames(config, queries=2, moved=2)
    with torch.inference_mode():
        model = new_nano(config, seed=3)
        model(query(config, first))
        reusing = model(query(config, second, 1))
        dense = new_nano(small(), seed=3)(query(config, second, 1))
    assert max(map(max, reused(reusing))) > 0
    assert (reusing.actions - dense.actions).abs().amax((1, 2)).min() > 1e-4


def test_the_pruner_sees_the_attention_of_the_tokens_that_ran(small: Small) -> None:
    config = small("vla_cache", **REUSE)
    model = new_nano(config, seed=3)
    plain, given = Plain(model), []
    observe = model.pruner.observe

    def spy(inputs: Any, pruned: Any, attention: Any) -> None:
        given.append(attention)
        observe(inputs, pruned, attention)

    model.pruner.observe = spy  # type: ignore[method-assign]
    with torch.inference_mode():
        for number, images in enumerate(frames(config, queries=3)):
            inputs = query(config, images, number)
            output = model(inputs)
            plain.run(inputs, output)
    reuse = output.pruned.reuse
    dense = config.grid**2 * 2
    for layer, found in given[-1].items():
        whole = plain.weights[layer]
        for row, reused_ in enumerate(reuse.entries(layer)):
            rows = torch.cat([~reused_, inputs.words[row, :, 0] > 0, torch.ones(4).bool()])
            ran = found.roles[row] > 0
            assert torch.allclose(
                found.weights[row][:, ran], whole[row][:, rows, :dense], atol=1e-5
            )
            expected = entropy_of(whole[row][None, :, rows])[0]
            assert torch.allclose(found.entropy[row][ran], expected, atol=1e-4)


def test_nothing_reusable_is_the_dense_model_to_the_bit(small: Small) -> None:
    """The same attention as maps ask for: those of a dense model are computed as well."""
    config = small("vla_cache", **{**REUSE, "threshold": 1.0, "static": 1, "relevant": 16})
    model, dense = new_nano(config, seed=3), new_nano(small(), seed=3)
    with torch.inference_mode():
        for number, images in enumerate(frames(config, queries=3)):
            inputs = query(config, images, number)
            output = model(inputs)
            assert not any(map(any, reused(output)))
            assert torch.equal(output.actions, dense(inputs, maps=range(6)).actions)


def test_slots_of_a_batch_are_independent(small: Small) -> None:
    config = small("vla_cache", **REUSE)
    together = new_nano(config, seed=3)
    alone = [new_nano(config, seed=3) for _ in range(3)]
    with torch.inference_mode():
        for number, images in enumerate(frames(config)):
            output = together(query(config, images, number))
            for row, model in enumerate(alone):
                single = model(query(config, images, number, [row]))
                assert reused(single) == [reused(output)[row]]
                assert torch.allclose(single.actions[0], output.actions[row], atol=1e-5)


def test_a_new_episode_forgets(small: Small) -> None:
    config = small("vla_cache", **REUSE)
    model, fresh = new_nano(config, seed=3), new_nano(config, seed=3)
    first, second, third, fourth = frames(config)
    with torch.inference_mode():
        model(query(config, first))
        model(query(config, second, 1))
        model.pruner.reset([1])
        kept = model(query(config, third, 2))
        assert [any(counts) for counts in reused(kept)] == [True, False, True]
        fresh(query(config, third, 2, [1]))
        after, expected = (each(query(config, fourth, 3, [1])) for each in (model, fresh))
    assert any(reused(after)[0])
    assert torch.allclose(after.actions, expected.actions, atol=1e-5)


def test_training_reuses_nothing(small: Small) -> None:
    config = small("vla_cache", **REUSE)
    model = new_nano(config, seed=3).train()
    for number, images in enumerate(frames(config, queries=3)):
        output = model(query(config, images, number))
        assert not any(map(any, reused(output)))
        output.actions.square().mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name


def test_entries_of_another_model_are_not_made_up(small: Small) -> None:
    config = small("vla_cache", **REUSE)
    model, other = new_nano(config, seed=3), new_nano(small(), seed=3)
    first, second, *_ = frames(config)
    with torch.inference_mode():
        model(query(config, first))
        model.pruner.entries.forget([2])  # type: ignore[union-attr]
        other.pruner = model.pruner
        with pytest.raises(PolicyError, match="slot 2 has no key-value entries of decoder layer"):
            other(query(config, second, 1))


@pytest.mark.parametrize("locations", ["0,2", "1,2,3"])
def test_counted_operations_are_those_that_run(locations: str) -> None:
    """Torch's own counter agrees: what is reused is not computed, and is attended to."""
    arguments = {"locations": locations, "relevance_layer": 2, "static": 200, "relevant": 20}
    config = NanoConfig(pruner=PrunerChoice("vla_cache", arguments))
    model = new_nano(config)
    text = hash_words("pick up the red mug and put it down again", config.words, config.buckets)
    (images, *_) = frames(config, rows=1, queries=1)
    inputs = NanoInput(images, torch.from_numpy(pad_words([text])), torch.zeros(1, 8), [0])
    counted, stages = [], ()
    for _ in range(2):
        meter = FlopCounterMode(display=False)
        with torch.inference_mode(), sdpa_kernel(SDPBackend.MATH), meter:
            output = model(inputs)
        stages = tuple((layer, int(count[0])) for layer, count in output.stages)
        # The pixels' cosines are numpy's.
        told = nano_flops(config, lambda _: 0, stages, reuses=True)
        # To torch, the mean over the words of one layer's attention is a product with one row.
        ran = dict(stages).get(2, min(count for layer, count in stages if layer < 2))
        observed = 2 * (ran + len(text) + 1 + config.chunk) * 512
        assert meter.get_total_flops() == pytest.approx(told + observed, rel=0, abs=0)
        counted.append(told)
    assert counted[1] < 0.95 * counted[0]


def test_a_policy_counts_what_ran(
    observe: Callable[..., dict[str, Any]],
) -> None:
    policy = NanoPolicy(pruner="vla_cache", seed=1, static=200, relevant=20, locations="1,2,3")
    episode = Episode("libero_spatial", 0, 0)
    policy.reset([0], [episode])
    shown = observe({0: episode})
    flops = [policy.flops(policy.act(shown).traces[0]) for _ in range(3)]  # type: ignore[index]
    assert flops[1] < 0.95 * flops[0]
    assert flops[2] < 0.95 * flops[0]
