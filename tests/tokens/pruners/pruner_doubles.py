"""Random inputs for pruners, and what a choice must fulfil, both in plain numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gridseval.tokens.pruners import CameraGrid, Role
from gridseval.tokens.pruners.interface import AttentionMap, Pruned, PrunerInput

Floats = NDArray[np.float64]
CAMERAS = (CameraGrid("agentview", 4, 5), CameraGrid("wrist", 3, 4))
DTYPES = (torch.float32, torch.bfloat16)
DENSE = 32


def some_inputs(
    seed: int = 0,
    batch: int = 1,
    *,
    dtype: torch.dtype = torch.float32,
    cameras: tuple[CameraGrid, ...] = CAMERAS,
    width: int = 16,
    heads: int = 3,
    layers: tuple[int, ...] = (),
    **others: Any,
) -> PrunerInput:
    """Return inputs whose rows have texts of different lengths: 6 tokens and 2 more for each row.

    Roles are an instruction, a state token and action slots. Attention covers visual and text
    queries, in the order of the sequence.
    """
    rng = np.random.default_rng(seed)
    dense = sum(camera.count for camera in cameras)
    roles = some_roles(batch)

    def draw(*shape: int) -> torch.Tensor:
        return torch.tensor(rng.normal(size=shape)).to(dtype)

    given: dict[str, Any] = {
        "tokens": draw(batch, dense, width),
        "cameras": cameras,
        "text": draw(batch, roles.shape[1], width),
        "text_roles": roles,
        "attention": {
            layer: some_attention(rng, roles, dense, heads=heads, dtype=dtype) for layer in layers
        },
        "slots": tuple(range(batch)),
    }
    return PrunerInput(**{**given, **others})


def some_roles(batch: int) -> torch.Tensor:
    """Return int64 (B, T): instruction, one state token, two actions, then padding."""
    longest = 6 + 2 * (batch - 1)
    rows = []
    for row in range(batch):
        words = 3 + 2 * row
        roles = [Role.INSTRUCTION] * words + [Role.STATE, Role.ACTION, Role.ACTION]
        rows.append(roles + [Role.PADDING] * (longest - len(roles)))
    return torch.tensor(rows)


def some_attention(
    rng: np.random.Generator,
    roles: torch.Tensor,
    columns: int,
    *,
    heads: int = 3,
    dtype: torch.dtype = torch.float32,
) -> AttentionMap:
    """Return a map of visual and text queries; a row gives the visual columns most of its 1.

    The rest goes to one other key, which the entropy counts.
    """
    batch = len(roles)
    everyone = torch.cat([torch.full((batch, columns), int(Role.VISUAL)), roles], 1)
    weights = rng.random((batch, heads, everyone.shape[1], columns)) ** 3
    weights *= 0.9 / weights.sum(-1, keepdims=True)
    whole = np.concatenate([weights, np.full((*weights.shape[:3], 1), 0.1)], -1).mean(1)
    entropy = torch.tensor(-(whole * np.log(whole + 1e-10)).sum(-1))
    return AttentionMap(torch.tensor(weights).to(dtype), everyone, entropy)


def plain(tensor: torch.Tensor) -> Floats:
    """Return float64."""
    return tensor.detach().double().numpy()


def mean_attention(attention: AttentionMap, row: int, *wanted: Role) -> Floats:
    """Return (P,): the mean over heads and over the queries of these roles."""
    weights = plain(attention.weights)[row]
    total, number = np.zeros(weights.shape[2]), 0
    for query, role in enumerate(attention.roles[row].tolist()):
        if role in wanted:
            for head in weights:
                total += head[query]
                number += 1
    return total / number


def kept_of(pruned: Pruned, row: int) -> list[int]:
    """Return the dense tokens that a row keeps."""
    return [int(i) for i in pruned.indices[row][pruned.mask[row]]]


def assert_consistent(pruned: Pruned, inputs: PrunerInput) -> None:
    """Check what every method that keeps tokens owes: order, positions, padding, trace."""
    for row, trace in enumerate(pruned.traces):
        kept = kept_of(pruned, row)
        number = len(kept)
        assert kept == sorted(set(kept))
        assert pruned.mask[row].tolist() == [True] * number + [False] * (
            pruned.mask.shape[1] - number
        )
        assert pruned.position_ids[row, :number].tolist() == kept
        assert not pruned.tokens[row, number:].any()
        drawn = np.concatenate([camera.kept for camera in trace.cameras])  # type: ignore[misc]
        assert np.flatnonzero(drawn).tolist() == kept
        assert trace.dense_count == inputs.dense_count
    assert pruned.tokens.dtype == inputs.tokens.dtype
    assert pruned.position_ids.dtype == torch.int64


def assert_unchanged(pruned: Pruned, inputs: PrunerInput) -> None:
    """Check that kept tokens are the dense ones, to the bit."""
    for row in range(len(pruned.mask)):
        kept = kept_of(pruned, row)
        assert torch.equal(pruned.tokens[row, : len(kept)], inputs.tokens[row, kept])


def assert_highest(kept: list[int], scores: Floats, count: int, tolerance: float = 1e-6) -> None:
    """Check that these are the ``count`` highest scores, up to ties within the tolerance."""
    assert len(kept) == count
    others = np.delete(scores, kept)
    if len(others):
        assert scores[kept].min() >= others.max() - tolerance
