"""LightVLA*: learnable queries select the tokens, at the vision encoder or at an early LLM layer.

Source: LightVLA, arXiv 2509.12594, section on LightVLA*; no code is published. The paper's averages
on LIBERO: encoder 96.2, layer 1 97.0, layer 2 96.7, layer 3 96.6 %.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from gridseval.errors import PolicyError
from gridseval.tokens.pruners import products
from gridseval.tokens.pruners.checks import attention_of, check_count
from gridseval.tokens.pruners.interface import Pruned, PrunerInput
from gridseval.tokens.pruners.layout import Host, Needs, Place, Role
from gridseval.tokens.pruners.numerics import rms_norm
from gridseval.tokens.pruners.queries import QueryPruner


class LightVlaStar(QueryPruner):
    """Keeps the tokens that at least one of N learnable queries selects, all cameras jointly.

    With LN an RMS norm with weights (eps 1e-6, float32)::

        encoder:  S = LN(Q) · LN(H_v)ᵀ / √D'                    (N, P)
        layer k:  S = (LN(Q) · LN(H_v)ᵀ + ζ · attn) / √D        (N, P)
        kept = {argmax_j S_ij | i}

    The paper counts layers from 1: its "layer 1" prunes what leaves the decoder's first layer, with
    that layer's attention; here that is ``layer=1``: hidden states entering layer 1, attention of
    layer 0. ``attn`` is the mean over heads and over all queries that are not visual, (1, P); the
    paper leaves the reduction open. It takes at most N tokens. Training returns N tokens straight
    through, at the positions of the tokens they are, with LightVLA's noise on S: ε ~ U(0, α), whose
    α falls linearly to 0 (``set_progress``).

    Args:
        layer: ``None`` for the encoder variant, else the decoder layer, at least 1 (paper: 1 to 3).
        queries: N, at least 1.
        dim: D, width of the decoder; used with ``layer``.
        encoder_dim: D', width of the encoder's features; used without.
        noise: α at the start of training, at least 0.
        decay: Whether α falls with progress.
        extra: As LightVLA's: random tokens that inference keeps besides, or ``"kept"``.
        drop: As LightVLA's: probability with which inference drops each selected token.

    Attributes:
        queries: Parameter (N, D or D'), ~ N(0, 0.02²) at first.
        query_weight: Parameter: the weight of LN(Q), 1 at first.
        token_weight: Parameter: the weight of LN(H_v), 1 at first.
        zeta: Parameter ζ, 1 at first; of the layer variant only.

    Raises:
        PolicyError: A number is out of range.
    """

    name = "lightvla_star"
    macs = staticmethod(products.lightvla_star)

    def __init__(
        self,
        *,
        layer: int | None = None,
        queries: int = products.QUERIES,
        dim: int = 4096,
        encoder_dim: int = 2176,
        noise: float = 1.0,
        decay: bool = True,
        extra: int | str = 0,
        drop: float = 0.0,
    ) -> None:
        super().__init__(noise=noise, decay=decay, extra=extra, drop=drop)
        width = (
            check_count("encoder_dim", encoder_dim) if layer is None else check_count("dim", dim)
        )
        self.queries = nn.Parameter(torch.randn(check_count("queries", queries), width) * 0.02)
        self.query_weight = nn.Parameter(torch.ones(width))
        self.token_weight = nn.Parameter(torch.ones(width))
        self.zeta: nn.Parameter | None = None
        if layer is None:
            self.places = (Place("encoder"),)
            self.needs = Needs(generators=self.random)
        else:
            self.places = (Place("layer", check_count("layer", layer)),)
            self.needs = Needs(attention=((layer - 1,),), generators=self.random)
            self.zeta = nn.Parameter(torch.ones(()))

    @classmethod
    def defaults(cls, host: Host) -> dict[str, object]:
        """Return the model's widths."""
        encoder = {"encoder_dim": host.encoder_dim} if host.encoder_dim else {}
        return {"dim": host.dim, **encoder}

    def check_host(self, host: Host) -> None:
        """Refuse a model without the layers or features, or of another width."""
        super().check_host(host)
        self._check_width(host.dim if self.place.where == "layer" else host.encoder_dim)

    def prune(self, inputs: PrunerInput) -> Pruned:
        """Return (B, K, D), K ≤ N the most tokens that a row keeps; in training (B, N, D)."""
        self._check_width(inputs.tokens.shape[2])
        return super().prune(inputs)

    def score(self, inputs: PrunerInput) -> Tensor:
        """Return S, float (B, N, P), in the tokens' dtype."""
        tokens = inputs.tokens
        queries = rms_norm(self.queries, self.query_weight).to(tokens.dtype)
        scores = queries @ rms_norm(tokens, self.token_weight).mT
        if self.zeta is not None:
            given = attention_of(self, inputs, self.place.layer - 1)
            looks = given.mean(*_NOT_VISUAL)[:, None].to(tokens.dtype)
            scores = scores + self.zeta.to(tokens.dtype) * looks
        return scores / math.sqrt(tokens.shape[2])

    def _check_width(self, width: int) -> None:
        own = self.queries.shape[1]
        if width != own:
            raise PolicyError(
                f"pruner {self.name!r} has queries of width {own}, the tokens have {width}"
            )


_NOT_VISUAL = (Role.INSTRUCTION, Role.STATE, Role.ACTION, Role.OTHER)
