"""OpenVLA-OFT with FiLM: vision transformers whose features the instruction scales and shifts.

Source: moojink/openvla-oft, ``prismatic/models/film_vit_wrapper.py``; keys and shapes decide, the
code is written anew. ``vision_backbone--*`` holds the whole vision backbone, with the LoRA matrices
of its training beside the weights they change, which is why the model's own file lacks them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from gridseval.errors import PolicyError
from gridseval.policies.openvla_kind.heads import fill, read_parameters

_LORA = ".lora_A.default.weight"


def load_film(folder: Path, backbone: Any, width: int) -> nn.Module | None:
    """Return a vision backbone with FiLM; ``None`` for a checkpoint without ``vision_backbone--*``.

    Args:
        folder: The checkpoint.
        backbone: The model's own, which is changed and becomes a part of the new one.
        width: The language model's.

    Raises:
        PolicyError: The file is damaged, would run code, or does not fit the backbone.
    """
    state, file = read_parameters(folder, "vision_backbone")
    if state is None:
        return None
    try:
        made = FilmBackbone(backbone, width)
    except AttributeError as error:
        raise PolicyError(
            f"{file}: the model's vision backbone is not OpenVLA-OFT's: {error}"
        ) from error
    for key, low in state.items():
        if key.endswith(_LORA):
            _lower(made, key.removesuffix(_LORA), low, file)
    fill(made, state, file)
    return made


class FilmBackbone(nn.Module):
    """A vision backbone that also gets the language's embeddings.

    Args:
        backbone: OpenVLA-OFT's, of one or two timm vision transformers.
        width: The language model's.
    """

    def __init__(self, backbone: Any, width: int) -> None:
        super().__init__()
        self.vision_backbone = backbone
        self._language = _Language()
        for name in ("featurizer", "fused_featurizer"):
            if hasattr(backbone, name):
                vit = getattr(backbone, name)
                vit.blocks = nn.Sequential(
                    *(_FilmBlock(b, vit.num_features, width, self._language) for b in vit.blocks)
                )

    def get_num_patches(self) -> int:
        """Return the visual tokens of one image."""
        return int(self.vision_backbone.get_num_patches())

    def get_num_images_in_input(self) -> int:
        """Return how many images are seen."""
        return int(self.vision_backbone.get_num_images_in_input())

    def set_num_images_in_input(self, number: int) -> None:
        """Set how many images are seen."""
        self.vision_backbone.set_num_images_in_input(number)

    def forward(self, pixel_values: Tensor, language_embeddings: Tensor) -> Tensor:
        """Return visual features (B, P, D).

        Args:
            pixel_values: (B, channels of all images, height, width).
            language_embeddings: (B, T, width) of the prompt's tokens.
        """
        self._language.mean = language_embeddings.mean(dim=1)
        features: Tensor = self.vision_backbone(pixel_values)
        return features


class _Language:
    """What the instruction's embeddings are on average, for all blocks of a query."""

    mean: Tensor


class _FilmBlock(nn.Module):
    """A transformer block: ``x + attention``, then ``x · (1 + γ) + β``, then ``x + MLP``."""

    def __init__(self, block: Any, features: int, width: int, language: _Language) -> None:
        super().__init__()
        self.block = block
        self.scale = nn.Linear(width, features)
        self.shift = nn.Linear(width, features)
        self._language = language

    def forward(self, x: Tensor) -> Tensor:
        block: Any = self.block
        x = x + block.drop_path1(block.ls1(block.attn(block.norm1(x))))
        scale, shift = (layer(self._language.mean)[:, None] for layer in (self.scale, self.shift))
        x = x * (1 + scale) + shift
        made: Tensor = x + block.drop_path2(block.ls2(block.mlp(block.norm2(x))))
        return made


class _LoraLayer(nn.Module):
    """``base(x) + B(A(x)) · α / r``, with peft's names.

    The training asks peft for all linear layers, and peft finds layers by the last part of their
    names: the patch embedding, a convolution, is named as attention's output.
    """

    def __init__(self, base: nn.Linear | nn.Conv2d, rank: int) -> None:
        super().__init__()
        self.base_layer = base
        low: nn.Module
        high: nn.Module
        if isinstance(base, nn.Conv2d):
            size: Any = (base.kernel_size, base.stride, base.padding)
            low = nn.Conv2d(base.in_channels, rank, *size)
            low.register_parameter("bias", None)
            high = nn.Conv2d(rank, base.out_channels, 1, bias=False)
        else:
            low = nn.Linear(base.in_features, rank, bias=False)
            high = nn.Linear(rank, base.out_features, bias=False)
        self.lora_A = nn.ModuleDict({"default": low})
        self.lora_B = nn.ModuleDict({"default": high})
        self._scale = min(rank, 16) / rank  # the training's α

    def forward(self, x: Tensor) -> Tensor:
        base: Tensor = self.base_layer(x)
        low: Tensor = self.lora_B["default"](self.lora_A["default"](x))
        return base + low * self._scale


def _lower(network: nn.Module, name: str, low: Tensor, file: Path) -> None:
    """Put LoRA matrices beside a layer."""
    parent, _, last = name.rpartition(".")
    try:
        owner = network.get_submodule(parent)
        base = getattr(owner, last)
    except AttributeError as error:
        raise PolicyError(f"{file} does not fit: {error}") from error
    if not isinstance(base, nn.Linear | nn.Conv2d) or low.ndim < 2:
        raise PolicyError(f"{file} does not fit: {name} is not a layer with a weight")
    setattr(owner, last, _LoraLayer(base, int(low.shape[0])))
