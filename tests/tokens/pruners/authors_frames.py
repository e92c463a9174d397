"""Frames and attention for the comparison with VLA-Cache's own functions, made from seeds."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

KINDS = ("openvla", "openvla-oft")
CAMERAS = {"openvla": 1, "openvla-oft": 2}
LAYERS, HEADS = 16, 2


def text_range(kind: str) -> tuple[int, int]:
    """Return where the text is that their functions look at: BOS and the visual tokens precede."""
    start = 1 + 256 * CAMERAS[kind]
    return start, start + (35 if kind == "openvla" else 34)


def frames(kind: str) -> NDArray[np.uint8]:
    """Return two frames of each camera, uint8 (2, cameras, 224, 224, 3), the second one changed."""
    rng = np.random.default_rng(7)
    shape = (CAMERAS[kind], 224, 224, 3)
    first = rng.integers(40, 250, size=shape)
    change = rng.normal(0, 4, size=shape) * rng.random((CAMERAS[kind], 224, 1, 1)) * 2.5
    moved = np.clip(first + change, 0, 255)
    return np.stack([first, moved]).astype(np.uint8)


def frames_at_rest(kind: str) -> NDArray[np.uint8]:
    """Return frames as :func:`frames`; 80 patches of each camera change, the others are equal."""
    rng = np.random.default_rng(3)
    first = rng.integers(0, 256, size=(CAMERAS[kind], 224, 224, 3)).astype(np.uint8)
    second = first.copy()
    for image in second:
        for patch in rng.permutation(256)[:80]:
            row, column = (14 * int(at) for at in divmod(patch, 16))
            image[row : row + 14, column : column + 14] = rng.integers(0, 256, size=(14, 14, 3))
    return np.stack([first, second])


def attention_of_all(kind: str) -> list[Tensor]:
    """Return each layer's attention, float32 (1, HEADS, N, N): the first token takes much of it."""
    length = text_range(kind)[1] + 3
    maps = []
    for layer in range(LAYERS):
        rng = np.random.default_rng((11, layer))
        logits = rng.normal(0, 0.5 + 2 * rng.random(), size=(1, HEADS, length, length))
        logits[..., 0] += 8 * rng.random()
        maps.append(torch.tensor(logits).float().softmax(-1))
    return maps
