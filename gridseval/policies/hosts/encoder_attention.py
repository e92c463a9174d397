"""The attention within a model's vision encoder, which SP-VLA ranks by."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from gridseval.errors import PolicyError
from gridseval.tokens.pruners.layout import CameraGrid
from gridseval.tokens.pruners.numerics import widen

_SECOND_TOWER = "fused_featurizer"
"""OpenVLA's SigLIP, beside DINOv2."""


class EncoderAttention:
    """Watches the last attention of a vision transformer of timm or transformers.

    Of two towers, as OpenVLA has them, the second one counts: SigLIP, as in SP-VLA. The attention
    is computed again from the layer's queries and keys, so that the layers keep their own.

    Args:
        backbone: With attention layers whose projections are named ``qkv``, as timm's, or
            ``q_proj`` and ``k_proj``, as those of transformers.
        shuffle: Patches per token along each side: SmolVLA's connector joins several.

    Attributes:
        handles: Of the hooks, for taking them out.

    Raises:
        PolicyError: It has none.
    """

    def __init__(self, backbone: Any, shuffle: int = 1) -> None:
        layers = list(attention_layers(backbone))
        if not layers:
            raise PolicyError(
                "the vision encoder has no attention layers of timm (attn.qkv) or transformers"
            )
        self._shuffle = shuffle
        self._runs: list[tuple[int, Any, Tensor]] = []
        self.handles: list[Any] = [
            layer.qkv.register_forward_hook(partial(self._note_made, number, layer))
            if hasattr(layer, "qkv")
            else layer.register_forward_pre_hook(
                partial(self._note_given, number), with_kwargs=True
            )
            for number, layer in enumerate(layers)
        ]

    def take(self, cameras: tuple[CameraGrid, ...], more: int = 0) -> Tensor:
        """Return the mean attention onto each visual token, float32 (B, P), and forget it.

        Args:
            cameras: One run of the encoder each, in their order; each has 1 in sum.
            more: Runs after these, of images that do not count.

        Raises:
            PolicyError: The encoder ran for fewer images.
        """
        runs, self._runs = self._runs, []
        runs = runs[: len(runs) - more]
        runs = runs[-len(cameras) :]  # earlier ones are of a query that broke off
        if len(runs) < len(cameras):
            raise PolicyError(
                f"the vision encoder ran {len(runs)} times for {len(cameras)} cameras"
            )
        parts = [
            self._onto(layer, noted, camera)
            for (_, layer, noted), camera in zip(runs, cameras, strict=True)
        ]
        return torch.cat(parts, 1)

    def _note_made(self, number: int, layer: Any, _: Any, __: Any, made: Tensor) -> None:
        self._note(number, layer, made)

    def _note_given(self, number: int, layer: Any, given: Any, named: dict[str, Any]) -> None:
        self._note(number, layer, given[0] if given else named["hidden_states"])

    def _note(self, number: int, layer: Any, states: Tensor) -> None:
        """Keep a run's last layer; a run is over when an earlier layer begins."""
        if self._runs and number > self._runs[-1][0]:
            self._runs.pop()
        self._runs.append((number, layer, states.detach()))

    def _onto(self, layer: Any, noted: Tensor, camera: CameraGrid) -> Tensor:
        """Return float32 (B, tokens), 1 in sum: of the last patches, before which others may be."""
        queries, keys = _queries_and_keys(layer, noted)
        weights = (widen(queries @ keys.mT) * queries.shape[-1] ** -0.5).softmax(-1)
        size = self._shuffle
        onto = weights.mean(1).mean(1)[:, -camera.count * size**2 :]
        if size > 1:
            onto = onto.view(-1, camera.rows, size, camera.columns, size).sum((2, 4)).flatten(1)
        shares: Tensor = onto / onto.sum(1, keepdim=True)
        return shares


def attention_layers(backbone: Any) -> Iterator[Any]:
    """Yield the attention layers of the tower that counts, first layer first."""
    named = [
        (name, module)
        for name, module in backbone.named_modules()
        if hasattr(module, "num_heads")
        and (hasattr(module, "qkv") or (hasattr(module, "q_proj") and hasattr(module, "k_proj")))
    ]
    second = [module for name, module in named if _SECOND_TOWER in name]
    yield from second or (module for _, module in named)


@torch.no_grad()
def _queries_and_keys(layer: Any, noted: Tensor) -> tuple[Tensor, Tensor]:
    """Return both, (B, heads, patches, d), of what was noted of a layer."""
    rows, length, _ = noted.shape
    if hasattr(layer, "qkv"):
        made = noted.view(rows, length, 3, layer.num_heads, -1).permute(2, 0, 3, 1, 4)
        queries, keys = made[0], made[1]
    else:
        queries, keys = (
            project(noted).view(rows, length, layer.num_heads, -1).transpose(1, 2)
            for project in (layer.q_proj, layer.k_proj)
        )
    return getattr(layer, "q_norm", _same)(queries), getattr(layer, "k_norm", _same)(keys)


def _same(states: Tensor) -> Tensor:
    return states
