"""What pruners need to know of a transformers decoder."""

from __future__ import annotations

from typing import Any

import torch

from gridseval.policies.hosts.encoder_attention import attention_layers
from gridseval.tokens.pruners.layout import CameraGrid, Host, Parts


def host_of(
    language_model: Any,
    cameras: tuple[CameraGrid, ...],
    projector: Any = None,
    kind: str = "",
    vision: Any = None,
    parts: Parts = ("layers",),
) -> Host:
    """Return what pruners need to know of a transformers Llama.

    Args:
        language_model: With decoder layers, itself or in ``model``.
        cameras: Grids of the visual tokens.
        projector: From features to tokens; its first linear layer tells the features' width.
        kind: The kind of policy.
        vision: The vision encoder.
        parts: What can be left out besides tokens.
    """
    decoder = getattr(language_model, "model", language_model)
    widths = (
        module.in_features
        for module in ([] if projector is None else projector.modules())
        if isinstance(module, torch.nn.Linear)
    )
    return Host(
        decoder.config.hidden_size,
        len(decoder.layers),
        cameras,
        next(widths, 0),
        kind,
        decoder.layers[0].self_attn.head_dim,
        vision is not None and any(attention_layers(vision)),
        parts,
    )
