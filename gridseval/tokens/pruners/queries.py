"""Selection by queries, as LightVLA and LightVLA* do it: every query names the token it wants."""

from __future__ import annotations

import torch
from torch import Tensor

from gridseval.tokens.pruners.checks import check_finite
from gridseval.tokens.pruners.interface import Pruned, PrunerInput
from gridseval.tokens.pruners.numerics import widen
from gridseval.tokens.pruners.selection import select


def keep_wanted(name: str, inputs: PrunerInput, scores: Tensor) -> Pruned:
    """Return the tokens that some query wants most, each once, in their order: inference.

    Args:
        name: The pruner's, for messages.
        inputs: The tokens at hand.
        scores: float (B, queries, P).

    Raises:
        PolicyError: Scores are not finite.
    """
    wanted = check_finite(name, scores).argmax(2)
    votes = count_votes(wanted, scores.shape[2])
    return select(inputs, votes > 0, votes)


def take_softly(name: str, inputs: PrunerInput, scores: Tensor) -> Pruned:
    """Return one token per query, with gradients to the scores: training.

    I = hard + soft − stop_gradient(soft), tokens = I · H. The forward pass is exactly the hard
    choice; duplicates stay.

    Args:
        name: The pruner's, for messages.
        inputs: The tokens at hand.
        scores: float (B, queries, P).

    Raises:
        PolicyError: Scores are not finite.
    """
    wanted = check_finite(name, scores.detach()).argmax(2)
    soft = torch.softmax(widen(scores), dim=2)
    hard = torch.nn.functional.one_hot(wanted, scores.shape[2])
    # soft - soft.detach() first: it is exactly 0, so that the sum is exactly the hard choice.
    picked = (hard + (soft - soft.detach())).to(inputs.tokens.dtype)
    return Pruned(
        tokens=picked @ inputs.tokens,
        position_ids=wanted,
        mask=torch.ones_like(wanted, dtype=torch.bool),
        indices=wanted,
        cameras=inputs.cameras,
        scores=count_votes(wanted, scores.shape[2]),
    )


def count_votes(wanted: Tensor, count: int) -> Tensor:
    """Return how many queries want each token, float32 (B, P), of their choices (B, queries)."""
    votes = torch.zeros(len(wanted), count, device=wanted.device)
    return votes.scatter_add(1, wanted, torch.ones_like(wanted, dtype=torch.float32))
