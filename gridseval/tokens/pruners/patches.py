"""Compares a camera's image with an earlier one, patch by patch."""

from __future__ import annotations

import torch
from torch import Tensor

from gridseval.errors import PolicyError
from gridseval.tokens.pruners.layout import CameraGrid


def compare_patches(image: Tensor, before: Tensor, camera: CameraGrid) -> Tensor:
    """Return the cosine of each token's pixels with the earlier image's, float64 (P,).

    cos = a · b / (|a| |b| + 1e-8) over the raw values of a patch, so that a shift of all values (as
    by subtracting a mean) changes it, and a black patch is like nothing. Patches of a camera at
    rest differ in the seventh digit, which float32 would not hold.

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
    dots: Tensor = torch.linalg.vecdot(now, then)
    norms: Tensor = torch.linalg.vector_norm(now, dim=1) * torch.linalg.vector_norm(then, dim=1)
    return dots / (norms + 1e-8)


def _cut(image: Tensor, camera: CameraGrid) -> Tensor:
    """Return float64 (rows * columns, values of a patch)."""
    height, width, channels = image.shape
    cells = image.double().reshape(
        camera.rows, height // camera.rows, camera.columns, width // camera.columns, channels
    )
    return cells.transpose(1, 2).reshape(camera.count, -1)
