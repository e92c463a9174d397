"""FastV: an early layer's attention ranks the visual tokens.

Source: FastV, "An Image is Worth 1/2 Tokens After Layer 2", arXiv 2403.06764, section 4; for
``scores="prefill"`` and ``per_camera`` the port to OpenVLA-OFT in VLA-Pruner's code
(MINT-SJTU/VLA-Pruner, ``src/openvla-oft/transformers/src/transformers/models/llama/``
``modeling_llama.py``, ``_fastv_pruning_indices``).
"""

from __future__ import annotations

from dataclasses import replace

from gridseval.tokens.pruners import products
from gridseval.tokens.pruners.budget import Budget
from gridseval.tokens.pruners.checks import check_finite, check_flag
from gridseval.tokens.pruners.early_layer import EarlyLayer
from gridseval.tokens.pruners.early_scores import check_scores, score_early
from gridseval.tokens.pruners.interface import Pruned, PrunerInput
from gridseval.tokens.pruners.selection import rank_cameras, select


class FastV(EarlyLayer):
    """Keeps the share 1 − R with the highest score, from decoder layer K on.

    score_j = mean over heads of layer K − 1's attention from the last token to visual token j.
    Order and position ids stay. VLA-Pruner's OpenVLA-OFT table has FastV as ``layer=4,
    scores="prefill", per_camera=True``.

    Args:
        layer: K, at least 1 (paper: 2; port to OpenVLA: 3; port to OpenVLA-OFT: 4).
        keep: 1 − R, share of the visual tokens to keep, in (0, 1]; 0.5, as in the paper, where
            ``k`` is not given.
        k: Tokens per camera instead of a share; k · cameras are kept.
        scores: ``"last"``: of the last token, as in the paper; ``"prefill"``: the mean over all
            queries before the action slots.
        per_camera: Rank each camera's tokens by themselves, rather than all jointly.

    Raises:
        PolicyError: A number is out of range, or at the call the attention is missing.
    """

    name = "fastv"
    macs = staticmethod(products.none)

    def __init__(
        self,
        *,
        layer: int = 2,
        keep: float | None = None,
        k: int | None = None,
        scores: str = "last",
        per_camera: bool = False,
    ) -> None:
        super().__init__(layer, Budget(k, keep).or_else(Budget(keep=0.5)))
        self.scores = check_scores(scores)
        self.needs = replace(self.needs, every_query=scores == "prefill")
        self.per_camera = check_flag("per_camera", per_camera)

    def prune(self, inputs: PrunerInput) -> Pruned:
        """Return (B, K, D), the same number of tokens in each row."""
        scores = check_finite(self.name, score_early(self.attention_before(inputs), self.scores))
        chosen = rank_cameras(scores, inputs.cameras, self.budget, self.per_camera)
        return select(inputs, chosen, scores)
