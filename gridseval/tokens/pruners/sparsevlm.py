"""SparseVLM: text tokens that concern the image rate the visual ones; some pruned are recycled.

Source: SparseVLM, arXiv 2410.04417, section 3, and its code (Gumpest/SparseVLMs), whose numbers of
tokens per layer replace the paper's rank of the attention.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor

from gridseval.errors import PolicyError
from gridseval.tokens.pruners import products
from gridseval.tokens.pruners.budget import Budget
from gridseval.tokens.pruners.checks import (
    attention_of,
    check_finite,
    check_layers,
    check_number,
)
from gridseval.tokens.pruners.clusters import merge_clusters
from gridseval.tokens.pruners.interface import Pruned, Pruner, PrunerInput
from gridseval.tokens.pruners.layout import Host, Needs, Place
from gridseval.tokens.pruners.numerics import widen
from gridseval.tokens.pruners.roles import instruction_tokens
from gridseval.tokens.pruners.selection import (
    rank_first,
    select,
    take_tokens,
)

_SHARES = (300 / 576, 200 / 576, 110 / 576)


class SparseVlm(Pruner):
    """Keeps n_s tokens by rank at each of its layers, and recycles some of the others.

    Raters are the text tokens t with, of tokens V and T before layer 0::

        mean_v softmax_t(V Tᵀ) > its mean over t

    where T is the instruction (everything after the image where there is none). At a layer with p
    visual tokens left: score_j = mean over heads and raters of the attention from the layer before
    to j; the n_s highest stay. Of the p − n_s others, the r = ⌊recycle · (p − n_s)⌋ highest are
    merged into r // 10 + 1 clusters (:func:`~gridseval.tokens.pruners.clusters.merge_clusters`),
    each the mean of its tokens at its centre's place. So r // 10 + 1 tokens come on top of n_s.

    Args:
        layers: Decoder layers that it prunes at, ascending, each at least 1.
        keep: Share left by rank at the last layer, in (0, 1]; ``None``: the published shares 300,
            200 and 110 of 576 at the three layers.
        k: Tokens per camera at the last layer, instead of a share. With ``keep`` or ``k``, layers
            before the last keep shares in geometric progression.
        recycle: Share of the pruned tokens that are recycled, in [0, 1].

    Raises:
        PolicyError: An argument is out of range; at the call, attention or text is missing.
    """

    name = "sparsevlm"
    macs = staticmethod(products.sparsevlm)

    def __init__(
        self,
        *,
        layers: str | Sequence[int] = (2, 6, 15),
        keep: float | None = None,
        k: int | None = None,
        recycle: float = 0.3,
    ) -> None:
        super().__init__()
        stages = check_layers("layers", layers, low=1)
        self.budget = Budget(k, keep).or_else(Budget(keep=_SHARES[-1]))
        self.published = keep is None and k is None and len(stages) == len(_SHARES)
        self.recycle = check_number("share to recycle", recycle, 0, 1)
        self.places = tuple(Place("layer", layer) for layer in stages)
        self.needs = Needs(
            text=True, embeddings=True, attention=tuple((layer - 1,) for layer in stages)
        )

    @classmethod
    def defaults(cls, host: Host) -> dict[str, object]:
        """Return the layers at the paper's relative depths: 2, 6 and 15 of 32."""
        return {"layers": tuple(sorted({host.scale_layer(layer) for layer in (2, 6, 15)}))}

    def check_host(self, host: Host) -> None:
        """Refuse a model without the layers, or with too small grids."""
        super().check_host(host)
        self.budget.count(host.cameras)

    def prune(self, inputs: PrunerInput) -> Pruned:
        """Return (B, n_s + clusters, D), the same number of tokens in each row."""
        stage = inputs.stage
        if stage >= len(self.places):
            raise PolicyError(f"pruner {self.name!r} prunes at {len(self.places)} layers only")
        attention = attention_of(self, inputs, self.places[stage].layer - 1)
        text = inputs.text_roles
        assert text is not None
        tail = attention.roles[:, -text.shape[1] :]
        if not torch.equal(tail, text):
            raise PolicyError(
                f"pruner {self.name!r}: the attention's last queries must be the other tokens",
                "give one query per text token, in the same order",
            )
        raters = torch.zeros_like(attention.roles, dtype=torch.bool)
        raters[:, -text.shape[1] :] = find_raters(inputs)
        scores = check_finite(self.name, attention.mean_of(raters))
        count = min(self._count(inputs, stage), scores.shape[1])
        chosen = rank_first(scores, count)
        merged, chosen = self._recycle(inputs.tokens, scores, chosen)
        return select(dataclasses.replace(inputs, tokens=merged), chosen, scores)

    def _count(self, inputs: PrunerInput, stage: int) -> int:
        """Return n_s."""
        dense, last = inputs.dense_count, self.budget.count(inputs.cameras)
        if self.published:
            return max(1, round(_SHARES[stage] * dense))
        share = (last / dense) ** ((stage + 1) / len(self.places))
        return last if stage + 1 == len(self.places) else max(last, round(share * dense))

    def _recycle(self, tokens: Tensor, scores: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """Return tokens with clusters at their centres, and the choice with the centres added."""
        pruned = chosen.shape[1] - int(chosen[0].sum())
        recycled = int(self.recycle * pruned)
        if recycled == 0:
            return tokens, chosen
        best = rank_first(scores.masked_fill(chosen, -torch.inf), recycled)
        columns = torch.sort(~best, dim=1, stable=True).indices[:, :recycled]
        clusters = merge_clusters(take_tokens(tokens, columns), recycled // 10 + 1)
        centres = columns.gather(1, clusters.centres)
        where = centres[..., None].expand_as(clusters.means)
        return tokens.scatter(1, where, clusters.means), chosen.scatter(1, centres, True)


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
