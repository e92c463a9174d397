"""A pruner inside a transformers Llama: hooks before its decoder layers and its last norm.

Begun: one pass over the whole sequence, as OpenVLA-OFT's. Decoding steps over caches of two
lengths, rows with unequal counts, and ``Pruner.observe`` are not there yet, and are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from gridseval.errors import PolicyError
from gridseval.policies.hosts.attention import LayerInput, attention_rows
from gridseval.tokens import TokenTrace
from gridseval.tokens.pruners.interface import AttentionMap, Pruned, Pruner, PrunerInput
from gridseval.tokens.pruners.layout import CameraGrid, Host, Role, count_dense

Roles = Callable[[int], Sequence[Role]]
"""From the number of tokens after the visual ones to the role of each."""


def oft_roles(length: int, *, state: bool = True, slots: int = 56) -> tuple[Role, ...]:
    """Return the roles of OpenVLA-OFT's tokens after the visual ones.

    They are state, prompt, action slots, stop.

    Args:
        length: Their number.
        state: Whether there is a token of the state.
        slots: Action slots.
    """
    prompt = length - int(state) - slots - 1
    return (
        *([Role.STATE] * int(state)),
        *([Role.INSTRUCTION] * prompt),
        *([Role.ACTION] * slots),
        Role.OTHER,
    )


class LlamaHooks:
    """Prunes inside a transformers Llama, and gives its last hidden states all places again.

    Hidden states of pruned tokens are zeros at the end, so that absolute slices of them hold.

    Args:
        language_model: With decoder layers and a norm, itself or in ``model``.
        pruner: Keeps or samples tokens.
        cameras: Grids of the visual tokens, in their order.
        roles: Of the tokens after them.
        bidirectional: Whether the model's tokens see both sides.
        before: Tokens before the visual ones, which are never pruned.

    Raises:
        PolicyError: The pruner needs what a language model has not.
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
    ) -> None:
        decoder = getattr(language_model, "model", language_model)
        self._pruner, self._cameras, self._roles = pruner, cameras, roles
        self._bidirectional, self._start = bidirectional, before
        self._end = before + count_dense(cameras)
        self._check(Host(decoder.config.hidden_size, len(decoder.layers), cameras, 0))
        self._wanted = {layer for layers in pruner.needs.attention for layer in layers}
        self._handles = [
            layer.register_forward_pre_hook(partial(self._enter, number), with_kwargs=True)
            for number, layer in enumerate(decoder.layers)
        ]
        self._handles.append(decoder.norm.register_forward_pre_hook(self._leave))
        self.slots: Sequence[int] | None = None
        self._begin()

    def remove(self) -> None:
        """Take the hooks out; the model is as it was."""
        for handle in self._handles:
            handle.remove()

    def trace(self) -> TokenTrace:
        """Return what the last query kept.

        Raises:
            PolicyError: There was none.
        """
        if self._pruned is None:
            raise PolicyError("the model was not asked since its pruner was put in")
        return self._pruned.traces[0]

    def _check(self, host: Host) -> None:
        self._pruner.check_host(host)
        needs = self._pruner.needs
        for wrong, what in (
            (
                any(place.where == "encoder" for place in self._pruner.places),
                "features of the vision",
            ),
            (bool(needs.observed), "attention after the query"),
            (needs.pixels, "images"),
            (needs.generators, "random generators"),
        ):
            if wrong:
                raise PolicyError(
                    f"pruner {self._pruner.name!r} needs {what}, and a Llama host gives none yet"
                )

    def _begin(self) -> None:
        self._pruned: Pruned | None = None
        self._places: Tensor | None = None
        self._inputs: dict[int, LayerInput] = {}
        self._embedded: tuple[Tensor, Tensor] | None = None
        self._length = 0

    def _enter(self, number: int, layer: Any, given: Any, named: dict[str, Any]) -> Any:
        states = given[0] if given else named["hidden_states"]
        if number == 0:
            self._begin()
            self._length = states.shape[1]
            self._embedded = (states[:, self._start : self._end], states[:, self._end :])
            if self._length <= self._end:
                raise PolicyError(
                    f"a Llama host got {self._length} tokens, and {self._end} come before the text",
                    "decoding steps are not supported yet",
                )
        places = [(p.layer if p.where == "layer" else 0) for p in self._pruner.places]
        if number in places:
            states = self._prune(states)
        if self._places is not None:
            named = _sliced(named, self._places)
        if number in self._wanted:
            self._inputs[number] = LayerInput(layer, states, named)
        if given:
            return (states, *given[1:]), named
        return given, {**named, "hidden_states": states}

    def _prune(self, states: Tensor) -> Tensor:
        end = states.shape[1] - (self._length - self._end)
        text = states[:, end:]
        roles = torch.tensor([self._roles(text.shape[1])] * len(text), device=text.device)
        stage = 0 if self._pruned is None else self._pruned.stage + 1
        asked = self._pruner.needs.attention
        self._pruned = pruned = self._pruner(
            PrunerInput(
                tokens=states[:, self._start : end],
                cameras=self._cameras,
                text=text,
                text_roles=roles,
                attention={
                    layer: AttentionMap(
                        attention_rows(self._inputs[layer], slice(end, None), self._bidirectional)[
                            ..., self._start : end
                        ],
                        roles,
                    )
                    for layer in (asked[stage] if stage < len(asked) else ())
                },
                slots=self.slots,
                embedded=self._embedded,
                earlier=self._pruned,
            )
        )
        if not bool(pruned.mask.all()):
            raise PolicyError("a Llama host keeps the same number of tokens in each row, as yet")
        if pruned.tokens.shape[1] == end - self._start and pruned.points is None:
            return states
        self._places = self._kept_places(pruned, states.device)
        return torch.cat([states[:, : self._start], pruned.tokens, text], dim=1)

    def _kept_places(self, pruned: Pruned, device: torch.device) -> Tensor:
        rows = len(pruned.mask)
        first = torch.arange(self._start, device=device).expand(rows, -1)
        rest = torch.arange(self._end, self._length, device=device).expand(rows, -1)
        return torch.cat([first, self._start + pruned.position_ids, rest], dim=1)

    def _leave(self, _: Any, given: tuple[Any, ...]) -> Any:
        if self._places is None:
            return given
        states = given[0]
        whole = states.new_zeros(len(states), self._length, states.shape[2])
        index = self._places[..., None].expand_as(states)
        return (whole.scatter(1, index, states), *given[1:])


def _sliced(named: dict[str, Any], places: Tensor) -> dict[str, Any]:
    """Return a layer's arguments for the tokens at int64 (B, L) places of the whole sequence."""
    made = dict(named)
    if isinstance(positions := named.get("position_ids"), Tensor):
        made["position_ids"] = positions.expand(len(places), -1).gather(1, places)
    if named.get("position_embeddings") is not None:
        made["position_embeddings"] = tuple(
            part.expand(len(places), -1, -1).gather(
                1, places[..., None].expand(-1, -1, part.shape[-1])
            )
            for part in named["position_embeddings"]
        )
    if isinstance(mask := named.get("attention_mask"), Tensor):
        rows = torch.arange(len(places), device=places.device)[:, None]
        if mask.ndim == 2:
            made["attention_mask"] = mask.expand(len(places), -1).gather(1, places)
        else:
            mask = mask.expand(len(places), -1, -1, -1)
            made["attention_mask"] = mask[
                rows[..., None], :, places[:, :, None], places[:, None]
            ].movedim(-1, 1)
    if isinstance(cached := named.get("cache_position"), Tensor):
        made["cache_position"] = cached[: places.shape[1]]
    return made
