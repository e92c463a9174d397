"""Compares a camera's image with an earlier one, patch by patch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gridseval.errors import PolicyError
from gridseval.tokens.pruners.layout import CameraGrid


def compare_patches(image: Tensor, before: Tensor, camera: CameraGrid) -> Tensor:
    """Return the cosine of each token's pixels with the earlier image's, float32 (P,).

    cos = a · b / (|a| |b| + 1e-8) over the raw values of a patch, so that a shift of all values (as
    by subtracting a mean) changes it, and a black patch is like nothing.

    The patches of a camera at rest are equal, and more of them than VLA-Cache takes: how float32
    rounds their cosine of 1 decides which. So this computes with numpy, operation by operation as
    ``calculate_patch_similarity`` of its code (siyuhsu/vla-cache, ``vla_cache_utils.py``).

    Args:
        image: (height, width, channels); a patch is height / rows by width / columns pixels.
        before: The same shape.
        camera: The token grid.

    Raises:
        PolicyError: The shapes differ, or the image cannot be cut into the grid.
    """
    height, width = image.shape[:2]
    if image.shape != before.shape or height % camera.rows or width % camera.columns:
        raise PolicyError(
            f"images of shape {tuple(before.shape)} and then {tuple(image.shape)} cannot be cut "
            f"into the {camera.rows} x {camera.columns} patches of camera {camera.camera!r}"
        )
    now, then = _cut(image, camera), _cut(before, camera)
    norms = np.linalg.norm(now, axis=1), np.linalg.norm(then, axis=1)
    similarity = np.sum(now * then, axis=1) / (norms[0] * norms[1] + 1e-8)
    return torch.from_numpy(similarity).to(image.device)


def _cut(image: Tensor, camera: CameraGrid) -> NDArray[Any]:
    """Return float32 (rows * columns, values of a patch)."""
    height, width, channels = image.shape
    cells = (
        image.detach()
        .float()
        .cpu()
        .reshape(
            camera.rows, height // camera.rows, camera.columns, width // camera.columns, channels
        )
    )
    return cells.transpose(1, 2).reshape(camera.count, -1).numpy()
