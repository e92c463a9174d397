"""The vision encoder of ``nano``."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from gridseval.policies.nano.config import NanoConfig


class ConvolutionalEncoder(nn.Module):
    """From an image to a grid of features, of which an instruction scales and shifts channels.

    Convolutions learn far faster than patches do, and each feature sees its neighbourhood. ReLU and
    no norm on the maps, channels last: on a CPU, norms cost more than the convolutions themselves.
    Source of scale and shift: FiLM (arXiv 1709.07871).
    """

    def __init__(self, config: NanoConfig) -> None:
        super().__init__()
        patch, width = config.patch_px, config.encoder_width
        self.patch = nn.Conv2d(3, config.stem_width, patch, patch)
        self.reduce = nn.Conv2d(config.stem_width, width, 3, 2, 1)
        self.residual = nn.ModuleList(
            nn.Conv2d(width, width, 3, 1, 1) for _ in range(config.encoder_layers)
        )
        self.film = nn.Linear(config.width, 2 * width * config.encoder_layers)
        self.norm = nn.LayerNorm(width)
        for layer in (self.patch, self.reduce, *self.residual):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: Tensor, instruction: Tensor) -> Tensor:
        """Return features, float (N, rows · columns, width), row-major.

        Args:
            images: uint8 (N, height, width, 3), row after row of the batch.
            instruction: float (B, decoder's width), the mean of its words; N is a multiple of B.
        """
        pixels = images.permute(0, 3, 1, 2).to(self.patch.weight.dtype) / 127.5 - 1
        maps = functional.relu(self.reduce(functional.relu(self.patch(pixels))))
        per_row = self.film(instruction).repeat_interleave(len(images) // len(instruction), 0)
        films = per_row[..., None, None].chunk(2 * len(self.residual), 1)
        for number, layer in enumerate(self.residual):
            scale, shift = films[2 * number : 2 * number + 2]
            maps = maps + functional.relu(layer(maps) * (1 + scale) + shift)
        features: Tensor = self.norm(maps.permute(0, 2, 3, 1).flatten(1, 2))
        return features
