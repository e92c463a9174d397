"""A pruner inside a transformers Llama: hooks before its decoder layers and its last norm.

Begun: one pass over the whole sequence, as OpenVLA-OFT's. Decoding steps over caches of two
lengths, rows with unequal counts, and ``Pruner.observe`` are not there yet, and are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from gridseval.errors import PolicyError
from gridseval.policies.hosts.attention import LayerInput, attention_rows
from gridseval.policies.hosts.layouts import Roles
from gridseval.policies.hosts.slicing import Left, left_by, sliced, spread
from gridseval.tokens import TokenTrace
from gridseval.tokens.pruners.interface import AttentionMap, Pruned, Pruner, PrunerInput
from gridseval.tokens.pruners.layout import CameraGrid, Host, Role, count_dense


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
        self._left: Left | None = None
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
        if self._left is not None:
            named = sliced(named, self._left)
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
                    layer: self._attention(layer, end, roles)
                    for layer in (asked[stage] if stage < len(asked) else ())
                },
                slots=self.slots,
                embedded=self._embedded,
                earlier=self._pruned,
            )
        )
        if not bool(pruned.mask.all()):
            raise PolicyError("a Llama host keeps the same number of tokens in each row, as yet")
        anew = pruned.renumbered or pruned.points is not None
        if pruned.tokens.shape[1] == end - self._start and not anew:
            return states
        self._left = left_by(pruned, self._start, self._end, self._length)
        return torch.cat([states[:, : self._start], pruned.tokens, text], dim=1)

    def _attention(self, layer: int, end: int, text_roles: Tensor) -> AttentionMap:
        """Return the attention of a layer before, of all tokens or of those after ``end``."""
        first = 0 if self._pruner.needs.every_query else end
        rows = attention_rows(self._inputs[layer], slice(first, None), self._bidirectional)
        before = [Role.OTHER] * self._start + [Role.VISUAL] * (end - self._start)
        roles = torch.tensor(before[first:], device=rows.device, dtype=torch.int64)
        return AttentionMap(
            rows[..., self._start : end],
            torch.cat([roles.expand(len(text_roles), -1), text_roles], 1),
        )

    def _leave(self, _: Any, given: tuple[Any, ...]) -> Any:
        self._inputs = {}
        if self._left is None:
            return given
        return (spread(given[0], self._left.places, self._length), *given[1:])
