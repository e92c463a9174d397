"""Properties that hold for any tokens, grids and budgets."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pruner_doubles import assert_consistent, kept_of, some_attention, some_inputs

from gridseval.tokens.pruners import CameraGrid, Host, build_pruner
from gridseval.tokens.pruners.interface import Pruned, Pruner, PrunerInput
from gridseval.tokens.pruners.vla_pruner import VlaPruner

BUDGETED = ("efficientvla", "fastv", "random", "sparsevlm", "topk", "uniform", "vla_pruner")
SELECTING = (*BUDGETED, "dense", "lightvla", "lightvla_star")

grids = st.builds(CameraGrid, st.just("wrist"), st.integers(1, 5), st.integers(1, 5))
cameras = st.lists(grids, min_size=1, max_size=3).map(tuple)
seeds = st.integers(0, 2**16)
fast = settings(max_examples=25, deadline=None, derandomize=True)


def prepare(cameras: tuple[CameraGrid, ...], seed: int, batch: int) -> PrunerInput:
    """Return inputs in float64, in which scores are never equal by rounding."""
    inputs = some_inputs(
        seed,
        batch,
        cameras=cameras,
        layers=(0,),
        width=6,
        dtype=torch.float64,
        generators=[torch.Generator().manual_seed(seed + row) for row in range(batch)],
    )
    assert inputs.text is not None
    return dataclasses.replace(inputs, embedded=(inputs.tokens, inputs.text))


def build(name: str, cameras: tuple[CameraGrid, ...], **arguments: Any) -> Pruner:
    """Return a pruner of a decoder of 2 layers, with a history if it uses one."""
    host = Host(dim=6, layers=2, cameras=cameras, encoder_dim=6)
    if name == "sparsevlm":
        arguments = {"layers": (1,), **arguments}
    if name == "vla_pruner":
        arguments = {"window": 1, **arguments}
    return build_pruner(name, host, **arguments).eval().double()


def run(pruner: Pruner, inputs: PrunerInput, seed: int) -> Pruned:
    if isinstance(pruner, VlaPruner):
        first = pruner(inputs)
        assert inputs.text_roles is not None
        rng = np.random.default_rng(seed)
        seen = some_attention(rng, inputs.text_roles, inputs.dense_count)
        pruner.observe(inputs, first, {pruner.action_layer: seen})
    pruned: Pruned = pruner(inputs)
    return pruned


@fast
@given(cameras, seeds, st.integers(1, 3), st.sampled_from(BUDGETED), st.data())
def test_budgets_are_kept(
    cameras: tuple[CameraGrid, ...], seed: int, batch: int, name: str, data: st.DataObject
) -> None:
    most = min(camera.count for camera in cameras)
    k = data.draw(st.integers(1, most))
    inputs = prepare(cameras, seed, batch)
    pruned = run(build(name, cameras, k=k), inputs, seed)
    wanted = k * len(cameras)
    if name == "sparsevlm":
        gone = inputs.dense_count - wanted
        wanted += (int(0.3 * gone) + 1) // 10 + 1 if gone else 0
    else:  # merged tokens come after those that are kept
        assert_consistent(pruned, inputs)
    assert pruned.counts.tolist() == [wanted] * batch


@fast
@given(cameras, seeds, st.integers(1, 2), st.sampled_from(BUDGETED))
def test_a_budget_of_everything_changes_nothing(
    cameras: tuple[CameraGrid, ...], seed: int, batch: int, name: str
) -> None:
    inputs = prepare(cameras, seed, batch)
    pruned = run(build(name, cameras, keep=1.0), inputs, seed)
    assert torch.equal(pruned.tokens, inputs.tokens)
    assert pruned.position_ids.tolist() == [list(range(inputs.dense_count))] * batch
    assert pruned.mask.all()


@fast
@given(cameras, seeds, st.integers(1, 3), st.sampled_from(SELECTING))
def test_kept_tokens_are_unique_sorted_and_unchanged(
    cameras: tuple[CameraGrid, ...], seed: int, batch: int, name: str
) -> None:
    inputs = prepare(cameras, seed, batch)
    arguments: dict[str, Any] = {"k": 1} if name in BUDGETED else {}
    if name == "sparsevlm":
        arguments["recycle"] = 0
    pruned = run(build(name, cameras, **arguments), inputs, seed)
    assert_consistent(pruned, inputs)
    for row in range(batch):
        kept = kept_of(pruned, row)
        assert torch.equal(pruned.tokens[row, : len(kept)], inputs.tokens[row, kept])


@fast
@given(seeds, st.sampled_from(("efficientvla", "fastv", "lightvla", "lightvla_star", "topk")))
def test_moving_tokens_moves_the_choice(seed: int, name: str) -> None:
    """A permutation of one camera's tokens permutes what is kept, and nothing else."""
    cameras = (CameraGrid("wrist", 4, 4),)
    inputs = prepare(cameras, seed, 2)
    arguments = {"k": 4} if name in BUDGETED else {}
    torch.manual_seed(seed)
    pruner = build(name, cameras, **arguments)
    order = torch.randperm(16, generator=torch.Generator().manual_seed(seed))
    seen = inputs.attention[0]
    moved = dataclasses.replace(
        inputs,
        tokens=inputs.tokens[:, order],
        attention={0: dataclasses.replace(seen, weights=seen.weights[..., order])},
    )
    before, after = pruner(inputs), pruner(moved)
    for row in range(2):
        assert {int(order[i]) for i in kept_of(after, row)} == set(kept_of(before, row))


@fast
@given(seeds, st.sampled_from(SELECTING), st.permutations(range(3)))
def test_rows_may_come_in_any_order(seed: int, name: str, order: list[int]) -> None:
    cameras = (CameraGrid("agentview", 3, 4), CameraGrid("wrist", 2, 3))
    arguments: dict[str, Any] = {"k": 2} if name in BUDGETED else {}
    torch.manual_seed(seed)
    pruner = build(name, cameras, **arguments)
    inputs = prepare(cameras, seed, 3)
    assert inputs.text is not None and inputs.text_roles is not None and inputs.embedded
    seen = inputs.attention[0]
    shuffled = dataclasses.replace(
        inputs,
        tokens=inputs.tokens[order],
        text=inputs.text[order],
        text_roles=inputs.text_roles[order],
        attention={
            0: dataclasses.replace(seen, weights=seen.weights[order], roles=seen.roles[order])
        },
        embedded=tuple(part[order] for part in inputs.embedded),
        slots=order,
        generators=[torch.Generator().manual_seed(seed + row) for row in order],
    )
    before, after = pruner(inputs), pruner(shuffled)
    for place, row in enumerate(order):
        assert kept_of(after, place) == kept_of(before, row)
