"""A decoder whose layers take over key-value entries of earlier queries, as VLA-Cache has it.

The tokens that are reused leave the hidden states. What the layer then makes of the others is put
among the remembered keys and values before anything looks at it: by the layer's cache, whose
``update`` all attention of transformers calls, or by a stand-in where it has none.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor

from gridseval.errors import PolicyError
from gridseval.policies.hosts.query import Query
from gridseval.policies.hosts.segment import Layout, Segment
from gridseval.tokens.pruners.entries import EntryMemory, LayerEntries, Running

_NAMES = ("cache", "past_key_values", "past_key_value")
"""What transformers calls a layer's cache, newest name first."""


class EntryReuse:
    """Narrows what runs through a decoder's layers, and fills their keys and values up.

    Args:
        decoder: With layers and a configuration.
        memory: The pruner's.

    Raises:
        PolicyError: The decoder's attention cannot skip tokens.
    """

    def __init__(self, decoder: Any, memory: EntryMemory) -> None:
        if "flash" in str(getattr(decoder.config, "_attn_implementation", "")):
            raise PolicyError(
                "a pruner that reuses key-value entries leaves out queries, and flash attention "
                "takes no mask for those that are left",
                "load the model with attention by sdpa or eager",
            )
        self._memory = memory
        self._restore: Callable[[], None] | None = None
        self.begin()

    def begin(self) -> None:
        """Begin a query, whose first layers run on all tokens."""
        self.leave()
        self.segment: Segment | None = None
        self._running: Running | None = None
        self._entries: LayerEntries | None = None

    def enter(
        self,
        number: int,
        states: Tensor,
        named: dict[str, Any],
        query: Query,
        layout: Layout,
        rotary: Any,
    ) -> tuple[Tensor, dict[str, Any]]:
        """Return what runs through a layer, float (B, L, D), and its keyword arguments.

        Args:
            number: The layer's.
            states: What left the layer before.
            named: The layer's own arguments, for the whole sequence.
            query: What the pruner reuses; notes how many tokens run.
            layout: Of the whole sequence.
            rotary: The decoder's rotary module.

        Raises:
            PolicyError: The layer's mask is of a kind that cannot be sliced, or nothing is
                remembered of a slot.
        """
        assert query.pruned is not None and query.asked is not None
        reuse = query.pruned.reuse
        if reuse is not None and reuse.changes(number):
            running = reuse.running(number)
            states = layout.replace_visual(
                states, lambda visual: running.narrow(visual, self._running)
            )
            self._running = running
            self.segment = layout.running(running)
            query.note(number, running.counts)
        if self.segment is not None:
            named = self.segment.asking(named, states, rotary)
        if self._memory.remembers(number):
            slots = query.asked.slots
            assert slots is not None
            dense = layout.end - layout.start
            self._entries = LayerEntries(
                self._memory, number, slots, self._running, layout.start, dense
            )
            named = self._tap(named, self._entries)
        return states, named

    def leave(self, *_: Any) -> None:
        """Give the cache of a layer that is over its own ``update`` back."""
        if self._restore is not None:
            self._restore()
            self._restore = None

    def keys(self, computed: Tensor) -> Tensor:
        """Return all keys of the layer at hand, float (B, key heads, T, d)."""
        return computed if self._entries is None else self._entries.complete_keys(computed)

    def _tap(self, named: dict[str, Any], entries: LayerEntries) -> dict[str, Any]:
        """Let a layer's cache complete its keys and values."""
        name = next((each for each in _NAMES if each in named), _NAMES[-1])
        cache = named.get(name)
        if cache is None:
            return {**named, name: _Completing(entries)}
        own = cache.update

        def update(keys: Tensor, values: Tensor, *rest: Any, **more: Any) -> Any:
            return own(*entries.complete(keys, values), *rest, **more)

        cache.update = update
        self._restore = partial(delattr, cache, "update")
        return named


class _Completing:
    """Stands for a cache in a layer that has none."""

    def __init__(self, entries: LayerEntries) -> None:
        self._entries = entries

    def update(self, keys: Tensor, values: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Return the keys and values of all tokens."""
        return self._entries.complete(keys, values)
