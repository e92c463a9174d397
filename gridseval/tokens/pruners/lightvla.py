"""LightVLA: parameter-free selection by queries that the visual tokens form from the language.

Source: LightVLA, arXiv 2509.12594, section 3, and its code (LiAutoAD/LightVLA), which normalises
and whose "language" is everything after the visual tokens: state, prompt, action slots, stop.
"""

from __future__ import annotations

import dataclasses
import math

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from gridseval.tokens.pruners import products
from gridseval.tokens.pruners.checks import check_flag, check_number
from gridseval.tokens.pruners.interface import Pruned, Pruner, PrunerInput
from gridseval.tokens.pruners.layout import Needs, Role
from gridseval.tokens.pruners.numerics import rms_norm
from gridseval.tokens.pruners.queries import keep_wanted, take_softly


class LightVla(Pruner):
    """Keeps the tokens that at least one visual token's query selects, over all cameras jointly.

    With V = rms(H_v) (P, D) and L = rms(H_l) (T, D), rms without weight, eps 1e-6, in float32::

        Q = rms(softmax(V Lᵀ / √D) L)        (P, D)
        S = Q Vᵀ / √D                         (P, P)
        kept = {argmax_j S_ij | i}

    Training keeps P tokens: S' = S + ε, ε ~ U(0, α), H'_v = I H_v with I straight through; α falls
    linearly to 0 (:meth:`set_progress`). Inference keeps each selected token once, in the original
    order and with its position id; counts differ between rows.

    Products are computed in the tokens' dtype, as in the code, but for the text's softmax, whose
    argument is never rounded to it.

    Args:
        noise: α at the start of training, at least 0. The paper's ablation: without noise 97.0 %,
            constant noise 97.0 %, decaying 97.4 %.
        decay: Whether α falls with progress.

    Raises:
        PolicyError: ``noise`` is negative or not finite.
    """

    name = "lightvla"
    macs = staticmethod(products.lightvla)
    needs = Needs(text=True)

    def __init__(self, *, noise: float = 1.0, decay: bool = True) -> None:
        super().__init__()
        self.noise = check_number("noise", noise, 0)
        self.decay = check_flag("decay", decay)
        self.alpha = self.noise

    def set_progress(self, share: float) -> None:
        """Set the noise to α = noise · (1 − share), share = step / steps in [0, 1].

        Raises:
            PolicyError: ``share`` is outside.
        """
        share = check_number("share of training", share, 0, 1)
        self.alpha = self.noise * (1 - share) if self.decay else self.noise

    def prune(self, inputs: PrunerInput) -> Pruned:
        """Return (B, K, D), K the most tokens that a row keeps; in training (B, P, D)."""
        scores = self.score(inputs)
        if not self.training:
            return keep_wanted(self.name, inputs, scores)
        taken = take_softly(self.name, inputs, scores + self.alpha * _draw(scores, inputs))
        # The sequence keeps its length in training, and with it its positions.
        positions = torch.arange(scores.shape[2], device=scores.device).expand(len(scores), -1)
        return dataclasses.replace(taken, position_ids=positions)

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


def _draw(scores: Tensor, inputs: PrunerInput) -> Tensor:
    """Return ε / α ~ U(0, 1), (B, P, P), of each row's own generator if there are any."""
    if inputs.generators is None:
        return torch.rand_like(scores)
    rows = [
        torch.rand(scores.shape[1:], generator=generator, device=generator.device)
        for generator in inputs.generators
    ]
    return torch.stack(rows).to(scores)
