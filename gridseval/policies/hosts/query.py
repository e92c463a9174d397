"""One query's way through a pruner: what it is given, what it keeps, what it looked at later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from gridseval.errors import PolicyError
from gridseval.tokens import TokenTrace
from gridseval.tokens.pruners.interface import AttentionMap, Pruned, Pruner, PrunerInput
from gridseval.tokens.pruners.layout import CameraGrid


@dataclass(frozen=True, eq=False)
class QueryContext:
    """What a model does not know of its query, and some pruners need.

    Attributes:
        slots: Which episode each row belongs to; default: 0 to B − 1.
        generators: One random generator per row.
        pixels: float (B, cameras, height, width, 3), the model's input images.
    """

    slots: Sequence[int] | None = None
    generators: Sequence[torch.Generator] | None = None
    pixels: Tensor | None = None


@dataclass(eq=False)
class Query:
    """A query under way.

    Attributes:
        pruner: Chooses tokens.
        cameras: Grids of the dense visual tokens.
        context: What the policy says of the query.
        embedded: Visual and other tokens before decoder layer 0, once they are known.
        asked: What the pruner was given last.
        pruned: What it returned.
        counts: ``(layer, int64 (B,))``: visual tokens that run from that layer on.
        maps: Attention of layers that the pruner looks at, by layer.
        outputs: What attention adds to the visual tokens, by layer, float (B, P, D).
        encoder_attention: float (B, P), of the vision encoder.
        dropped: Decoder layers that each row leaves out; empty where none does.
    """

    pruner: Pruner
    cameras: tuple[CameraGrid, ...]
    context: QueryContext = field(default_factory=QueryContext)
    embedded: tuple[Tensor, Tensor] | None = None
    asked: PrunerInput | None = None
    pruned: Pruned | None = None
    counts: list[tuple[int, Tensor]] = field(default_factory=list)
    maps: dict[int, AttentionMap] = field(default_factory=dict)
    outputs: dict[int, Tensor] = field(default_factory=dict)
    encoder_attention: Tensor | None = None
    dropped: Sequence[frozenset[int]] = ()

    def prune(
        self, tokens: Tensor, text: Tensor | None, roles: Tensor | None, layer: int = 0
    ) -> Pruned:
        """Return what the pruner keeps at the next of its places.

        Args:
            tokens: float (B, P, D), the visual tokens at hand.
            text: float (B, T, D), all tokens after them.
            roles: int64 (B, T) of those.
            layer: The decoder layer that the place is before.

        Raises:
            PolicyError: The pruner refuses its input.
        """
        stage = 0 if self.pruned is None else self.pruned.stage + 1
        asked = self.pruner.needs.attention
        slots = self.context.slots
        self.asked = PrunerInput(
            tokens=tokens,
            cameras=self.cameras,
            text=text,
            text_roles=roles,
            attention={at: self.maps[at] for at in (asked[stage] if stage < len(asked) else ())},
            outputs=self.outputs,
            encoder_attention=self.encoder_attention,
            pixels=self.context.pixels,
            slots=range(len(tokens)) if slots is None else slots,
            generators=self.context.generators,
            embedded=self.embedded,
            earlier=self.pruned,
        )
        self.pruned = self.pruner(self.asked)
        self.note(layer, self.pruned.counts)
        return self.pruned

    def note(self, layer: int, counts: Tensor) -> None:
        """Note how many visual tokens run from a layer on, int64 (B,)."""
        if self.counts and self.counts[-1][0] == layer:
            self.counts.pop()
        self.counts.append((layer, counts))

    def finish(self) -> tuple[TokenTrace, ...]:
        """Hand later attention to the pruner; return what each row kept.

        Raises:
            PolicyError: The model was not asked.
        """
        if self.pruned is None or self.asked is None:
            raise PolicyError("the model was not asked since its pruner was put in")
        observed: Mapping[int, AttentionMap] = {
            layer: self.maps[layer] for layer in self.pruner.needs.observed if layer in self.maps
        }
        if self.pruner.needs.observed:
            self.pruner.observe(self.asked, self.pruned, observed)
        return self.pruned.traces
