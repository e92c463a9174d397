"""Decoder layers that are left out, and denoising steps of an action head that are saved.

Both put another ``forward`` into modules; what is left out is not computed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from gridseval.policies.hosts.segment import Segment
from gridseval.tokens.pruners.depth import DepthMemory, importance


class LayerDrop:
    """Leaves out decoder layers, row by row; a layer runs as long as some row of a batch needs it.

    Args:
        layers: The decoder's.
        memory: The pruner's.
        segment: From a layer's number to what runs through it.
    """

    def __init__(
        self, layers: Sequence[Any], memory: DepthMemory, segment: Callable[[int], Segment | None]
    ) -> None:
        self._layers, self._memory, self._segment = layers, memory, segment
        for number, layer in enumerate(layers):
            layer.forward = self._wrapped(number, layer.forward)
        self.begin()

    def remove(self) -> None:
        """Give the layers their own ``forward`` back."""
        for layer in self._layers:
            del layer.forward

    def begin(self) -> None:
        """Begin a query, whose slots are not known yet."""
        self._slots: Sequence[int] = ()
        self._measured: dict[int, Tensor] = {}
        self._tuple = False
        self._measuring = False
        self.dropped: list[frozenset[int]] = []

    def enter(self, slots: Sequence[int]) -> None:
        """Learn which slots a query's rows are of."""
        self._slots = slots
        self.dropped = [self._memory.dropped(slot) for slot in slots]
        self._measuring = not all(map(self._memory.knows, slots))

    def finish(self) -> None:
        """End a query: what was measured decides what its episodes leave out from now on."""
        for row, slot in enumerate(self._slots):
            if self._measured and not self._memory.knows(slot):
                found = {layer: float(each[row]) for layer, each in self._measured.items()}
                self._memory.learn(slot, found)

    def decode(self) -> None:
        """Learn that what comes now are single tokens, by which nothing is measured."""
        self._measuring = False

    def _wrapped(self, number: int, own: Callable[..., Any]) -> Callable[..., Any]:
        def forward(states: Tensor, *rest: Any, **named: Any) -> Any:
            gone = [number in dropped for dropped in self.dropped]
            if gone and all(gone):
                # Layers of transformers before 4.48 return a tuple, with the cache at its end.
                cache = named.get("past_key_value")
                _hold_place(cache, number, states)
                return (states, cache) if self._tuple else states
            made = own(states, *rest, **named)
            self._tuple = isinstance(made, tuple)
            left: Tensor = made[0] if self._tuple else made
            if self._measuring and number >= self._memory.first:
                segment = self._segment(number)
                there = None if segment is None else segment.there
                self._measured[number] = importance(states, left, there)
            if any(gone):
                rows = torch.tensor(gone, device=left.device)[:, None, None]
                left = torch.where(rows, states, left)
            return (left, *made[1:]) if self._tuple else left

        return forward


def _hold_place(cache: Any, number: int, states: Tensor) -> None:
    """Give a layer that does not run an empty entry in a cache of lists.

    That of transformers before 4.46, such as OpenVLA's 4.40.1, appends what a layer gives it, and
    looks for it under the layer's number.
    """
    keys = getattr(cache, "key_cache", None)
    if isinstance(keys, list) and len(keys) == number:
        keys.append(states.new_empty(0))
        cache.value_cache.append(states.new_empty(0))


class HeadCache:
    """Lets an action head's attention and MLPs compute in some denoising steps only.

    Args:
        layers: The head's.
        interval: Steps from one that computes to the next.
    """

    def __init__(self, layers: Sequence[Any], interval: int) -> None:
        self._modules = [part for layer in layers for part in (layer.self_attn, layer.mlp)]
        self._interval = interval
        for module in self._modules:
            module.forward = self._wrapped(module, module.forward)
        self.begin()

    def remove(self) -> None:
        """Give the modules their own ``forward`` back."""
        for module in self._modules:
            del module.forward

    def begin(self) -> None:
        """Begin a query."""
        self._step, self._made = -1, dict[Any, Any]()

    def step(self) -> None:
        """Begin a denoising step."""
        self._step += 1
        if self._step % self._interval == 0:
            self._made.clear()

    def _wrapped(self, module: Any, own: Callable[..., Any]) -> Callable[..., Any]:
        def forward(*given: Any, **named: Any) -> Any:
            if module not in self._made:
                self._made[module] = own(*given, **named)
            return self._made[module]

        return forward
