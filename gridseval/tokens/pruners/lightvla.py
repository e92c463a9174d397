"""LightVLA: parameter-free selection by queries that the visual tokens form from the language.

Source: LightVLA, arXiv 2509.12594, section 3, and its code (LiAutoAD/LightVLA), which normalises
and whose "language" is everything after the visual tokens: state, prompt, action slots, stop.
"""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from gridseval.tokens.pruners import products
from gridseval.tokens.pruners.interface import PrunerInput
from gridseval.tokens.pruners.layout import Needs, Role
from gridseval.tokens.pruners.numerics import rms_norm
from gridseval.tokens.pruners.queries import QueryPruner


class LightVla(QueryPruner):
    """Keeps the tokens that at least one visual token's query selects, over all cameras jointly.

    With V = rms(H_v) (P, D) and L = rms(H_l) (T, D), rms without weight, eps 1e-6, in float32::

        Q = rms(softmax(V Lᵀ / √D) L)        (P, D)
        S = Q Vᵀ / √D                         (P, P)
        kept = {argmax_j S_ij | i}

    Training keeps P tokens: S' = S + ε, ε ~ U(0, α), H'_v = I H_v with I straight through; α falls
    linearly to 0 (``set_progress``). Each of the P slots has the position id of the token that it
    selected (``TokenPruner.forward`` of the code). Inference keeps each selected token once, in the
    original order and with its position id; counts differ between rows.

    Products are computed in the tokens' dtype, as in the code, but for the text's softmax, whose
    argument is never rounded to it.

    Args:
        noise: α at the start of training, at least 0. The paper's ablation: without noise 97.0 %,
            constant noise 97.0 %, decaying 97.4 %.
        decay: Whether α falls with progress.
        extra: Random tokens that inference keeps besides, or ``"kept"``: as many as are selected.
            The paper's ablation "+ k random tokens": 96.8 %.
        drop: Probability with which inference drops each selected token. The paper's ablation
            "10 % dropped": 96.6 %.

    Raises:
        PolicyError: An argument is out of range.
    """

    name = "lightvla"
    macs = staticmethod(products.lightvla)

    def __init__(
        self,
        *,
        noise: float = 1.0,
        decay: bool = True,
        extra: int | str = 0,
        drop: float = 0.0,
    ) -> None:
        super().__init__(noise=noise, decay=decay, extra=extra, drop=drop)
        self.needs = Needs(text=True, generators=self.random)

    def score(self, inputs: PrunerInput) -> Tensor:
        """Return S, float (B, P, P)."""
        assert inputs.text is not None and inputs.text_roles is not None
        scale = 1 / math.sqrt(inputs.tokens.shape[-1])
        visual, language = rms_norm(inputs.tokens), rms_norm(inputs.text)
        heard = (inputs.text_roles != Role.PADDING)[:, None]
        # Fused attention, as the authors ask it: it keeps what is softmaxed in float32, and a
        # product rounded to bfloat16 before picks other tokens.
        wanted = scaled_dot_product_attention(
            visual, language, language, attn_mask=None if heard.all() else heard
        )
        return rms_norm(wanted) @ visual.mT * scale
