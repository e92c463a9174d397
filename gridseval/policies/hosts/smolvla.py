"""A pruner inside LeRobot's SmolVLA, whose layers run in LeRobot's loop.

``SmolVLMWithExpertModel.forward`` calls one of two methods per layer, with the hidden states of
both decoders in a list, and goes on with what is in that list. So the methods are wrapped: at a
pruner's place the list gets fewer tokens, and from there on masks and positions are those of the
tokens that are left. Attention is one function of queries, keys and values, which the methods ask
the model for; what it is given in a layer that a pruner looks at is noted on its way. The model's
file stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gridseval.errors import PolicyError
from gridseval.policies.hosts.attention import entropy_where, softmax_over
from gridseval.policies.hosts.encoder import EncoderImages, check_at_encoder, take
from gridseval.policies.hosts.encoder_attention import EncoderAttention
from gridseval.policies.hosts.host import host_of
from gridseval.policies.hosts.later import StepMeans
from gridseval.policies.hosts.masks import added_mask, mask_between, mask_of_others
from gridseval.policies.hosts.query import Query, QueryContext
from gridseval.policies.hosts.reuse import EntryReuse
from gridseval.policies.hosts.segment import Layout, Segments, segment_of, without_padding
from gridseval.tokens import TokenTrace
from gridseval.tokens.pruners.interface import AttentionMap, Pruner
from gridseval.tokens.pruners.layout import CameraGrid, Role, count_dense

_METHODS = ("forward_attn_layer", "forward_cross_attn_layer")
_INTERFACE = "get_attention_interface"


class SmolVlaHooks:
    """Prunes inside a SmolVLA.

    Args:
        parts: LeRobot's ``SmolVLMWithExpertModel``.
        pruner: Keeps or samples tokens.
        cameras: Grids of the visual tokens, in their order; words, the state and padding follow.

    Raises:
        PolicyError: The pruner needs what the model has not.
    """

    def __init__(self, parts: Any, pruner: Pruner, cameras: tuple[CameraGrid, ...]) -> None:
        self._parts, self._pruner, self._cameras = parts, pruner, cameras
        self._text = parts.get_vlm_model().text_model
        self._end = count_dense(cameras)
        vlm = parts.get_vlm_model()
        projector, vision = vlm.connector.modality_projection, vlm.vision_model
        pruner.check_host(host_of(self._text, cameras, projector, vision=vision, parts=()))
        check_at_encoder(pruner)
        self._images: EncoderImages | None = None
        if pruner.place.where == "encoder":
            shuffle = int(vlm.connector.scale_factor)
            needed = pruner.needs.encoder_attention
            attention = EncoderAttention(vision, shuffle) if needed else None
            self._images = EncoderImages(projector, cameras, attention)
        self._places = {place.layer for place in pruner.places}
        self._mapped = {*pruner.needs.observed, *sum(pruner.needs.attention, ())}
        self._reuse = None if pruner.entries is None else EntryReuse(self._text, pruner.entries)
        for name in _METHODS:
            setattr(parts, name, self._wrapped(getattr(parts, name)))
        setattr(parts, _INTERFACE, self._watched(getattr(parts, _INTERFACE)))
        self.begin()

    def remove(self) -> None:
        """Give the model its own methods back."""
        for name in (*_METHODS, _INTERFACE):
            delattr(self._parts, name)
        for handle in [] if self._images is None else self._images.handles:
            handle.remove()

    def begin(self, context: QueryContext | None = None) -> None:
        """Begin a query: everything until :meth:`finish`, all denoising steps."""
        if self._images is not None:
            self._images.begin()
        self._begin(context)

    def _begin(self, context: QueryContext | None) -> None:
        self.query = Query(self._pruner, self._cameras, context or QueryContext())
        self._layout: Layout | None = None
        self._segments = Segments()
        self._roles: Tensor | None = None
        self._later = StepMeans()
        self._noted: tuple[Tensor, Tensor, Tensor] | None = None
        if self._reuse is not None:
            self._reuse.begin()

    def finish(self) -> tuple[TokenTrace, ...]:
        """End a query: hand later attention to the pruner, and return what each row kept.

        Raises:
            PolicyError: There was none, or the pruner misses something.
        """
        self._later.join(self.query.maps)
        return self.query.finish()

    def _wrapped(self, own: Callable[..., Any]) -> Callable[..., Any]:
        def layer(
            layers: Any,
            embeds: list[Any],
            number: int,
            ids: Tensor,
            mask: Tensor,
            *rest: Any,
            **more: Any,
        ) -> Any:
            self._noted = None
            within = embeds[0] is not None
            if within:
                ids, mask, more = self._prefix(embeds, number, ids, mask, more)
            elif (segment := self._segments.at(number)) is not None:
                places, length = segment.places, segment.layout.length
                ids = ids - segment.gone
                mask = mask_of_others(mask[:, None], places, segment.there, length)[:, 0]
                _forget_suffix(more.get("past_key_values"), number, places.shape[1])
            try:
                made = own(layers, embeds, number, ids, mask, *rest, **more)
            finally:
                if self._reuse is not None:
                    self._reuse.leave()
            if within:
                self._look(number, layers[0][number], made[0][0])
            elif number in self._pruner.needs.observed and self._pruner.needs.later:
                self._look_later(number)
            return made

        return layer

    def _watched(self, own: Callable[[], Callable[..., Tensor]]) -> Callable[[], Any]:
        def interface() -> Any:
            attend = own()

            def attended(
                mask: Tensor, rows: int, width: int, queries: Tensor, keys: Tensor, values: Tensor
            ) -> Tensor:
                self._noted = queries, keys, mask
                return attend(mask, rows, width, queries, keys, values)

            return attended

        return interface

    def _prefix(
        self, embeds: list[Any], number: int, ids: Tensor, mask: Tensor, more: dict[str, Any]
    ) -> tuple[Tensor, Tensor, dict[str, Any]]:
        """Prune before a layer of the prefix's pass; return its positions, mask and the rest."""
        if number == 0:
            self._lay_out(embeds[0], ids, mask)
        if number in self._places:
            embeds[0] = self._prune(number, embeds[0])
        segment = self._segments.at(number)
        if segment is not None:
            ids = segment.positions
            mask = mask_between(mask[:, None], segment.places, segment.there)[:, 0]
        if self._reuse is None:
            return ids, mask, more
        if isinstance(cache := more.get("past_key_values"), dict) or cache is None:
            raise PolicyError(
                f"pruner {self._pruner.name!r} needs a SmolVLA with transformers' cache",
                "LeRobot 0.6.1 has it",
            )
        assert self._layout is not None
        named = {**more, "position_ids": ids, "attention_mask": mask[:, None]}
        embeds[0], named = self._reuse.enter(
            number, embeds[0], named, self.query, self._layout, None
        )
        ids, mask = named.pop("position_ids"), named.pop("attention_mask")[:, 0]
        return ids, mask, named

    def _lay_out(self, states: Tensor, ids: Tensor, mask: Tensor) -> None:
        if self._layout is not None:  # a model that is asked anew without `begin`
            self._begin(self.query.context)
        rows, length = states.shape[:2]
        there = mask.any(dim=1)  # what no token sees is padding
        self._layout = without_padding(
            Layout(0, self._end, length, ids.expand(rows, -1), there, bidirectional=True)
        )
        roles = torch.full((rows, length - self._end), int(Role.INSTRUCTION), device=ids.device)
        # The state is the last token that is there.
        last = (there * torch.arange(1, length + 1, device=ids.device)).argmax(dim=1) - self._end
        roles.scatter_(1, last[:, None], int(Role.STATE))
        self._roles = roles.masked_fill(~there[:, self._end :], int(Role.PADDING))
        self.query.embedded = (states[:, : self._end], states[:, self._end :])

    def _prune(self, number: int, states: Tensor) -> Tensor:
        assert self._layout is not None
        end = states.shape[1] - (self._layout.length - self._end)
        text = states[:, end:]
        if self._images is None:
            pruned = self.query.prune(states[:, :end], text, self._roles, number)
            kept = pruned.tokens
        else:
            pruned = self._images.prune(self.query)
            kept = take(states[:, :end], pruned)
        same = kept.shape[1] == end and bool(pruned.mask.all())
        if same and pruned.points is None and not pruned.renumbered:
            return states
        self._segments[number] = segment_of(self._layout, pruned)
        return torch.cat([kept, text], dim=1)

    def _look(self, number: int, layer: Any, attended: Tensor) -> None:
        """Compute what a layer of the prefix looks at, for the pruner."""
        assert self._roles is not None
        segment, count = self._segments.at(number), self._roles.shape[1]
        if number in self._pruner.needs.outputs:
            projected = layer.self_attn.o_proj(attended.to(layer.self_attn.o_proj.weight.dtype))
            self.query.outputs[number] = projected[:, : projected.shape[1] - count]
        if number not in self._mapped:
            return
        if self._reuse is not None:
            segment = self._reuse.segment
        visual = torch.full(
            (len(attended), attended.shape[1] - count), int(Role.VISUAL), device=attended.device
        )
        roles = torch.cat([visual, self._roles], dim=1)
        if segment is not None and segment.there is not None:
            roles = roles.masked_fill(~segment.there, int(Role.PADDING))
        self.query.maps[number] = self._map(roles, self._columns(number))

    def _look_later(self, number: int) -> None:
        """Add up what the expert looks at in a layer.

        Raises:
            PolicyError: The expert has no such layer.
        """
        if self._noted is None:
            raise PolicyError(
                f"pruner {self._pruner.name!r} needs the expert's attention in layer {number}, "
                "and this expert has fewer layers",
                "give it another layer",
            )
        queries = self._noted[0]
        roles = torch.full(queries.shape[:2], int(Role.ACTION), device=queries.device)
        self._later.add(number, self._map(roles, self._columns(number)))

    def _columns(self, number: int) -> int:
        """Return how many of a layer's first keys are those of visual tokens."""
        segment = self._segments.at(number)
        gone = 0 if segment is None else segment.layout.length - segment.places.shape[1]
        return self._end - gone

    def _map(self, roles: Tensor, columns: int) -> AttentionMap:
        """Return what the attention that was noted last looks at."""
        assert self._noted is not None
        queries, keys, mask = self._noted
        needed = self._pruner.needs.entropy
        weights = softmax_over(
            queries.float().transpose(1, 2),
            keys.float().transpose(1, 2),
            added_mask(mask[:, None], torch.float32),
            mean=False,
        )
        weights = weights.mean(1, keepdim=True) if needed else weights
        return AttentionMap(weights[..., :columns], roles, entropy_where(needed, weights))


def _forget_suffix(cache: Any, number: int, length: int) -> None:
    """Drop what the denoising step before has left in a layer's cache.

    LeRobot crops all layers to the whole prefix's length, which leaves it in shorter ones.
    """
    for layer in getattr(cache, "layers", ())[number : number + 1]:
        layer.keys = layer.keys[..., :length, :]
        layer.values = layer.values[..., :length, :]
