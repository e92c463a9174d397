"""How many visual tokens a query ran on, layer by layer: what its cost follows from."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakKeyDictionary

from torch import Tensor

from gridseval.tokens import TokenTrace
from gridseval.tokens.pruners.interface import Pruner


class Stages:
    """Remembers the stages of each trace for as long as the trace is there."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[TokenTrace, tuple[tuple[int, int], ...]] = (
            WeakKeyDictionary()
        )
        self._dropped: WeakKeyDictionary[TokenTrace, frozenset[int]] = WeakKeyDictionary()

    def note(
        self,
        traces: Sequence[TokenTrace],
        counts: Sequence[tuple[int, Tensor]],
        dropped: Sequence[frozenset[int]] = (),
    ) -> tuple[TokenTrace, ...]:
        """Note the stages of a batch; return its traces.

        Args:
            traces: One per row.
            counts: ``(layer, int64 (B,))``: visual tokens that go on from that layer.
            dropped: Decoder layers that each row leaves out; empty where none does.
        """
        numbers = [(layer, left.tolist()) for layer, left in counts]
        for row, trace in enumerate(traces):
            self._known[trace] = tuple((layer, left[row]) for layer, left in numbers)
        self._dropped.update(zip(traces, dropped, strict=False))
        return tuple(traces)

    def dropped(self, trace: TokenTrace) -> frozenset[int]:
        """Return the decoder layers that a query left out."""
        return self._dropped.get(trace, frozenset())

    def of(self, trace: TokenTrace, pruner: Pruner) -> tuple[tuple[int, int], ...]:
        """Return ``(layer, tokens)``: visual tokens of a query from that layer on.

        Of a trace that was not noted, only the final number of tokens is known, and taken to hold
        from the pruner's first place on.
        """
        known = self._known.get(trace)
        return ((pruner.place.layer, trace.kept_count),) if known is None else known
