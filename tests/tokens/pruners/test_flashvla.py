"""FlashVLA's contributions against a plain singular value decomposition."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from pruner_doubles import (
    CAMERAS,
    DENSE,
    DTYPES,
    Floats,
    assert_consistent,
    assert_highest,
    assert_unchanged,
    kept_of,
    plain,
    some_inputs,
)

from gridseval.errors import PolicyError
from gridseval.tokens.pruners import CameraGrid, Host, build_pruner
from gridseval.tokens.pruners.flashvla import FlashVla, contributions


def reference(outputs: Floats) -> Floats:
    """Return C of each token, by numpy's decomposition of T itself."""
    left, singular, _ = np.linalg.svd(outputs, full_matrices=False)
    share = singular / singular.sum()
    rank = int(np.ceil(np.exp(-sum(p * np.log(p) for p in share if p > 0)) - 1e-6))
    return np.abs(left[:, :rank] * singular[:rank]).sum(1)


def inputs_of(batch: int = 1, dtype: torch.dtype = torch.float32, layer: int = 1) -> Any:
    rng = np.random.default_rng(8)
    scale = rng.uniform(0.1, 3, (batch, DENSE, 1)) * np.geomspace(1, 0.01, 16)
    outputs = torch.tensor(rng.normal(size=(batch, DENSE, 16)) * scale).to(dtype)
    return some_inputs(batch=batch, dtype=dtype, outputs={layer: outputs})


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch", [1, 3])
def test_it_keeps_the_tokens_that_contribute_most(batch: int, dtype: torch.dtype) -> None:
    inputs = inputs_of(batch, dtype)
    pruned = FlashVla(k=4)(inputs)
    for row in range(batch):
        scores = reference(plain(inputs.outputs[1][row]))
        assert np.allclose(plain(pruned.scores[row]), scores, rtol=1e-4)
        assert_highest(kept_of(pruned, row), scores, 8)
    assert_consistent(pruned, inputs)
    assert_unchanged(pruned, inputs)


def test_the_rank_is_effective() -> None:
    """Two directions of nearly equal size: r is 2, not the number of directions."""
    rng = np.random.default_rng(0)
    basis, _ = np.linalg.qr(rng.normal(size=(DENSE, 3)))
    sizes = np.array([1, 0.999, 1e-5])
    outputs = torch.tensor(basis * sizes @ np.eye(3, 16))[None]
    expected = (np.abs(basis) * sizes)[:, :3].sum(1)
    assert np.allclose(contributions(outputs)[0], expected, atol=2e-5)
    more = torch.tensor(basis @ np.diag([1, 0.2, 0.1]) @ np.eye(3, 16))[None]
    two = (np.abs(basis) * [1, 0.2, 0])[:, :3].sum(1)
    assert np.allclose(contributions(more)[0], two, atol=1e-6)
    assert np.allclose(contributions(more)[0], reference(plain(more[0])), atol=1e-6)
    assert not contributions(torch.zeros(1, 4, 4)).any()


def test_a_share_and_the_papers_default() -> None:
    inputs = inputs_of()
    assert FlashVla()(inputs).counts.tolist() == [20]  # 0.625 of 32, as 160 of 256
    assert FlashVla(keep=0.25)(inputs).counts.tolist() == [8]


def test_the_layer_follows_the_depth() -> None:
    for layers, expected in ((32, 2), (6, 1), (18, 1)):
        host = Host(dim=16, layers=layers, cameras=CAMERAS, encoder_dim=0)
        pruner = build_pruner("flashvla", host)
        assert (pruner.place.layer, pruner.needs.outputs) == (expected, (expected - 1,))


def test_reuse_is_an_argument() -> None:
    assert FlashVla().skipping.active
    assert not FlashVla(reuse=False).skipping.active


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"outputs": {}}, "needs the output of decoder layer 1's attention for 32 visual tokens"),
        ({"outputs": {1: torch.zeros(1, 30, 16)}}, "needs the output of decoder layer 1"),
        ({"outputs": {1: torch.full((1, 32, 16), float("nan"))}}, "not finite"),
    ],
)
def test_faults(change: Any, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        FlashVla(k=4)(dataclasses.replace(inputs_of(), **change))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layer": 0}, "layer must be a whole number from 1"),
        ({"angle": 181}, "angle must be from 0 to 180"),
        ({"overlap": 1.5}, "overlap must be from 0 to 1"),
        ({"most": 0}, "most must be a whole number from 1"),
        ({"reuse": "no"}, "reuse must be true or false"),
        ({"k": 2, "keep": 0.5}, "give one of them"),
    ],
)
def test_arguments_out_of_range(arguments: Any, message: str) -> None:
    with pytest.raises(PolicyError) as caught:
        FlashVla(**arguments)
    assert message in f"{caught.value.message} {caught.value.hint}"


def test_a_model_that_is_too_small() -> None:
    host = Host(dim=16, layers=2, cameras=(CameraGrid("wrist", 2, 2),), encoder_dim=0)
    with pytest.raises(PolicyError, match="needs decoder layer 2, the model has 2"):
        build_pruner("flashvla", host, layer=2)
    with pytest.raises(PolicyError, match="k=5 is more than"):
        build_pruner("flashvla", host, k=5)
