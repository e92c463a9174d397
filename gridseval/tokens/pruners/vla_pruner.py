"""VLA-Pruner: prunes what neither the prefill nor the recent actions look at.

Source: VLA-Pruner, arXiv 2511.16449, and its code (MINT-SJTU/VLA-Pruner): ``modeling_llama.py``
(``fastv_forward``, ``_redundancy_minization``) and ``modeling_prismatic.py`` (history) of its ports
to OpenVLA and to OpenVLA-OFT. Training-free.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from gridseval.errors import PolicyError
from gridseval.tokens.pruners import products
from gridseval.tokens.pruners.budget import Budget
from gridseval.tokens.pruners.checks import (
    attention_of,
    check_attention,
    check_choice,
    check_count,
    check_finite,
    check_flag,
    check_number,
)
from gridseval.tokens.pruners.diversity import choose_diverse
from gridseval.tokens.pruners.early_scores import check_scores, score_early
from gridseval.tokens.pruners.history import History
from gridseval.tokens.pruners.interface import AttentionMap, Pruned, Pruner, PrunerInput
from gridseval.tokens.pruners.layout import Host, Needs, Place, Role, count_dense
from gridseval.tokens.pruners.selection import camera_slices, rank_first, select, to_dense_values

_DIRECTIONS = ("newest", "oldest")


class VlaPruner(Pruner):
    """Keeps M tokens that matter to language or to action, and of those diverse ones.

    With S_vl[m] the mean attention to m over heads and over the prefill's queries (all before the
    action slots) in layer K − 1, and S_act[m] the mean over heads and action queries in a later
    layer of each earlier query (0 for tokens that were pruned there)::

        Ŝ_act = Σ_{i=1..w} γ^i S_act^{t−i}
        C = Top-M(S_vl) ∪ Top-M(Ŝ_act)                      max-relevance
        kept = C reduced to M by greedy max–min over d = 1 − cos of input embeddings

    Input embeddings are the tokens before decoder layer 0. The first w queries of an episode are
    not pruned. History is kept per slot and forgotten by :meth:`reset`.

    Args:
        layer: K, the decoder layer from which on fewer tokens go, at least 1 (port to OpenVLA: 3;
            to OpenVLA-OFT: 4, which :meth:`defaults` takes there).
        action_layer: The decoder layer of S_act.
        keep: Share of the visual tokens to keep, in (0, 1] (paper: 0.5, 0.25, 0.125); 0.5
            where ``k`` is not given.
        k: Tokens per camera instead of a share.
        window: w, at least 1.
        gamma: γ, in (0, 1].
        heaviest: ``"newest"``: γ^1 weighs the newest query, as the paper and the OpenVLA-OFT port
            have it; ``"oldest"``: the window is reversed, a bug of the OpenVLA port.
        scores: Queries of S_vl: ``"prefill"``, the paper's; ``"last"``: the last token alone, as
            the authors' scripts for OpenVLA without ``_prefil`` in their names have it.
        per_camera: Choose M / cameras of each camera, as the OpenVLA-OFT port does (the default
            there), rather than M of all jointly.

    Raises:
        PolicyError: An argument is out of range; at the call, slots or attention are missing.
    """

    name = "vla_pruner"
    macs = staticmethod(products.diversity)

    def __init__(
        self,
        *,
        layer: int = 3,
        action_layer: int = 15,
        keep: float | None = None,
        k: int | None = None,
        window: int = 3,
        gamma: float = 0.8,
        heaviest: str = "newest",
        scores: str = "prefill",
        per_camera: bool = False,
    ) -> None:
        super().__init__()
        self.budget = Budget(k, keep).or_else(Budget(keep=0.5))
        self.window = check_count("window", window)
        self.gamma = check_number("gamma", gamma, 0, 1)
        if self.gamma == 0:
            raise PolicyError("a pruner's gamma must be more than 0: no action would count")
        self.reverse = check_choice("heaviest", heaviest, _DIRECTIONS) == "oldest"
        self.scores = check_scores(scores)
        self.per_camera = check_flag("per_camera", per_camera)
        self.action_layer = check_count("action_layer", action_layer, 0)
        self.places = (Place("layer", check_count("layer", layer)),)
        self.needs = Needs(
            embeddings=True,
            slots=True,
            attention=((layer - 1,),),
            every_query=scores == "prefill",
            observed=(action_layer,),
        )
        self._history: History[Tensor] = History(window)

    @classmethod
    def defaults(cls, host: Host) -> dict[str, object]:
        """Return the layers at the ports' relative depths, 3 (OpenVLA-OFT: 4) and 15 of 32.

        In OpenVLA-OFT each camera has a budget, too.
        """
        layer = host.scale_layer(4 if host.is_oft else 3)
        action_layer = max(layer, host.scale_layer(15))
        return {"layer": layer, "action_layer": action_layer, "per_camera": host.is_oft}

    def check_host(self, host: Host) -> None:
        """Refuse a model without the layers, or with too small grids."""
        super().check_host(host)
        self.budget.count(host.cameras)

    def reset(self, slots: Sequence[int]) -> None:
        """Forget the actions of slots that start new episodes."""
        self._history.forget(slots)

    def prune(self, inputs: PrunerInput) -> Pruned:
        """Return (B, K, D): M tokens of slots that are old enough, P of others."""
        assert inputs.slots is not None and inputs.embedded is not None
        attention = attention_of(self, inputs, self.place.layer - 1)
        language = check_finite(self.name, score_early(attention, self.scores))
        chosen = torch.ones_like(language, dtype=torch.bool)
        old = [row for row, slot in enumerate(inputs.slots) if self._is_old(slot)]
        if old:
            estimates = [self._estimate(inputs.slots[row]) for row in old]
            action = torch.stack(estimates).to(language)
            chosen[old] = self._choose(inputs, inputs.embedded[0][old], language[old], action)
            # A trace shows what ranked the tokens: the better of the two shares.
            language = language.index_copy(
                0,
                torch.tensor(old, device=language.device),
                torch.maximum(_share(language[old]), _share(action)),
            )
        return select(inputs, chosen, language)

    def observe(
        self, inputs: PrunerInput, pruned: Pruned, attention: Mapping[int, AttentionMap]
    ) -> None:
        """Remember what the action queries looked at.

        Raises:
            PolicyError: The layer's attention is missing, or has no action query in some row.
        """
        given = attention.get(self.action_layer)
        if given is None:
            raise PolicyError(
                f"pruner {self.name!r} needs the attention of decoder layer {self.action_layer} "
                "after each query"
            )
        rows, count = pruned.mask.shape
        dense = count_dense(pruned.cameras)
        check_attention(self, self.action_layer, given, rows, (count, dense))
        scores = given.mean(Role.ACTION)
        if scores.shape[1] != dense or count == dense:
            scores = to_dense_values(pruned, scores)
        assert inputs.slots is not None
        for slot, row in zip(inputs.slots, scores.detach(), strict=True):
            self._history.add(slot, row.clone())

    def _is_old(self, slot: int) -> bool:
        return len(self._history.newest_first(slot)) == self.window

    def _estimate(self, slot: int) -> Tensor:
        """Return Ŝ_act of one slot, float32 (P,)."""
        seen = self._history.newest_first(slot)
        ordered = reversed(seen) if self.reverse else iter(seen)
        weighted = [self.gamma**age * scores for age, scores in enumerate(ordered, start=1)]
        return torch.stack(weighted).sum(0)

    def _choose(
        self, inputs: PrunerInput, embedded: Tensor, language: Tensor, action: Tensor
    ) -> Tensor:
        """Return the kept tokens, bool (rows, P)."""
        groups = [(inputs.cameras, slice(0, inputs.dense_count))]
        if self.per_camera:
            groups = [((camera,), part) for camera, part in camera_slices(inputs.cameras)]
        parts = []
        for cameras, part in groups:
            count = self.budget.count(cameras)
            relevant = rank_first(language[:, part], count) | rank_first(action[:, part], count)
            parts.append(choose_diverse(embedded[:, part], relevant, count))
        return torch.cat(parts, 1)


def _share(scores: Tensor) -> Tensor:
    return scores / scores.sum(1, keepdim=True).clamp(min=torch.finfo(scores.dtype).tiny)
