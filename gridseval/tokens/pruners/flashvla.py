"""FlashVLA: the visual tokens that carry an early attention's output, and chunks used twice.

Source: "Think Twice, Act Once: Token-Aware Compression and Action Reuse for Efficient Inference in
Vision-Language-Action Models", arXiv 2505.21200, sections 3.2 and 3.3. No code of its authors is
public; where the paper leaves something open, the class says what is done here.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gridseval.errors import PolicyError
from gridseval.tokens.pruners import products
from gridseval.tokens.pruners.budget import Budget
from gridseval.tokens.pruners.checks import (
    check_count,
    check_finite,
    check_flag,
    check_number,
)
from gridseval.tokens.pruners.early_layer import EarlyLayer
from gridseval.tokens.pruners.interface import Pruned, PrunerInput
from gridseval.tokens.pruners.layout import Needs
from gridseval.tokens.pruners.selection import rank_first, select
from gridseval.tokens.skipping import ChunkReuse


class FlashVla(EarlyLayer):
    """Keeps the tokens that contribute most to the attention's output, from a layer on.

    With T the attention's output (after its output projection) of layer ``layer`` − 1 for the P
    visual tokens of all cameras, T = U Σ Vᵀ::

        C(x) = Σ_{i ≤ r} |U_xi σ_i|
        r = ⌈exp(−Σ p_i ln p_i)⌉, p_i = σ_i / Σ σ

    The paper calls r the rank of T without saying how it cuts; here it is the effective rank (Roy
    and Vetterli, EUSIPCO 2007), rounded up. Order and position ids stay. The last chunk is used
    once more where actions and kept tokens are stable:
    :class:`~gridseval.tokens.skipping.ChunkReuse`.

    Args:
        layer: The first decoder layer with fewer tokens, at least 1 (paper: after 2 layers).
        keep: Share of the visual tokens to keep; 0.625 (160 of 256, the paper's main row) where
            ``k`` is not given.
        k: Tokens per camera instead of a share; k · cameras are kept, of all cameras jointly.
        reuse: Whether chunks are used again.
        angle: ε₁ in degrees. The paper gives no number; 10 is this project's.
        overlap: ε₂, in [0, 1]. The paper gives numbers of another unit; 0.8 is this project's.
        most: Queries in a row that may be answered so.

    Raises:
        PolicyError: A number is out of range, or at the call the layer's output is missing.
    """

    name = "flashvla"
    macs = staticmethod(products.flashvla)

    def __init__(
        self,
        *,
        layer: int = 2,
        keep: float | None = None,
        k: int | None = None,
        reuse: bool = True,
        angle: float = 10.0,
        overlap: float = 0.8,
        most: int = 1,
    ) -> None:
        super().__init__(layer, Budget(k, keep).or_else(Budget(keep=0.625)))
        self.needs = Needs(outputs=(layer - 1,))
        self.skipping = ChunkReuse(
            check_number("angle", angle, 0, 180),
            check_number("overlap", overlap, 0, 1),
            check_count("most", most),
        )
        self.skipping.active = check_flag("reuse", reuse)

    def prune(self, inputs: PrunerInput) -> Pruned:
        """Return (B, K, D), the same number of tokens in each row."""
        layer = self.place.layer - 1
        found = inputs.outputs.get(layer)
        if found is None or found.shape[:2] != inputs.tokens.shape[:2]:
            given = "none" if found is None else f"shape {tuple(found.shape)}"
            raise PolicyError(
                f"pruner {self.name!r} needs the output of decoder layer {layer}'s attention for "
                f"{inputs.tokens.shape[1]} visual tokens in {inputs.tokens.shape[0]} rows",
                f"given: {given}",
            )
        scores = check_finite(self.name, contributions(check_finite(self.name, found)))
        chosen = rank_first(scores, self.budget.count(inputs.cameras))
        return select(inputs, chosen, scores)


def contributions(outputs: Tensor) -> Tensor:
    """Return C of each row, float32 (B, P), of outputs float (B, P, D)."""
    wide = outputs.detach().double()
    # U and σ² are those of T Tᵀ, which is P x P: D is ten times as large.
    squares, left = torch.linalg.eigh(wide @ wide.mT)
    singular = squares.clamp(min=0).sqrt().flip(1)
    left = left.flip(2)
    share = singular / singular.sum(1, keepdim=True).clamp(min=torch.finfo(singular.dtype).tiny)
    rank = torch.special.entr(share).sum(1).exp()
    # A rank that is whole but for rounding is that rank.
    used = torch.arange(singular.shape[1], device=rank.device) < (rank - 1e-6).ceil()[:, None]
    found: Tensor = ((left.abs() * singular[:, None]) * used[:, None]).sum(2).float()
    return found
