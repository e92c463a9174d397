"""The attention within a vision encoder, for SP-VLA, against a plain computation."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from llama_reference import (
    CAMERAS,
    LAYERS,
    VISUAL,
    WIDTH,
    answer,
    embeddings,
    llama,
    masked,
    places_left,
)
from torch import nn

from gridseval.errors import PolicyError
from gridseval.policies.hosts.encoder import take
from gridseval.policies.hosts.encoder_attention import EncoderAttention
from gridseval.policies.hosts.host import host_of
from gridseval.policies.hosts.layouts import oft_roles
from gridseval.policies.hosts.llama import LlamaHooks
from gridseval.policies.hosts.query import QueryContext
from gridseval.tokens.pruners import Place, build_pruner
from gridseval.tokens.pruners.dense import Dense
from gridseval.tokens.pruners.interface import Pruned, PrunerInput
from gridseval.tokens.pruners.products import none

FEATURES, HEADS, COUNT = 12, 3, 16


class Attention(nn.Module):
    """As timm's: one projection for queries, keys and values."""

    def __init__(self, normed: bool) -> None:
        super().__init__()
        self.num_heads = HEADS
        self.qkv = nn.Linear(FEATURES, 3 * FEATURES)
        size = FEATURES // HEADS
        self.q_norm = nn.LayerNorm(size) if normed else nn.Identity()
        self.k_norm = nn.LayerNorm(size) if normed else nn.Identity()

    def forward(self, x: Any) -> Any:
        rows, length, _ = x.shape
        made = self.qkv(x).reshape(rows, length, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        q, k, v = made.unbind(0)
        mixed = nn.functional.scaled_dot_product_attention(self.q_norm(q), self.k_norm(k), v)
        return mixed.transpose(1, 2).reshape(rows, length, -1)


class Block(nn.Module):
    def __init__(self, normed: bool) -> None:
        super().__init__()
        self.attn = Attention(normed)

    def forward(self, x: Any) -> Any:
        return x + self.attn(x)


class Tower(nn.Module):
    """A vision transformer with some tokens before those of the patches; it stops early."""

    def __init__(self, before: int = 0, normed: bool = False) -> None:
        super().__init__()
        self.before = nn.Parameter(torch.randn(before, FEATURES))
        self.blocks = nn.ModuleList(Block(normed) for _ in range(4))

    def forward(self, patches: Any) -> Any:
        x = torch.cat([self.before.expand(len(patches), -1, -1), patches], 1)
        for block in self.blocks[:3]:
            x = block(x)
        return x[:, len(self.before) :]


class Backbone(nn.Module):
    """OpenVLA's: two towers, image by image."""

    def __init__(self) -> None:
        super().__init__()
        self.featurizer, self.fused_featurizer = Tower(5), Tower(0, normed=True)

    def forward(self, images: Any) -> Any:
        parts = [
            torch.cat([self.featurizer(image), self.fused_featurizer(image)], 2)
            for image in images.split(COUNT, 1)
        ]
        return torch.cat(parts, 1)


def plain(tower: Tower, patches: Any) -> Any:
    """Return the mean attention onto each patch in the last layer that ran, (B, patches)."""
    x = torch.cat([tower.before.expand(len(patches), -1, -1), patches], 1)
    for block in tower.blocks[:2]:
        x = block(x)
    attention, size = tower.blocks[2].attn, FEATURES // HEADS
    made = attention.qkv(x)
    total = torch.zeros(x.shape[:2])
    for head in range(HEADS):
        part = slice(head * size, (head + 1) * size)
        q, k = attention.q_norm(made[..., part]), attention.k_norm(made[..., FEATURES:][..., part])
        total += (q @ k.mT / size**0.5).softmax(-1).mean(1)
    onto = total[:, len(tower.before) :]
    return onto / onto.sum(1, keepdim=True)


@pytest.fixture
def images() -> Any:
    return torch.randn(2, VISUAL, FEATURES, generator=torch.Generator().manual_seed(3))


def test_of_two_towers_the_second_counts(images: Any) -> None:
    torch.manual_seed(0)
    backbone = Backbone()
    watch = EncoderAttention(backbone)
    with torch.no_grad():
        backbone(images)
        found = watch.take(CAMERAS)
        parts = images.split(COUNT, 1)
        expected = torch.cat([plain(backbone.fused_featurizer, part) for part in parts], 1)
    assert torch.allclose(found, expected, atol=1e-6)
    assert torch.allclose(found.view(2, 2, COUNT).sum(2), torch.ones(2, 2))


def test_a_single_tower_with_other_tokens(images: Any) -> None:
    torch.manual_seed(0)
    tower = Tower(3)
    with torch.no_grad():
        expected = plain(tower, images[:, COUNT:])
        watch = EncoderAttention(tower)
        tower(images[:, :COUNT])  # of a query that broke off
        tower(images[:, COUNT:])
        found = watch.take(CAMERAS[:1])
        assert torch.allclose(found, expected, atol=1e-6)
        tower(images[:, :COUNT])
    with pytest.raises(PolicyError, match="ran 1 times for 2 cameras"):
        watch.take(CAMERAS)
    for handle in watch.handles:
        handle.remove()
    tower(images[:, :COUNT])
    assert not watch._runs


def test_sp_vla_in_a_llama(images: Any) -> None:
    """What it leaves out is not in the decoder, and its scores are the encoder's."""
    torch.manual_seed(0)
    model, backbone, projector = llama(), Backbone(), nn.Linear(2 * FEATURES, WIDTH)
    text = embeddings(2)

    def embed() -> Any:
        with torch.no_grad():
            made = projector(backbone(images))
        return torch.cat([text[:, :1], made, text[:, 1 + VISUAL :]], 1)

    dense = embed()
    host = host_of(model, CAMERAS, projector, vision=backbone)
    assert host.encoder_attends and host.layers == LAYERS
    pruner = build_pruner("sp_vla", host).eval()
    pruner.rule.execute(1, np.array([[0, 0, 1, 0, 0, 0, 1]], np.float32))
    hooks = LlamaHooks(
        model,
        pruner,
        CAMERAS,
        oft_roles,
        bidirectional=False,
        projector=projector,
        vision=backbone,
    )
    pixels = torch.full((2, 2, 16, 16, 3), 90.0)
    hooks.begin(QueryContext(slots=[0, 1], pixels=pixels))
    states, _ = answer(model, embed())
    still, fast = hooks.finish()
    hooks.remove()
    assert still.kept_count == VISUAL
    assert fast.kept_count < VISUAL / 2
    kept = np.concatenate([camera.kept for camera in fast.cameras])
    gone = torch.tensor(np.flatnonzero(~kept)) + 1
    assert not states[1, gone].any()
    with torch.no_grad():
        parts = images.split(COUNT, 1)
        expected = torch.cat([plain(backbone.fused_featurizer, part) for part in parts], 1)
    weights = np.concatenate([camera.weights for camera in fast.cameras])
    assert np.allclose(weights, expected[1], atol=1e-6)
    made = hooks.query.pruned
    assert made is not None
    placed = dataclasses.replace(made, tokens=take(dense[:, 1 : 1 + VISUAL], made))
    hidden, _ = masked(model, dense, {0: placed})
    left = places_left(made)
    assert torch.allclose(states[left], hidden[left], atol=1e-4)
    assert torch.equal(embed(), dense)


@pytest.mark.parametrize("name", ["lightvla_star", "sp_vla"])
def test_images_that_are_projected_one_by_one_are_ranked_together(name: str, images: Any) -> None:
    """As LeRobot's models do it, with an image that stays unfilled behind the cameras'."""
    answers = []
    for by_image in (False, True):
        torch.manual_seed(0)
        model, backbone, projector = llama(), Backbone(), nn.Linear(2 * FEATURES, WIDTH)
        text, parts = embeddings(2), images.split(COUNT, 1)
        host = host_of(model, CAMERAS, projector, vision=backbone)
        pruner = build_pruner(name, host, **({"queries": 9} if name == "lightvla_star" else {}))
        if name == "sp_vla":
            pruner.rule.execute(1, np.array([[0, 0, 1, 0, 0, 0, 1]], np.float32))
        hooks = LlamaHooks(
            *(model, pruner.eval(), CAMERAS, oft_roles),
            bidirectional=False,
            projector=projector,
            vision=backbone,
            by_image=by_image,
        )
        pixels = torch.full((2, 2, 16, 16, 3), 90.0)
        for broken_off in (True, False):
            hooks.begin(QueryContext(slots=[0, 1], pixels=pixels))
            with torch.no_grad():
                if by_image:
                    made = torch.cat([projector(backbone(part)) for part in parts], 1)
                    projector(backbone(parts[0]))
                else:
                    made = projector(backbone(images))
            if not broken_off:
                states, _ = answer(model, torch.cat([text[:, :1], made, text[:, 1 + VISUAL :]], 1))
        kept = [
            np.concatenate([camera.kept for camera in trace.cameras]) for trace in hooks.finish()
        ]
        hooks.remove()
        answers.append((states, kept))
    (states, kept), (others, same) = answers
    assert np.array_equal(kept, same)
    assert 0 < np.sum(kept[1]) < VISUAL
    assert torch.allclose(states, others, atol=1e-5)


class Doubled(Dense):
    """Makes other tokens of the features."""

    name = "doubled"
    places = (Place("encoder"),)
    macs = staticmethod(none)

    def prune(self, inputs: PrunerInput) -> Pruned:
        kept = super().prune(inputs)
        return dataclasses.replace(kept, tokens=2 * kept.tokens)


def test_what_image_by_image_cannot_be_is_refused(images: Any) -> None:
    model, projector = llama(), nn.Linear(FEATURES, WIDTH)
    hooks = LlamaHooks(
        *(model, Doubled().eval(), CAMERAS, oft_roles),
        bidirectional=False,
        projector=projector,
        by_image=True,
    )
    for part in images.split(COUNT, 1):
        projector(part)
    with pytest.raises(PolicyError, match="'doubled' makes new tokens at the encoder"):
        answer(model, embeddings(2))
    hooks.begin()
    with pytest.raises(PolicyError, match="the model projected 0 images of 2 cameras"):
        answer(model, embeddings(2))
    hooks.remove()


def test_an_encoder_without_attention_is_refused() -> None:
    model, projector = llama(), nn.Linear(2 * FEATURES, WIDTH)
    with pytest.raises(PolicyError, match="needs the attention within the vision encoder"):
        build_pruner("sp_vla", host_of(model, CAMERAS, projector), scores="attention")
    with pytest.raises(PolicyError, match="no attention layers of timm"):
        EncoderAttention(nn.Linear(2, 2))
