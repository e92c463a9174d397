"""The two scores by which FastV and VLA-Pruner rank tokens at an early layer."""

from __future__ import annotations

import torch
from torch import Tensor

from gridseval.tokens.pruners.checks import check_choice
from gridseval.tokens.pruners.interface import AttentionMap
from gridseval.tokens.pruners.layout import Role
from gridseval.tokens.pruners.roles import prefill_queries

SCORES = ("prefill", "last")


def check_scores(value: str) -> str:
    """Return one of :data:`SCORES`.

    Raises:
        PolicyError: It is another one.
    """
    return check_choice("scores", value, SCORES)


def score_early(attention: AttentionMap, scores: str) -> Tensor:
    """Return the head-mean attention onto each visual token, float32 (B, P).

    Args:
        attention: Of the layer before the one that prunes.
        scores: ``"prefill"``: mean over the queries before the action slots, those of BOS and of
            the visual tokens included; ``"last"``: of the last query that is not padding.

    Raises:
        PolicyError: A row has no such query.
    """
    if scores == "prefill":
        return attention.mean_of(prefill_queries(attention.roles))
    numbers = torch.arange(attention.roles.shape[1], device=attention.roles.device)
    last = torch.where(attention.roles == Role.PADDING, -1, numbers).amax(1)
    return attention.mean_of(numbers == last[:, None])
