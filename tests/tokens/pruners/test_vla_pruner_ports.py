"""FastV and VLA-Pruner keep what the authors' ports to OpenVLA and OpenVLA-OFT keep, per query.

``vla_pruner_kept.npz`` holds what VLA-Pruner's own code kept of the sequences of
``authors_inputs.py``; ``record_vla_pruner.py`` made it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from authors_inputs import (
    DECODED,
    OFT,
    OPENVLA,
    QUERIES,
    WIDTH,
    Layout,
    embeddings,
    weights,
)
from pruner_doubles import kept_of

from gridseval.errors import PolicyError
from gridseval.tokens.pruners import Host, Place, Role, build_pruner
from gridseval.tokens.pruners.fastv import FastV
from gridseval.tokens.pruners.interface import AttentionMap, Pruned, Pruner, PrunerInput
from gridseval.tokens.pruners.vla_pruner import VlaPruner

RECORDED = np.load(Path(__file__).parent / "vla_pruner_kept.npz")


def host(layout: Layout, kind: str) -> Host:
    return Host(dim=WIDTH, layers=32, cameras=layout.cameras, encoder_dim=WIDTH, kind=kind)


def inputs_of(seed: int, layout: Layout, layer: int) -> PrunerInput:
    """Return a query's inputs; hidden states are not the embeddings."""
    embedded = embeddings(seed, layout)
    parts = embedded[:, layout.visual], embedded[:, layout.visual.stop :]
    full = weights(seed, layer, layout.length, layout.length)
    return PrunerInput(
        tokens=torch.randn(parts[0].shape, generator=torch.Generator().manual_seed(seed)),
        cameras=layout.cameras,
        attention={layer: AttentionMap(full[..., layout.visual], layout.roles)},
        slots=(3,),
        embedded=parts,
    )


def seen_by_actions(seed: int, layout: Layout, pruned: Pruned) -> AttentionMap:
    """Return layer 15's map onto the kept tokens, with the rows that a host has of it."""
    full = weights(seed, 15, layout.length, layout.length)
    roles = layout.roles
    if not layout.actions:
        rows = weights(seed, 99, DECODED, layout.length)
        full = torch.cat([full[:, :, -1:], rows], 2)
        roles = torch.tensor([[Role.INSTRUCTION | Role.ACTION, *[Role.ACTION] * DECODED]])
    return AttentionMap(full[..., layout.visual][..., kept_of(pruned, 0)], roles)


def run_episode(pruner: Pruner, seed: int, layout: Layout) -> list[list[int]]:
    kept = []
    for query in range(QUERIES):
        inputs = inputs_of(seed + query, layout, pruner.place.layer - 1)
        pruned = pruner(inputs)
        kept.append(kept_of(pruned, 0))
        if pruner.needs.observed:
            seen = seen_by_actions(seed + query, layout, pruned)
            pruner.observe(inputs, pruned, {15: seen})
    return kept


def recorded(name: str) -> list[list[int]]:
    return [RECORDED[f"{name}/{query}"].tolist() for query in range(QUERIES)]


@pytest.mark.parametrize("scores", ["prefill", "last"])
def test_vla_pruner_in_openvla(scores: str) -> None:
    """The port's window is reversed, which its authors call a bug: ``heaviest="oldest"``."""
    arguments: dict[str, Any] = {"keep": 0.25, "scores": scores, "heaviest": "oldest"}
    pruner = build_pruner("vla_pruner", host(OPENVLA, "openvla"), **arguments)
    assert pruner.place == Place("layer", 3)
    assert run_episode(pruner, 10, OPENVLA) == recorded(f"openvla/vla_pruner/{scores}")


def test_vla_pruner_in_openvla_oft_by_its_defaults() -> None:
    """Layer 4, a budget per camera, newest heaviest: nothing is said but the kind of the host."""
    pruner = build_pruner("vla_pruner", host(OFT, "openvla-oft"), keep=0.25)
    assert isinstance(pruner, VlaPruner)
    assert (pruner.place, pruner.per_camera) == (Place("layer", 4), True)
    assert run_episode(pruner, 40, OFT) == recorded("oft/vla_pruner/prefill")


@pytest.mark.parametrize("scores", ["prefill", "last"])
def test_fastv_in_openvla(scores: str) -> None:
    pruner = FastV(layer=3, keep=0.5, scores=scores)
    assert run_episode(pruner, 20, OPENVLA) == recorded(f"openvla/fastv/{scores}")


@pytest.mark.parametrize("scores", ["prefill", "last"])
def test_fastv_as_the_table_of_openvla_oft_has_it(scores: str) -> None:
    pruner = FastV(layer=4, keep=0.25, scores=scores, per_camera=True)
    assert run_episode(pruner, 30, OFT) == recorded(f"oft/fastv/{scores}")


def test_defaults_elsewhere() -> None:
    pruner = build_pruner("vla_pruner", host(OFT, "nano"))
    assert isinstance(pruner, VlaPruner)
    assert (pruner.place, pruner.per_camera, pruner.scores) == (Place("layer", 3), False, "prefill")
    fastv = build_pruner("fastv", host(OFT, "openvla-oft"))
    assert isinstance(fastv, FastV)
    assert (fastv.place, fastv.per_camera, fastv.scores) == (Place("layer", 2), False, "last")


@pytest.mark.parametrize("name", ["fastv", "vla_pruner"])
def test_arguments_are_checked(name: str) -> None:
    with pytest.raises(PolicyError, match="scores must be prefill or last, not 'first'"):
        build_pruner(name, host(OFT, ""), scores="first")
    with pytest.raises(PolicyError, match="per_camera must be true or false"):
        build_pruner(name, host(OFT, ""), per_camera="no")


def test_a_query_has_a_set_of_roles() -> None:
    """OpenVLA's last prompt token belongs to the prefill and to the action."""
    given = torch.arange(3.0).view(1, 1, 3, 1)
    both = AttentionMap(
        given, torch.tensor([[Role.VISUAL, Role.INSTRUCTION | Role.ACTION, Role.ACTION]])
    )
    assert both.mean(Role.INSTRUCTION).item() == 1
    assert both.mean(Role.ACTION).item() == 1.5
    assert both.mean(Role.VISUAL, Role.INSTRUCTION, Role.ACTION).item() == 1
    assert both.entropy is None
