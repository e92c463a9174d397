"""What FastV, EfficientVLA and FlashVLA share: one early decoder layer."""

from __future__ import annotations

import abc

from gridseval.tokens.pruners.budget import Budget
from gridseval.tokens.pruners.checks import attention_of, check_count
from gridseval.tokens.pruners.interface import AttentionMap, Pruner, PrunerInput
from gridseval.tokens.pruners.layout import Host, Needs, Place


class EarlyLayer(Pruner, abc.ABC):
    """Keeps a number of tokens from one decoder layer on, by the attention of the layer before.

    It needs that attention's weights, unless a subclass sets other :attr:`needs`.

    Args:
        layer: The decoder layer, at least 1.
        budget: Tokens to keep of all cameras.

    Raises:
        PolicyError: The layer is out of range.
    """

    def __init__(self, layer: int, budget: Budget) -> None:
        super().__init__()
        self.budget = budget
        self.places = (Place("layer", check_count("layer", layer)),)
        self.needs = Needs(attention=((layer - 1,),))

    @classmethod
    def defaults(cls, host: Host) -> dict[str, object]:
        """Return the layer at the relative depth of FastV's and FlashVLA's papers: 2 of 32."""
        return {"layer": host.scale_layer(2)}

    def check_host(self, host: Host) -> None:
        """Refuse a model without the layer, or with too small grids."""
        super().check_host(host)
        self.budget.count(host.cameras)

    def attention_before(self, inputs: PrunerInput) -> AttentionMap:
        """Return the attention of the layer before.

        Raises:
            PolicyError: It is missing, or has another shape.
        """
        return attention_of(self, inputs, self.place.layer - 1)
