"""EfficientVLA: a few key visual tokens, then relevant and diverse ones; fewer layers and steps.

Source: EfficientVLA, arXiv 2506.10100: the sections on layers of the language module, on
task-relevance and diversity-driven pruning, and on the cache in the diffusion head.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from gridseval.tokens.pruners import products
from gridseval.tokens.pruners.budget import Budget
from gridseval.tokens.pruners.checks import check_count, check_finite, check_number
from gridseval.tokens.pruners.depth import DepthMemory
from gridseval.tokens.pruners.early_layer import EarlyLayer
from gridseval.tokens.pruners.interface import Pruned, PrunerInput
from gridseval.tokens.pruners.layout import Role
from gridseval.tokens.pruners.numerics import widen
from gridseval.tokens.pruners.selection import rank_first, select, take_tokens


class EfficientVla(EarlyLayer):
    """Keeps M tokens in three steps, all cameras jointly.

    With r_j = mean over heads and over the tokens that are not visual of the attention to j::

        V_key  = the ``key`` highest r
        V_task = the ⌊α (M − key)⌋ highest r of the rest
        V_div  = the M − key − |V_task| highest 1 − max_{i ∈ V_key} cos(h_j, h_i) of the rest

    Args:
        layer: Decoder layer from which on fewer tokens go, at least 1; r is of the layer before it.
        k: Tokens per camera, M = k · cameras; 56, as in the paper, if ``keep`` is not given.
        keep: Share of the visual tokens to keep, in (0, 1], instead of ``k``.
        key: Number of key tokens, at least 1 (paper: 4 to 8).
        alpha: Share of the rest that goes by relevance, in [0, 1].
        drop_layers: Decoder layers to leave out (paper: 10 of 32): those from ``layer`` on with the
            least 1 − cos(in, out), a mean over the tokens of an episode's first query, which runs
            through all of them. The paper measures on a data set, and does not say which.
        head_interval: Denoising steps per one in which the action head computes, at least 1
            (paper: 5).

    Raises:
        PolicyError: A number is out of range, or at the call the attention is missing.
    """

    name = "efficientvla"
    macs = staticmethod(products.efficientvla)

    def __init__(
        self,
        *,
        layer: int = 2,
        k: int | None = None,
        keep: float | None = None,
        key: int = 4,
        alpha: float = 0.5,
        drop_layers: int = 0,
        head_interval: int = 1,
    ) -> None:
        super().__init__(layer, Budget(k, keep).or_else(Budget(k=56)))
        if check_count("drop_layers", drop_layers, 0):
            self.layer_drop = DepthMemory(drop_layers, layer)
        self.head_interval = check_count("head_interval", head_interval)
        self.key = check_count("key", key)
        self.alpha = check_number("alpha", alpha, 0, 1)

    def reset(self, slots: Sequence[int]) -> None:
        """Forget which layers the slots' earlier episodes left out."""
        if self.layer_drop is not None:
            self.layer_drop.forget(slots)

    def prune(self, inputs: PrunerInput) -> Pruned:
        """Return (B, M, D), tokens in their order."""
        attention = self.attention_before(inputs)
        relevance = attention.mean(Role.INSTRUCTION, Role.STATE, Role.ACTION, Role.OTHER)
        relevance = check_finite(self.name, relevance)
        budget = self.budget.count(inputs.cameras)
        keys = min(self.key, budget)
        by_task = int(self.alpha * (budget - keys))
        key = rank_first(relevance, keys)
        # The highest `keys + by_task` are the key tokens and the highest of the rest.
        chosen = rank_first(relevance, keys + by_task)
        novelty = check_finite(self.name, _distance_to(widen(inputs.tokens), key))
        novelty = novelty.masked_fill(chosen, -torch.inf)
        chosen = chosen | rank_first(novelty, budget - keys - by_task)
        return select(inputs, chosen, relevance)


def _distance_to(tokens: Tensor, key: Tensor) -> Tensor:
    """Return 1 − max cosine to the tokens where bool (B, P) ``key`` is true, float32 (B, P)."""
    unit = functional.normalize(tokens, dim=-1)
    columns = torch.sort(~key, dim=1, stable=True).indices[:, : int(key[0].sum())]
    return 1 - (unit @ take_tokens(unit, columns).mT).amax(-1)
