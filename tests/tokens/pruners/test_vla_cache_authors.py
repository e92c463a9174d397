"""VLA-Cache reuses what its authors' functions choose in OpenVLA and OpenVLA-OFT.

``vla_cache_chosen.npz`` holds what their own code gave for the frames and attention of
``authors_frames.py``; ``record_vla_cache.py`` made it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from authors_frames import (
    CAMERAS,
    KINDS,
    LAYERS,
    attention_of_all,
    frames,
    frames_at_rest,
    text_range,
)
from numpy.typing import NDArray

from gridseval.tokens.pruners import CameraGrid, Host, Role, build_pruner
from gridseval.tokens.pruners.entropy import entropy_of, layer_shares
from gridseval.tokens.pruners.interface import AttentionMap, PrunerInput, Reuse
from gridseval.tokens.pruners.vla_cache import VlaCache

RECORDED = np.load(Path(__file__).parent / "vla_cache_chosen.npz")
LOCATIONS = (2, 6, 9, 11)


def host(kind: str, cameras: int) -> Host:
    grids = tuple(CameraGrid(name, 16, 16) for name in ("agentview", "wrist")[:cameras])
    return Host(dim=8, layers=LAYERS, cameras=grids, encoder_dim=8, kind=kind)


@pytest.mark.parametrize("kind", KINDS)
def test_shares_are_of_all_columns_and_all_layers(kind: str) -> None:
    maps = attention_of_all(kind)
    entropies = torch.stack([entropy_of(each).mean(1) for each in maps], 1)
    shares = layer_shares(entropies, 0.55)[0]
    assert shares.numpy() == pytest.approx(RECORDED[f"{kind}/shares"], abs=2e-5)
    visual = slice(1, 1 + 256 * CAMERAS[kind])
    columns = torch.stack([entropy_of(each[..., visual]).mean(1) for each in maps], 1)
    other = layer_shares(columns, 0.55)[0].numpy()
    assert abs(other - RECORDED[f"{kind}/shares"]).max() > 0.2, "BOS is meant to matter"


@pytest.mark.parametrize("kind", KINDS)
def test_reused_entries_by_the_defaults_of_the_host(kind: str) -> None:
    around = host(kind, CAMERAS[kind])
    pruner = build_pruner("vla_cache", around, relevance_layer=15, locations=LOCATIONS)
    assert isinstance(pruner, VlaCache)
    reuse = second_query(kind, pruner, frames(kind))
    reusable = RECORDED[f"{kind}/reusable"].tolist()
    assert 50 < len(reusable) < 256
    assert reuse.order[0, : len(reusable)].tolist() == reusable
    shares, most = RECORDED[f"{kind}/shares"], 0
    for layer in LOCATIONS:
        most = max(most, int(shares[layer] * len(reusable)), 1)
        assert reuse.entries(layer)[0].nonzero().flatten().tolist() == reusable[:most]


@pytest.mark.parametrize("kind", KINDS)
def test_of_a_camera_at_rest_the_same_patches_are_static(kind: str) -> None:
    """More patches are equal than are taken: the rounding of their cosine of 1 decides which."""
    expected = RECORDED[f"{kind}/resting"].tolist()
    pruner = build_pruner("vla_cache", host(kind, CAMERAS[kind]), relevant=0)
    assert isinstance(pruner, VlaCache)
    assert len(expected) == CAMERAS[kind] * pruner.static < CAMERAS[kind] * (256 - 80)
    reuse = second_query(kind, pruner, frames_at_rest(kind))
    assert reuse.order[0, : len(expected)].tolist() == expected
    assert int(reuse.counts.max()) <= len(expected)


def second_query(kind: str, pruner: VlaCache, images: NDArray[np.uint8]) -> Reuse:
    """Return what the query at the second frames reuses of that at the first."""
    around = host(kind, CAMERAS[kind])
    before, now = (torch.from_numpy(frame)[None].float() for frame in images)
    start, stop = text_range(kind)
    roles = torch.full((1, stop + 3), int(Role.ACTION))
    roles[:, 0], roles[:, 1:start], roles[:, start:stop] = (
        Role.OTHER,
        Role.VISUAL,
        Role.INSTRUCTION,
    )
    tokens = torch.zeros(1, start - 1, 8)
    first = PrunerInput(tokens, around.cameras, pixels=before, slots=(0,))
    maps = {
        layer: AttentionMap(each[..., 1:start], roles, entropy_of(each))
        for layer, each in enumerate(attention_of_all(kind))
    }
    pruner.observe(first, pruner(first), maps)
    reuse = pruner(PrunerInput(tokens, around.cameras, pixels=now, slots=(0,))).reuse
    assert reuse is not None
    return reuse


@pytest.mark.parametrize(
    ("kind", "cameras", "static", "relevant"),
    [
        ("openvla", 1, 130, 120),
        ("openvla-oft", 2, 150, 100),
        ("openvla-oft", 1, 150, 100),
        ("lightvla", 2, 150, 100),
        ("", 1, 130, 120),
        ("nano", 2, 150, 100),
    ],
)
def test_numbers_follow_the_host(kind: str, cameras: int, static: int, relevant: int) -> None:
    pruner = build_pruner("vla_cache", host(kind, cameras))
    assert isinstance(pruner, VlaCache)
    assert (pruner.static, pruner.relevant) == (static, relevant)
