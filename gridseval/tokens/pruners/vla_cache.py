"""VLA-Cache: which visual tokens' key-value entries of the previous query are used again.

Source: VLA-Cache, arXiv 2502.02175, sections 3.2 to 3.4, and its code (siyuhsu/vla-cache). No token
is deleted: all of them can be attended to, and :class:`~gridseval.tokens.pruners.entries.Reuse`
says which need no computing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from gridseval.errors import PolicyError
from gridseval.tokens.pruners import products
from gridseval.tokens.pruners.checks import (
    check_attention,
    check_choice,
    check_count,
    check_entropy,
    check_finite,
    check_layers,
    check_number,
)
from gridseval.tokens.pruners.entries import EntryMemory
from gridseval.tokens.pruners.entropy import layer_shares
from gridseval.tokens.pruners.history import History
from gridseval.tokens.pruners.interface import AttentionMap, Pruned, Pruner, PrunerInput, Reuse
from gridseval.tokens.pruners.layout import CameraGrid, Host, Needs, Role
from gridseval.tokens.pruners.patches import compare_patches
from gridseval.tokens.pruners.roles import instruction_tokens
from gridseval.tokens.pruners.selection import (
    camera_slices,
    keep_all,
    rank_first,
)

_ORDERS = ("index", "similarity")


class Looks(NamedTuple):
    """What a query's attention says about the next one.

    Attributes:
        relevance: float32 (P,): attention of the text to each visual token.
        shares: float (layers,): the share of the reusable tokens that each layer reuses.
    """

    relevance: Tensor
    shares: Tensor


class VlaCache(Pruner):
    """Reuses static tokens that the task does not concern.

    static = the ``static`` tokens per camera with the highest patch similarity to the previous
    query's image, of those with similarity ≥ ``threshold`` (cosine of the raw pixels of a patch);
    relevant = the ``relevant`` tokens per camera that the text attends to most in the previous
    query, in layer ``relevance_layer`` (mean over heads and instruction); reusable = static minus
    relevant. The share of them that layer l reuses follows the previous query's attention::

        E_l = mean over queries of the entropy of layer l's attention onto all tokens
        α_l = 1 − (E_l − min E) / (max E − min E)
        where α rises from layer to layer, the step is multiplied by ``growth``

    with E of all layers and over all keys, BOS included, which the model computes
    (:func:`~gridseval.tokens.pruners.entropy.entropy_of`); queries of tokens that are decoded after
    the prompt do not count. Tokens leave the computation at
    ``locations`` only: at each, the first max(1, ⌊α_l n⌋) of the n reusable tokens, unless more
    have left before. A slot's first query reuses nothing. The code takes a fixed range of 35 tokens
    (OpenVLA-OFT: 34, state included) for the instruction; here it is the instruction.

    Args:
        threshold: Least similarity of a static patch, in [-1, 1].
        static: Most static tokens per camera, at least 1 (code: 130 in OpenVLA, 150 in
            OpenVLA-OFT; :meth:`defaults` follows).
        relevant: Task-relevant tokens per camera, at least 0 (code: 120 in OpenVLA, 100 in
            OpenVLA-OFT; :meth:`defaults` follows).
        relevance_layer: Decoder layer of the text's attention.
        locations: Decoder layers at which tokens leave, ascending.
        layers: The decoder's number of layers, at least 2.
        growth: In [0, 1].
        order: Which reusable tokens leave first: ``"index"``: the first ones, as in the code;
            ``"similarity"``: the most static ones.

    Raises:
        PolicyError: An argument is out of range; at the call, slots or pixels are missing, or the
            image cannot be cut into the grid.
    """

    name = "vla_cache"
    entries: EntryMemory
    macs = staticmethod(products.vla_cache)

    def __init__(
        self,
        *,
        threshold: float = 0.996,
        static: int = 130,
        relevant: int = 120,
        relevance_layer: int = 15,
        locations: str | Sequence[int] = (2, 6, 9, 11),
        layers: int = 32,
        growth: float = 0.55,
        order: str = "index",
    ) -> None:
        super().__init__()
        self.threshold = check_number("threshold", threshold, -1, 1)
        self.static = check_count("static", static)
        self.relevant = check_count("relevant", relevant, 0)
        self.relevance_layer = check_count("relevance_layer", relevance_layer, 0)
        self.locations = check_layers("locations", locations)
        self.layers = check_count("layers", layers, 2)
        self.growth = check_number("growth", growth, 0, 1)
        self.by_similarity = check_choice("order", order, _ORDERS) == "similarity"
        self.needs = Needs(
            pixels=True, slots=True, observed=tuple(range(layers)), entropy=True, later=False
        )
        if max(*self.locations, self.relevance_layer) >= layers:
            raise PolicyError(
                f"pruner 'vla_cache' works at layers {max(*self.locations, self.relevance_layer)} "
                f"of a decoder of {layers}",
                "give it other locations and another relevance_layer",
            )
        self.entries = EntryMemory(self.locations[0])
        self._images: History[Tensor] = History(1)
        self._looks: History[Looks] = History(1)

    @classmethod
    def defaults(cls, host: Host) -> dict[str, object]:
        """Return the layers at the code's relative depths in a decoder of 32, and its numbers.

        They are those of the port to OpenVLA-OFT where the model has several cameras, as that has,
        and those of the port to OpenVLA where it has one.
        """
        static, relevant = (150, 100) if len(host.cameras) > 1 or host.is_oft else (130, 120)
        locations = sorted({host.scale_layer(layer) for layer in (2, 6, 9, 11)})
        return {
            "static": static,
            "relevant": relevant,
            "layers": host.layers,
            "relevance_layer": host.scale_layer(15),
            "locations": tuple(locations),
        }

    def reset(self, slots: Sequence[int]) -> None:
        """Forget the images, attention and entries of slots that start new episodes."""
        self.entries.forget(slots)
        self._images.forget(slots)
        self._looks.forget(slots)

    def prune(self, inputs: PrunerInput) -> Pruned:
        """Return all tokens, (B, P, D), and what is reused."""
        assert inputs.slots is not None and inputs.pixels is not None
        orders, counts = [], []
        for slot, image in zip(inputs.slots, inputs.pixels, strict=True):
            before = self._images.newest_first(slot)
            looks = self._looks.newest_first(slot)
            if before and looks:
                order, count = self._reuse(inputs.cameras, image, before[0], looks[0])
            else:
                order = torch.arange(inputs.dense_count, device=image.device)
                count = order.new_zeros(self.layers)
            orders.append(order)
            counts.append(count)
            self._images.add(slot, image.clone())
        reuse = Reuse(torch.stack(orders), torch.stack(counts))
        return _with_reuse(keep_all(inputs), reuse)

    def observe(
        self, inputs: PrunerInput, pruned: Pruned, attention: Mapping[int, AttentionMap]
    ) -> None:
        """Remember what the text looked at, and how focused each layer was.

        Raises:
            PolicyError: A layer's attention or its entropy is missing, has another shape or is not
                finite.
        """
        shape = pruned.mask.shape
        for layer in self.needs.observed:
            if layer not in attention:
                raise PolicyError(
                    f"pruner {self.name!r} needs the attention of decoder layer {layer} after "
                    "each query"
                )
            check_attention(self, layer, attention[layer], shape[0], (shape[1],))
            check_entropy(self, layer, attention[layer])
        looks = attention[self.relevance_layer]
        words = instruction_tokens(
            looks.roles.masked_fill(looks.roles == Role.VISUAL, int(Role.PADDING))
        )
        relevance = check_finite(self.name, looks.mean_of(words))
        entropies = [_mean_entropy(attention[layer]) for layer in range(self.layers)]
        shares = layer_shares(check_finite(self.name, torch.stack(entropies, 1)), self.growth)
        assert inputs.slots is not None
        for row, slot in enumerate(inputs.slots):
            self._looks.add(slot, Looks(relevance[row].detach(), shares[row].detach()))

    def _reuse(
        self, cameras: tuple[CameraGrid, ...], image: Tensor, before: Tensor, looks: Looks
    ) -> tuple[Tensor, Tensor]:
        """Return one row's order, int64 (P,), and counts, int64 (layers,)."""
        similarity = torch.cat(
            [
                compare_patches(now, then, camera)
                for now, then, camera in zip(image, before, cameras, strict=True)
            ]
        )
        reusable = torch.zeros_like(similarity, dtype=torch.bool)
        for camera, part in camera_slices(cameras):
            close = similarity[part] >= self.threshold
            static = rank_first(similarity[None, part], min(self.static, camera.count))[0]
            task = rank_first(looks.relevance[None, part], min(self.relevant, camera.count))[0]
            reusable[part] = close & static & ~task
        rank = similarity if self.by_similarity else torch.zeros_like(similarity)
        rank = rank.masked_fill(~reusable, -torch.inf)
        order = torch.sort(rank, descending=True, stable=True).indices
        return order, self._counts(looks.shares, int(reusable.sum())).to(order)

    def _counts(self, shares: Tensor, reusable: int) -> Tensor:
        """Return how many tokens each decoder layer reuses, int64 (layers,), never falling."""
        counts = torch.zeros(self.layers, dtype=torch.int64)
        for layer in self.locations:
            counts[layer] = min(reusable, max(1, int(float(shares[layer]) * reusable)))
        return counts.cummax(0).values


def _mean_entropy(attention: AttentionMap) -> Tensor:
    """Return float (B,): the mean over the queries of the pass over all tokens, without padding."""
    assert attention.entropy is not None  # observe has checked it
    end = attention.roles.shape[1] - attention.later
    real = (attention.roles != Role.PADDING) & (
        torch.arange(attention.roles.shape[1], device=attention.roles.device) < end
    )
    total = attention.entropy.masked_fill(~real, 0).sum(1)
    return total / real.sum(1).clamp(min=1)


def _with_reuse(pruned: Pruned, reuse: Reuse) -> Pruned:
    layers = reuse.counts.shape[1]
    reused = torch.stack([reuse.entries(layer) for layer in range(layers)]).float().mean(0)
    return dataclasses.replace(pruned, reuse=reuse, scores=1 - reused)
