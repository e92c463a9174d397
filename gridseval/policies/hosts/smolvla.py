"""A pruner inside LeRobot's SmolVLA, whose layers run in LeRobot's loop.

``SmolVLMWithExpertModel.forward`` calls one of two methods per layer, with the hidden states of
both decoders in a list, and goes on with what is in that list. So the methods are wrapped: at a
pruner's place the list gets fewer tokens, and from there on masks and positions are those of the
tokens that are left. The model's file stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gridseval.errors import PolicyError
from gridseval.policies.hosts.attention import LayerInput, attention_rows
from gridseval.policies.hosts.llama import host_of
from gridseval.policies.hosts.masks import mask_between, mask_of_others
from gridseval.policies.hosts.query import Query, QueryContext
from gridseval.policies.hosts.segment import Layout, Segments, segment_of, without_padding
from gridseval.tokens import TokenTrace
from gridseval.tokens.pruners.interface import AttentionMap, Pruner
from gridseval.tokens.pruners.layout import CameraGrid, Role, count_dense

_METHODS = ("forward_attn_layer", "forward_cross_attn_layer")
_WAVELENGTH = 10_000


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
        pruner.check_host(host_of(self._text, cameras))
        check_in_smolvla(pruner)
        self._places = {place.layer for place in pruner.places}
        self._wanted = set(sum(pruner.needs.attention, ()))
        self._own: dict[str, Callable[..., Any]] = {}
        for name in _METHODS:
            self._own[name] = getattr(parts, name)
            setattr(parts, name, self._wrapped(self._own[name]))
        self.begin()

    def remove(self) -> None:
        """Give the model its own methods back."""
        for name in _METHODS:
            delattr(self._parts, name)

    def begin(self, context: QueryContext | None = None) -> None:
        """Begin a query: everything until :meth:`finish`, all denoising steps."""
        self.query = Query(self._pruner, self._cameras, context or QueryContext())
        self._layout: Layout | None = None
        self._segments = Segments()
        self._roles: Tensor | None = None

    def finish(self) -> tuple[TokenTrace, ...]:
        """End a query, and return what each row kept.

        Raises:
            PolicyError: There was none.
        """
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
            if embeds[0] is not None:
                ids, mask = self._prefix(layers, embeds, number, ids, mask)
            elif (segment := self._segments.at(number)) is not None:
                places, length = segment.places, segment.layout.length
                ids = ids - segment.gone
                mask = mask_of_others(mask[:, None], places, segment.there, length)[:, 0]
                _forget_suffix(more.get("past_key_values"), number, places.shape[1])
            return own(layers, embeds, number, ids, mask, *rest, **more)

        return layer

    def _prefix(
        self, layers: Any, embeds: list[Any], number: int, ids: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Prune before a layer of the prefix's pass; return its positions and its mask."""
        if number == 0:
            self._lay_out(embeds[0], ids, mask)
        if number in self._places:
            embeds[0] = self._prune(number, embeds[0])
        segment = self._segments.at(number)
        if segment is not None:
            ids = segment.positions
            mask = mask_between(mask[:, None], segment.places, segment.there)[:, 0]
        if number in self._wanted:
            self._look(number, layers[0][number], embeds[0], ids, mask)
        return ids, mask

    def _lay_out(self, states: Tensor, ids: Tensor, mask: Tensor) -> None:
        if self._layout is not None:  # a model that is asked anew without `begin`
            self.begin(self.query.context)
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
        pruned = self.query.prune(states[:, :end], text, self._roles, number)
        same = pruned.tokens.shape[1] == end and bool(pruned.mask.all())
        if same and pruned.points is None and not pruned.renumbered:
            return states
        self._segments[number] = segment_of(self._layout, pruned)
        return torch.cat([pruned.tokens, text], dim=1)

    def _look(self, number: int, layer: Any, states: Tensor, ids: Tensor, mask: Tensor) -> None:
        """Compute what a layer looks at, for the pruner."""
        assert self._roles is not None
        end = states.shape[1] - self._roles.shape[1]
        named = {
            "attention_mask": mask[:, None],
            "position_embeddings": _rotation(ids, layer.self_attn.head_dim),
        }
        given = LayerInput(layer, states.to(layer.self_attn.q_proj.weight.dtype), named)
        weights, _ = attention_rows(given, slice(None), False)
        visual = torch.full((len(weights), end), int(Role.VISUAL), device=weights.device)
        roles = torch.cat([visual, self._roles], dim=1)
        segment = self._segments.at(number)
        if segment is not None and segment.there is not None:
            roles = roles.masked_fill(~segment.there, int(Role.PADDING))
        self.query.maps[number] = AttentionMap(weights[..., :end], roles)


def check_in_smolvla(pruner: Pruner) -> None:
    """Refuse a pruner that needs what LeRobot's loop does not show.

    Raises:
        PolicyError: With what that is.
    """
    for wrong, what in (
        (pruner.place.where == "encoder", "the vision encoder's features"),
        (bool(pruner.needs.observed), "attention after the query"),
        (bool(pruner.needs.outputs), "the output of a layer's attention"),
    ):
        if wrong:
            raise PolicyError(f"pruner {pruner.name!r} needs {what}, which SmolVLA's host lacks")


def _forget_suffix(cache: Any, number: int, length: int) -> None:
    """Drop what the denoising step before has left in a layer's cache.

    LeRobot crops all layers to the whole prefix's length, which leaves it in shorter ones.
    """
    for layer in getattr(cache, "layers", ())[number : number + 1]:
        layer.keys = layer.keys[..., :length, :]
        layer.values = layer.values[..., :length, :]


def _rotation(ids: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Return cosines and sines of LeRobot's rotary positions, float32 (B, L, width)."""
    exponents = (2.0 / width) * torch.arange(width // 2, dtype=torch.float32, device=ids.device)
    radians = ids[..., None].float() / _WAVELENGTH**exponents
    radians = torch.cat([radians, radians], dim=-1)
    return radians.cos(), radians.sin()
