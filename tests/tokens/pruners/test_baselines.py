"""Dense, random, uniform and top-k tokens."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from pruner_doubles import (
    DENSE,
    DTYPES,
    assert_consistent,
    assert_highest,
    assert_unchanged,
    kept_of,
    plain,
    some_inputs,
)

from gridseval.errors import PolicyError
from gridseval.tokens.pruners import CameraGrid, Role
from gridseval.tokens.pruners.baselines import RandomTokens, TopTokens, UniformTokens
from gridseval.tokens.pruners.dense import Dense


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


@pytest.mark.parametrize("dtype", DTYPES)
def test_dense_returns_its_input(dtype: torch.dtype) -> None:
    inputs = some_inputs(1, 2, dtype=dtype)
    pruned = Dense()(inputs)
    assert_consistent(pruned, inputs)
    assert torch.equal(pruned.tokens, inputs.tokens)
    assert [trace.kept_count for trace in pruned.traces] == [DENSE] * 2


def test_random_tokens_follow_the_rows_generator_only() -> None:
    inputs = some_inputs(2, 3, generators=generators(5, 6, 7))
    pruned = RandomTokens(k=4)(inputs)
    assert_consistent(pruned, inputs)
    assert_unchanged(pruned, inputs)
    assert [camera.kept_count for camera in pruned.traces[0].cameras] == [4, 4]
    alone = some_inputs(2, 1, generators=generators(6))
    assert kept_of(RandomTokens(k=4)(alone), 0) == kept_of(pruned, 1)
    assert len({tuple(kept_of(pruned, row)) for row in range(3)}) == 3


def test_random_tokens_differ_from_query_to_query_and_cover_the_grid() -> None:
    inputs = some_inputs(3, generators=generators(1))
    counts = np.zeros(DENSE)
    for _ in range(400):
        counts[kept_of(RandomTokens(k=6)(inputs), 0)] += 1
    # 400 draws at 6/20 and 6/12: five standard deviations of a binomial are at most 50.
    assert abs(counts[:20] - 120).max() < 50
    assert abs(counts[20:] - 200).max() < 50


def test_random_tokens_need_a_generator_per_row() -> None:
    with pytest.raises(PolicyError, match="needs 2 random generators, one per row"):
        RandomTokens(k=4)(some_inputs(4, 2))


def test_uniform_tokens_are_spread_over_rows_and_columns() -> None:
    cameras = (CameraGrid("agentview", 16, 16), CameraGrid("wrist", 16, 16))
    inputs = some_inputs(5, 2, cameras=cameras)
    pruned = UniformTokens(k=16)(inputs)
    assert_consistent(pruned, inputs)
    kept = kept_of(pruned, 0)
    places = [2, 6, 10, 14]
    assert kept == [c * 256 + y * 16 + x for c in range(2) for y in places for x in places]


@pytest.mark.parametrize("rows", [1, 3, 16])
@pytest.mark.parametrize("columns", [1, 5, 16])
def test_uniform_keeps_any_number_of_tokens(rows: int, columns: int) -> None:
    cameras = (CameraGrid("wrist", rows, columns),)
    inputs = some_inputs(6, cameras=cameras, width=1)
    for k in range(1, rows * columns + 1):
        assert UniformTokens(k=k)(inputs).counts.tolist() == [k]


@pytest.mark.parametrize("score", ["norm", "text"])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("dtype", DTYPES)
def test_top_tokens(score: str, batch: int, dtype: torch.dtype) -> None:
    inputs = some_inputs(7, batch, dtype=dtype)
    pruned = TopTokens(k=5, score=score)(inputs)
    assert_consistent(pruned, inputs)
    assert_unchanged(pruned, inputs)
    assert inputs.text is not None and inputs.text_roles is not None
    for row in range(batch):
        words = inputs.text_roles[row] == Role.INSTRUCTION
        mean = plain(inputs.text[row][words]).mean(0)
        scores = np.array(
            [
                np.sqrt((token**2).sum())
                if score == "norm"
                else token @ mean / np.sqrt((token @ token) * (mean @ mean))
                for token in plain(inputs.tokens[row])
            ]
        )
        kept = kept_of(pruned, row)
        assert_highest([j for j in kept if j < 20], scores[:20], 5)
        assert_highest([j - 20 for j in kept if j >= 20], scores[20:], 5)


def test_a_share_of_each_camera() -> None:
    pruned = TopTokens(k=None, keep=0.25)(some_inputs(8))
    assert [camera.kept_count for camera in pruned.traces[0].cameras] == [5, 3]


def test_top_by_text_takes_all_other_tokens_where_there_is_no_instruction() -> None:
    inputs = some_inputs(9)
    assert inputs.text_roles is not None
    states = dataclasses.replace(
        inputs, text_roles=torch.full_like(inputs.text_roles, int(Role.STATE))
    )
    words = dataclasses.replace(
        inputs, text_roles=torch.full_like(inputs.text_roles, int(Role.INSTRUCTION))
    )
    pruner = TopTokens(k=3, score="text")
    assert kept_of(pruner(states), 0) == kept_of(pruner(words), 0)
