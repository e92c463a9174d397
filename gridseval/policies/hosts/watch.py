"""Watches decoder layers: notes what their projections make, and says when one is over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from torch import Tensor

from gridseval.policies.hosts.attention import LayerInput

_PROJECTIONS = ("q_proj", "k_proj")
OUTPUT = "output"
"""Name of what attention adds to the tokens, among what a layer made."""


class LayerWatch:
    """Hooks on some decoder layers, so that their queries and keys need not be projected twice.

    Where a layer has no such modules, or does not call them, they are projected again.

    Args:
        layers: By number.
        then: Called when one of them is over that was expected, with its number, its input and the
            flag that :meth:`expect` was given.

    Attributes:
        handles: Of the hooks, for taking them out.
    """

    def __init__(
        self, layers: Mapping[int, Any], then: Callable[[int, LayerInput, bool], None]
    ) -> None:
        self._layers, self._then = layers, then
        self._expected: tuple[int, LayerInput, bool] | None = None
        self.handles: list[Any] = []
        for number, layer in layers.items():
            for name in _PROJECTIONS:
                projection = getattr(layer.self_attn, name, None)
                if projection is not None:
                    note = partial(self._note, number, name)
                    self.handles.append(projection.register_forward_hook(note))
            attended = partial(self._note, number, OUTPUT)
            self.handles.append(layer.self_attn.register_forward_hook(attended))
            self.handles.append(layer.register_forward_hook(partial(self._over, number)))

    def expect(self, number: int, given: LayerInput, flag: bool) -> None:
        """Learn that a layer begins, which may be one that is watched."""
        self._expected = (number, replace(given, made={}), flag) if number in self._layers else None

    def _note(self, number: int, name: str, _: Any, __: Any, made: Any) -> None:
        if self._expected is not None and self._expected[0] == number:
            first: Tensor = made[0] if isinstance(made, tuple) else made
            self._expected[1].made[name] = first.detach()

    def _over(self, number: int, *_: Any) -> None:
        if self._expected is not None and self._expected[0] == number:
            expected, self._expected = self._expected, None
            self._then(*expected)
