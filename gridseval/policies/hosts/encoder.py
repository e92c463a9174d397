"""A pruner at what enters the model's projector, and the attention within the vision encoder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from gridseval.errors import PolicyError
from gridseval.policies.hosts.query import Query
from gridseval.policies.hosts.segment import spread
from gridseval.tokens.pruners.interface import Pruner
from gridseval.tokens.pruners.layout import CameraGrid
from gridseval.tokens.pruners.numerics import widen

_SECOND_TOWER = "fused_featurizer"
"""OpenVLA's SigLIP, beside DINOv2."""


def check_at_encoder(pruner: Pruner) -> None:
    """Refuse a pruner that works where what it needs is not known yet.

    Raises:
        PolicyError: It works on the encoder's features, and needs text or attention.
    """
    needs = pruner.needs
    if pruner.place.where == "encoder" and (needs.text or needs.attention):
        raise PolicyError(
            f"pruner {pruner.name!r} works on the vision encoder's features, where no text is"
        )


class EncoderPlace:
    """Hooks on a projector: a pruner works on what enters it.

    Args:
        projector: From the vision encoder's features to tokens.
        cameras: Grids of the visual tokens.
        query: Returns the query under way.
        attention: Of the vision encoder, for pruners that need it.

    Attributes:
        handles: Of the hooks, for taking them out.
    """

    def __init__(
        self,
        projector: Any,
        cameras: tuple[CameraGrid, ...],
        query: Callable[[], Query],
        attention: EncoderAttention | None = None,
    ) -> None:
        self._cameras, self._query, self._attention = cameras, query, attention
        self.handles: list[Any] = [
            projector.register_forward_pre_hook(self._enter),
            projector.register_forward_hook(self._leave),
            *([] if attention is None else attention.handles),
        ]

    def _enter(self, _: Any, given: tuple[Any, ...]) -> tuple[Any, ...]:
        query = self._query()
        if self._attention is not None:
            query.encoder_attention = self._attention.take(self._cameras)
        pruned = query.prune(given[0], None, None)
        return (pruned.tokens, *given[1:])

    def _leave(self, _: Any, __: Any, projected: Tensor) -> Tensor:
        """Put the tokens that are kept at their places, zeros elsewhere.

        The model's code counts its visual tokens; the decoder's first layer leaves them out.
        """
        pruned = self._query().pruned
        assert pruned is not None
        dense = sum(camera.count for camera in self._cameras)
        return spread(projected, pruned.position_ids, pruned.mask, dense)


class EncoderAttention:
    """Watches the last attention of a vision transformer of timm.

    Of two towers, as OpenVLA has them, the second one counts: SigLIP, as in SP-VLA. The attention
    is computed again from the layer's queries and keys, so that the layers keep their own.

    Args:
        backbone: With attention layers whose projection is named ``qkv``.

    Attributes:
        handles: Of the hooks, for taking them out.

    Raises:
        PolicyError: It has none.
    """

    def __init__(self, backbone: Any) -> None:
        layers = list(attention_layers(backbone))
        if not layers:
            raise PolicyError("the vision encoder has no attention layers of timm (attn.qkv)")
        self._runs: list[tuple[int, Any, Tensor]] = []
        self.handles: list[Any] = [
            layer.qkv.register_forward_hook(partial(self._note, number, layer))
            for number, layer in enumerate(layers)
        ]

    def take(self, cameras: tuple[CameraGrid, ...]) -> Tensor:
        """Return the mean attention onto each visual token, float32 (B, P), and forget it.

        Args:
            cameras: One run of the encoder each, in their order; each has 1 in sum.

        Raises:
            PolicyError: The encoder ran for fewer images.
        """
        runs, self._runs = self._runs, []
        runs = runs[-len(cameras) :]  # earlier ones are of a query that broke off
        if len(runs) < len(cameras):
            raise PolicyError(
                f"the vision encoder ran {len(runs)} times for {len(cameras)} cameras"
            )
        parts = [
            _mean_attention(layer, made, camera.count)
            for (_, layer, made), camera in zip(runs, cameras, strict=True)
        ]
        return torch.cat(parts, 1)

    def _note(self, number: int, layer: Any, _: Any, __: Any, made: Tensor) -> None:
        """Keep a run's last layer; a run is over when an earlier layer begins."""
        if self._runs and number > self._runs[-1][0]:
            self._runs.pop()
        self._runs.append((number, layer, made.detach()))


def attention_layers(backbone: Any) -> Iterator[Any]:
    """Yield the attention layers of the tower that counts, first layer first."""
    named = [
        (name, module)
        for name, module in backbone.named_modules()
        if hasattr(module, "qkv") and hasattr(module, "num_heads")
    ]
    second = [module for name, module in named if _SECOND_TOWER in name]
    yield from second or (module for _, module in named)


def _mean_attention(layer: Any, made: Tensor, count: int) -> Tensor:
    """Return float32 (B, count), 1 in sum: of the last tokens, before which there may be others."""
    rows, length, _ = made.shape
    queries, keys, _ = made.view(rows, length, 3, layer.num_heads, -1).permute(2, 0, 3, 1, 4)
    queries, keys = (
        getattr(layer, name, _same)(each) for name, each in (("q_norm", queries), ("k_norm", keys))
    )
    weights = (widen(queries @ keys.mT) * queries.shape[-1] ** -0.5).softmax(-1)
    onto = weights.mean(1).mean(1)[:, -count:]
    shares: Tensor = onto / onto.sum(1, keepdim=True)
    return shares


def _same(states: Tensor) -> Tensor:
    return states
