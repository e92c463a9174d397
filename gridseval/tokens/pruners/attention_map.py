"""What pruners see of a decoder layer's attention."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gridseval.errors import PolicyError
from gridseval.tokens.pruners.layout import Role
from gridseval.tokens.pruners.numerics import widen
from gridseval.tokens.pruners.roles import has_role


@dataclass(frozen=True, eq=False)
class AttentionMap:
    """One decoder layer's attention onto the visual tokens.

    Attributes:
        weights: float (B, heads, Q, P) after the softmax over *all* keys, columns of the visual
            tokens only; ``heads`` is 1 where they are averaged already.
        roles: int64 (B, Q), a set of :class:`Role` per query (``|`` joins them), in the order of
            the sequence. The methods take the queries they want by role; more may be given.
        entropy: float (B, Q): each query's entropy over *all* keys, as ``entropy_of`` of
            ``entropy.py`` gives it; ``None`` where it is not asked for (``Needs.entropy``).
        later: How many of the queries, at the end, came after the pass over the whole sequence: of
            tokens that were decoded one by one, or of an action expert.
    """

    weights: Tensor
    roles: Tensor
    entropy: Tensor | None = None
    later: int = 0

    def mean(self, *roles: Role) -> Tensor:
        """Return the mean over heads and over the queries of these roles, float32 (B, P).

        Args:
            *roles: At least one; a query with several of them counts once.

        Raises:
            PolicyError: A row has no such query.
        """
        return self.mean_of(has_role(self.roles, *roles))

    def mean_of(self, wanted: Tensor) -> Tensor:
        """Return the mean over heads and over the queries where bool (B, Q) is true, (B, P).

        Raises:
            PolicyError: A row has no such query.
        """
        if not bool(wanted.any(1).all()):
            raise PolicyError(
                "a row of an attention map has no query of the kind that a pruner averages over",
                "give the queries of all tokens, with their roles",
            )
        weights = widen(self.weights).mean(1)
        share = wanted.to(weights.dtype) / wanted.sum(1, keepdim=True)
        return torch.einsum("bq,bqp->bp", share, weights)
