"""FastV: an early layer's attention of the last token ranks the visual tokens.

Source: FastV, "An Image is Worth 1/2 Tokens After Layer 2", arXiv 2403.06764, section 4.
"""

from __future__ import annotations

import torch

from gridseval.tokens.pruners import products
from gridseval.tokens.pruners.budget import Budget
from gridseval.tokens.pruners.checks import check_finite
from gridseval.tokens.pruners.early_layer import EarlyLayer
from gridseval.tokens.pruners.interface import AttentionMap, Pruned, PrunerInput
from gridseval.tokens.pruners.layout import Role
from gridseval.tokens.pruners.selection import rank_first, select


class FastV(EarlyLayer):
    """Keeps the share 1 − R with the highest score, from decoder layer K on.

    score_j = mean over heads of layer K − 1's attention from the last token to visual token j. All
    cameras are ranked jointly; order and position ids stay.

    Args:
        layer: K, at least 1 (paper: 2; ports to VLAs: 3).
        keep: 1 − R, share of the visual tokens to keep, in (0, 1]; 0.5, as in the paper, where
            ``k`` is not given.
        k: Tokens per camera instead of a share; k · cameras are kept jointly.

    Raises:
        PolicyError: A number is out of range, or at the call the attention is missing.
    """

    name = "fastv"
    macs = staticmethod(products.none)

    def __init__(self, *, layer: int = 2, keep: float | None = None, k: int | None = None) -> None:
        super().__init__(layer, Budget(k, keep).or_else(Budget(keep=0.5)))

    def prune(self, inputs: PrunerInput) -> Pruned:
        """Return (B, K, D), the same number of tokens in each row."""
        scores = check_finite(self.name, _attention_of_last(self.attention_before(inputs)))
        return select(inputs, rank_first(scores, self.budget.count(inputs.cameras)), scores)


def _attention_of_last(attention: AttentionMap) -> torch.Tensor:
    """Return float32 (B, P): the head-mean attention of the last query that is not padding."""
    numbers = torch.arange(attention.roles.shape[1], device=attention.roles.device)
    last = torch.where(attention.roles == Role.PADDING, -1, numbers).amax(1)
    return attention.mean_of(numbers == last[:, None])
