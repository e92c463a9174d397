"""No pruning: what every method is compared with."""

from __future__ import annotations

from gridseval.tokens.pruners import products
from gridseval.tokens.pruners.interface import Pruned, Pruner, PrunerInput
from gridseval.tokens.pruners.selection import keep_all


class Dense(Pruner):
    """Keeps all P tokens at positions 0 to P - 1."""

    name = "dense"
    macs = staticmethod(products.none)

    def prune(self, inputs: PrunerInput) -> Pruned:
        """Return the input's tokens, float (B, P, D)."""
        return keep_all(inputs)
