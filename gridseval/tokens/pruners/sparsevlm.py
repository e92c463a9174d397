"""SparseVLM: text tokens that concern the image rate the visual ones; some pruned are recycled.

Source: SparseVLM, arXiv 2410.04417, section 3, and its code (Gumpest/SparseVLMs 26a5f48):
``llava/model/language_model/modelling_sparse_llama.py`` and ``score.py``.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gridseval.errors import PolicyError
from gridseval.tokens.pruners import products
from gridseval.tokens.pruners.budget import Budget
from gridseval.tokens.pruners.checks import (
    attention_of,
    check_choice,
    check_count,
    check_finite,
    check_layers,
    check_number,
)
from gridseval.tokens.pruners.interface import AttentionMap, Pruned, Pruner, PrunerInput
from gridseval.tokens.pruners.layout import CameraGrid, Host, Needs, Place, count_dense
from gridseval.tokens.pruners.numerics import widen
from gridseval.tokens.pruners.recycling import select_and_merge
from gridseval.tokens.pruners.roles import instruction_tokens
from gridseval.tokens.pruners.rotary_bias import rotary_bias
from gridseval.tokens.pruners.selection import rank_first, select
from gridseval.tokens.pruners.sparsevlm_budget import (
    PUBLISHED,
    count_recycled,
    ranked_for_last,
    ranked_for_mean,
    scale_published,
)

_HEADS = 14
"""Heads that v2.0 listens to."""


class SparseVlm(Pruner):
    """Keeps n_s tokens by rank at each of its layers, and recycles some of the others.

    Raters are the text tokens t with, of tokens V and T before layer 0::

        mean_v softmax_t(V Tᵀ) > its mean over t

    where T is the instruction (everything after the image where there is none). Layers 2, 6 and 15
    of the code run on all tokens that they get; score_j = mean over heads and raters of *their*
    attention to j, and *their output* is pruned to the n_s highest: that is what enters layers 3, 7
    and 16, this class's places. Two versions:

    ``"1.0"``: of p pruned tokens the r = ⌊recycle · p⌋ + 1 highest are merged into ⌊r / 10⌋ + 1
    clusters (:func:`~gridseval.tokens.pruners.clusters.merge_clusters`), each the mean of its
    tokens. They come on top of n_s, after the kept tokens, and all positions are given anew.

    ``"2.0"``: nothing is merged and positions stay. Only the 14 heads count that attend most from
    raters to visual tokens, and each attention is divided by what rotary positions alone would give
    (:func:`~gridseval.tokens.pruners.rotary_bias.rotary_bias`), for text that follows the visual
    tokens without a gap.

    Args:
        layers: Decoder layers that run on fewer tokens first, ascending, each at least 1; the
            attention is of the layers before them.
        keep: Share of the visual tokens, in (0, 1]; with neither ``keep`` nor ``k``: 300, 200 and
            110 (v2.0: 118) of 576 by rank, the published list of budget 1/3.
        k: Tokens per camera, instead of a share.
        budget: What ``keep`` and ``k`` say. ``"last"``: what stays by rank at the last layer;
            layers before it keep shares in geometric progression. ``"mean"``: the authors' budget,
            the mean over all decoder layers of the tokens that leave a layer, merged ones included:
            1/3, 2/9, 1/6 and 1/9 are their lists 192, 128, 96 and 64 of 576, other shares a
            geometric progression.
        recycle: Share of the pruned tokens that v1.0 recycles, in [0, 1]; 0: none, and positions
            stay, as in the SparseVLM of VLA-Pruner's tables.
        version: ``"1.0"``, the code's default, or ``"2.0"``, as a text or a number.
        depth: The decoder's number of layers, for ``budget="mean"``.
        head_dim: Width of a decoder head, for v2.0; the host's where it is known.

    Raises:
        PolicyError: An argument is out of range; at the call, attention or text is missing.
    """

    name = "sparsevlm"
    macs = staticmethod(products.sparsevlm)

    def __init__(
        self,
        *,
        layers: int | str | Sequence[int] = (3, 7, 16),
        keep: float | None = None,
        k: int | None = None,
        budget: str = "last",
        recycle: float = 0.3,
        version: str | float = "1.0",
        depth: int = 32,
        head_dim: int = 128,
    ) -> None:
        super().__init__()
        self._stages = check_layers("layers", layers, low=1)
        self.version = check_choice("version", str(version), tuple(PUBLISHED))
        self.budget = Budget(k, keep).or_else(Budget(keep=110 / 576))
        self.published = keep is None and k is None and len(self._stages) == 3
        self.by_mean = check_choice("budget", budget, ("last", "mean")) == "mean"
        recycle = check_number("recycle", recycle, 0, 1)
        self.recycle = recycle if self.version == "1.0" else 0.0
        self.depth = check_count("depth", depth)
        self.head_dim = check_count("head_dim", head_dim, 2)
        self.places = tuple(Place("layer", layer) for layer in self._stages)
        self.needs = Needs(
            text=True,
            embeddings=True,
            attention=tuple((layer - 1,) for layer in self._stages),
            every_query=False,
        )

    @classmethod
    def defaults(cls, host: Host) -> dict[str, object]:
        """Return the layers at the code's relative depths, 3, 7 and 16 of 32, depth and head."""
        layers = tuple(sorted({host.scale_layer(layer) for layer in (3, 7, 16)}))
        head = {"head_dim": host.head_dim} if host.head_dim else {}
        return {"layers": layers, "depth": host.layers, **head}

    def check_host(self, host: Host) -> None:
        """Refuse a model without the layers, or whose grids cannot have the budget."""
        super().check_host(host)
        self.ranked(host.cameras)

    def prune(self, inputs: PrunerInput) -> Pruned:
        """Return (B, n_s + clusters, D), the same number of tokens in each row."""
        stage = inputs.stage
        if stage >= len(self.places):
            raise PolicyError(f"pruner {self.name!r} prunes at {len(self.places)} layers only")
        attention = attention_of(self, inputs, self._stages[stage] - 1)
        scores = check_finite(self.name, self._score(inputs, attention))
        count = min(self.ranked(inputs.cameras)[stage], scores.shape[1])
        chosen = rank_first(scores, count)
        if not self.recycle:
            return select(inputs, chosen, scores)
        recycled = count_recycled(scores.shape[1] - count, self.recycle)
        return select_and_merge(inputs, chosen, scores, recycled)

    def ranked(self, cameras: tuple[CameraGrid, ...]) -> tuple[int, ...]:
        """Return how many tokens stay by rank at each place.

        Raises:
            PolicyError: The budget cannot be kept.
        """
        dense, number = count_dense(cameras), self.budget.count(cameras)
        if self.published:
            return scale_published(PUBLISHED[self.version][192], dense)
        if not self.by_mean:
            return ranked_for_last(dense, number, len(self._stages))
        return ranked_for_mean(dense, number, self.version, self.recycle, self._stages, self.depth)

    def _score(self, inputs: PrunerInput, attention: AttentionMap) -> Tensor:
        """Return what ranks the tokens at hand, float32 (B, P)."""
        text = inputs.text_roles
        assert text is not None
        count = text.shape[1]
        if not torch.equal(attention.roles[:, -count:], text):
            raise PolicyError(
                f"pruner {self.name!r}: the attention's last queries must be the other tokens",
                "give one query per text token, in the same order",
            )
        found = find_raters(inputs)
        if self.version == "1.0":
            raters = torch.zeros_like(attention.roles, dtype=torch.bool)
            raters[:, -count:] = found
            return attention.mean_of(raters)
        positions = torch.arange(attention.weights.shape[3], device=text.device)
        if inputs.earlier is not None:
            positions = inputs.earlier.position_ids[:, None]
        queries = inputs.dense_count + torch.arange(count, device=text.device)
        bias = rotary_bias(queries[:, None] - positions, self.head_dim)
        weights = widen(attention.weights[:, :, -count:])
        weights = weights / bias.view(-1, 1, *bias.shape[-2:])
        share = found.to(weights.dtype) / found.sum(1, keepdim=True)
        by_head = torch.einsum("bq,bhqp->bhp", share, weights)
        heads = rank_first(by_head.sum(2), _HEADS).to(weights.dtype)
        return torch.einsum("bh,bhp->bp", heads, by_head) / heads.sum(1, keepdim=True)


def find_raters(inputs: PrunerInput) -> Tensor:
    """Return the text tokens that rate, bool (B, T); all candidates where none stands out."""
    assert inputs.embedded is not None and inputs.text_roles is not None
    visual, text = (widen(part) for part in inputs.embedded)
    candidates = instruction_tokens(inputs.text_roles)
    logits = (visual @ text.mT).masked_fill(~candidates[:, None], -torch.inf)
    relevance = logits.softmax(-1).mean(1)
    mean = 1 / candidates.sum(1, keepdim=True)  # a softmax sums to 1
    raters = candidates & (relevance > mean)
    return torch.where(raters.any(1, keepdim=True), raters, candidates)
