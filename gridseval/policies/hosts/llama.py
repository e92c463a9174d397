"""A pruner inside a transformers Llama: hooks before its decoder layers and its last norm.

Works for one pass over the whole sequence, as OpenVLA-OFT's, and for a prompt with decoding steps
after it, as OpenVLA's, whose layers then have key-value caches of different lengths.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from gridseval.errors import PolicyError
from gridseval.policies.hosts.attention import (
    LayerInput,
    after,
    attention_rows,
    entropy_where,
    joined,
)
from gridseval.policies.hosts.depth import LayerDrop
from gridseval.policies.hosts.encoder import EncoderImages, EncoderPlace, check_at_encoder, take
from gridseval.policies.hosts.encoder_attention import EncoderAttention
from gridseval.policies.hosts.host import host_of
from gridseval.policies.hosts.layouts import Roles, whole_roles
from gridseval.policies.hosts.query import Query, QueryContext
from gridseval.policies.hosts.reuse import EntryReuse
from gridseval.policies.hosts.segment import Layout, Segment, Segments, segment_of, without_padding
from gridseval.policies.hosts.watch import OUTPUT, LayerWatch
from gridseval.tokens import TokenTrace
from gridseval.tokens.pruners.interface import AttentionMap, Pruner
from gridseval.tokens.pruners.layout import CameraGrid, Parts, Role, count_dense


class LlamaHooks:
    """Prunes inside a transformers Llama, and gives its last hidden states all places again.

    Hidden states of pruned tokens are zeros at the end, so that absolute slices of them hold. With
    every token kept, nothing is touched. All rows of a batch have the same prompt length.

    Args:
        language_model: With decoder layers and a norm, itself or in ``model``.
        pruner: Keeps or samples tokens.
        cameras: Grids of the visual tokens, in their order.
        roles: Of the tokens after them.
        bidirectional: Whether the model's tokens see both sides.
        before: Tokens before the visual ones, which are never pruned.
        projector: What makes tokens of the vision encoder's features, for pruners at the encoder.
        vision: The vision encoder, for those that need its attention.
        by_image: Whether the projector gets one image at a time, rather than all.
        parts: What can be left out besides tokens.

    Raises:
        PolicyError: The pruner needs what the model has not.
    """

    def __init__(
        self,
        language_model: Any,
        pruner: Pruner,
        cameras: tuple[CameraGrid, ...],
        roles: Roles,
        *,
        bidirectional: bool,
        before: int = 1,
        projector: Any = None,
        vision: Any = None,
        by_image: bool = False,
        parts: Parts = ("layers",),
    ) -> None:
        self._decoder = decoder = getattr(language_model, "model", language_model)
        self._pruner, self._cameras, self._roles = pruner, cameras, roles
        self._bidirectional, self._start = bidirectional, before
        self._end = before + count_dense(cameras)
        pruner.check_host(host_of(language_model, cameras, projector, vision=vision, parts=parts))
        needs = pruner.needs
        self._at_encoder = pruner.place.where == "encoder"
        check_at_encoder(pruner)
        self._places = {place.layer for place in pruner.places if not self._at_encoder}
        self._mapped = {*needs.observed, *sum(needs.attention, ())}
        wanted = {*self._mapped, *needs.outputs}
        self._watch = LayerWatch({at: decoder.layers[at] for at in wanted}, self._look)
        self._first_query = 0 if needs.every_query else self._end
        self._handles = [decoder.register_forward_pre_hook(self._open, with_kwargs=True)]
        self._handles += self._watch.handles
        self._images: EncoderImages | None = None
        if self._at_encoder:
            attention = EncoderAttention(vision) if needs.encoder_attention else None
            place: EncoderImages | EncoderPlace
            if by_image:
                place = self._images = EncoderImages(projector, cameras, attention)
            else:
                place = EncoderPlace(projector, cameras, lambda: self.query, attention)
            self._handles += place.handles
        self._handles += [
            layer.register_forward_pre_hook(partial(self._enter, number), with_kwargs=True)
            for number, layer in enumerate(decoder.layers)
        ]
        self._handles.append(decoder.norm.register_forward_pre_hook(self._leave))
        depth = pruner.layer_drop
        self._drop = None if depth is None else LayerDrop(decoder.layers, depth, self.segment)
        self._reuse = None if pruner.entries is None else EntryReuse(decoder, pruner.entries)
        if self._reuse is not None:
            self._handles += [
                layer.register_forward_hook(self._reuse.leave, always_call=True)
                for layer in decoder.layers
            ]
        self.begin()

    def remove(self) -> None:
        """Take the hooks out; the model is as it was."""
        if self._drop is not None:
            self._drop.remove()
        for handle in self._handles:
            handle.remove()

    def begin(self, context: QueryContext | None = None) -> None:
        """Begin a query: everything until :meth:`finish`, decoding steps included."""
        if self._images is not None:
            self._images.begin()
        self._begin(context)

    def _begin(self, context: QueryContext | None) -> None:
        self.query = Query(self._pruner, self._cameras, context or QueryContext())
        self._layout: Layout | None = None
        self._there: Tensor | None = None
        self._segments = Segments()
        self._keys: dict[int, Tensor] = {}
        self._decoded = 0
        self._text_roles: Tensor | None = None
        if self._reuse is not None:
            self._reuse.begin()
        if self._drop is not None:
            self._drop.begin()

    def finish(self) -> tuple[TokenTrace, ...]:
        """End a query: hand later attention to the pruner, and return what each row kept.

        Raises:
            PolicyError: There was none, or the pruner misses something.
        """
        if self._drop is not None:
            self._drop.finish()
        return self.query.finish()

    def _open(self, _: Any, __: Any, named: dict[str, Any]) -> None:
        """Note which tokens are padding; layers get no such mask."""
        mask = named.get("attention_mask")
        if isinstance(mask, Tensor) and mask.ndim == 2 and mask.shape[1] > self._end:
            self._there = mask.bool() if self._layout is None else self._there

    def _enter(self, number: int, layer: Any, given: Any, named: dict[str, Any]) -> Any:
        states = given[0] if given else named["hidden_states"]
        if number == 0 and states.shape[1] > self._end:
            self._lay_out(states, named)
        if self._layout is None:
            raise PolicyError(
                f"the language model got {states.shape[1]} tokens, and {self._end} come before the "
                "text"
            )
        if states.shape[1] <= self._end and number == 0:
            self._decoded += states.shape[1]
            if self._drop is not None:
                self._drop.decode()
        decoding = self._decoded > 0
        if not decoding and (number in self._places or (number == 0 and self._at_encoder)):
            states = self._prune(number, states)
        rotary: Any = getattr(self._decoder, "rotary_emb", None)
        if self._reuse is not None and not decoding:
            states, named = self._reuse.enter(
                number, states, named, self.query, self._layout, rotary
            )
        if (segment := self.segment(number)) is not None:
            if decoding:
                past = self._decoded - states.shape[1]
                named = segment.decoding(named, states, rotary, past)
            else:
                named = segment.arguments(named, states, rotary)
        if not decoding or self._pruner.needs.later:
            self._watch.expect(number, LayerInput(layer, states, named), decoding)
        if given:
            return (states, *given[1:]), named
        return given, {**named, "hidden_states": states}

    def _lay_out(self, states: Tensor, named: dict[str, Any]) -> None:
        """Note the whole sequence of a query's first pass."""
        if self._layout is not None:  # a model that is asked anew without `begin`
            self._begin(self.query.context)
        rows, length = states.shape[:2]
        positions = named.get("position_ids")
        if positions is None:
            positions = torch.arange(length, device=states.device)[None]
        there = self._there if self._there is not None and len(self._there) == rows else None
        mask = named.get("attention_mask")
        if self._start == 0 and isinstance(mask, Tensor) and mask.ndim == 4:
            # A prefix that sees itself whole: what no token sees is padding.
            seen = mask if mask.dtype == torch.bool else mask > torch.finfo(mask.dtype).min / 2
            there = seen[:, 0].any(dim=1).expand(rows, -1)
        self._layout = without_padding(
            Layout(
                self._start,
                self._end,
                length,
                positions.expand(rows, -1),
                there,
                self._bidirectional,
            )
        )
        roles = torch.tensor(self._roles(length - self._end), device=states.device)
        roles = roles.expand(rows, -1)
        if self._layout.there is not None:
            roles = roles.masked_fill(~self._layout.there[:, self._end :], int(Role.PADDING))
        self._text_roles = roles
        if self._drop is not None:
            slots = self.query.context.slots
            self._drop.enter(range(rows) if slots is None else slots)
            self.query.dropped = self._drop.dropped
        self.query.embedded = (states[:, self._start : self._end], states[:, self._end :])

    def segment(self, number: int) -> Segment | None:
        """Return what runs through a layer, ``None`` for the whole sequence."""
        return self._segments.at(number)

    def _prune(self, number: int, states: Tensor) -> Tensor:
        assert self._layout is not None and self._text_roles is not None
        end = states.shape[1] - (self._layout.length - self._end)
        text = states[:, end:]
        visual = states[:, self._start : end]
        if self._at_encoder:
            known = self.query.pruned if self._images is None else self._images.prune(self.query)
            assert known is not None
            pruned, kept = known, take(visual, known)
        else:
            pruned = self.query.prune(visual, text, self._text_roles, number)
            kept = pruned.tokens
        same = kept.shape[1] == end - self._start and bool(pruned.mask.all())
        if same and pruned.points is None and not pruned.renumbered:
            return states
        self._segments[number] = segment_of(self._layout, pruned)
        return torch.cat([states[:, : self._start], kept, text], dim=1)

    def keys(self, number: int) -> Tensor:
        """Return the keys of a layer that the pruner looks at, float (B, key heads, L, d)."""
        return self._keys[number]

    def columns(self, number: int) -> slice:
        """Return which of a layer's keys are those of visual tokens."""
        assert self._layout is not None and self._text_roles is not None
        segment = self.segment(number)
        length = self._layout.length if segment is None else segment.places.shape[1]
        return slice(self._start, length - self._text_roles.shape[1])

    def _look(self, number: int, given: LayerInput, decoding: bool) -> None:
        """Compute what a layer looks at, for the pruner."""
        assert self._layout is not None and self._text_roles is not None
        rows, segment, visual = slice(None), self.segment(number), self.columns(number)
        if number in self._pruner.needs.outputs and not decoding:
            self.query.outputs[number] = given.made[OUTPUT][:, visual]
        if number not in self._mapped:
            return
        end, complete = visual.stop, None
        if decoding:
            complete = after(self._keys[number])
        elif self._reuse is not None:
            segment, complete = self._reuse.segment, self._reuse.keys
            end += given.states.shape[1] - self._layout.length
        if not decoding and self._first_query:
            rows = slice(end, None)
        needed = self._pruner.needs.entropy
        weights, keys = attention_rows(given, rows, self._bidirectional, complete, mean=needed)
        self._keys[number] = keys
        entropy = entropy_where(needed, weights)
        there = None if segment is None else segment.there
        roles = whole_roles(self._start, end - self._start, self._text_roles, there)[:, rows]
        if decoding:
            roles = torch.full(
                (len(weights), weights.shape[2]), int(Role.ACTION), device=weights.device
            )
        made = AttentionMap(weights[..., visual], roles, entropy)
        before = self.query.maps.get(number) if decoding else None
        self.query.maps[number] = made if before is None else joined(before, made)

    def _leave(self, _: Any, given: tuple[Any, ...]) -> Any:
        last = self._segments[max(self._segments)] if self._segments else None
        if last is None and self._reuse is not None:
            last = self._reuse.segment
        if last is None or self._decoded:
            return given
        return (last.spread(given[0]), *given[1:])
