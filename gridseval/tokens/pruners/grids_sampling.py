"""Bilinear sampling of a token grid at points, under the three conventions that GridS exists in.

A checkpoint needs the convention it was trained with. With c in [0, 1] along an axis of N tokens:

=========== ============== =====================================================================
convention  token place    at the border
=========== ============== =====================================================================
openpi      c · (N − 1)    as ``grid_sample(2c − 1, align_corners=True, padding_mode="border")``
core_idea   c · (N − 1)    at c = 1 on either axis all weights are 0: a zero feature
lerobot     c · N − 0.5    as ``grid_sample(2c − 1, align_corners=False)`` with zeros outside:
                           at c = 0 and 1 half of the weight is lost
=========== ============== =====================================================================

With ``"nearest"`` the token whose place is nearest is taken, of two equally near ones that with
the even number; ``lerobot`` gives zeros where it lies outside, as ``grid_sample(mode="nearest")``.

Source: openpi's ``grid.py`` (the published weights; its ``grid_sample_nearest`` is the
paper's ablation), ``core_idea/grid_pytorch.py`` and
``grid_new.py``, and the LeRobot fork, all of the Grid-Sampler repository at commit 11d58d7.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from gridseval.tokens.pruners.numerics import widen
from gridseval.tokens.pruners.selection import take_tokens

CONVENTIONS = ("openpi", "core_idea", "lerobot")
INTERPOLATIONS = ("bilinear", "nearest")


class Taps(NamedTuple):
    """The two tokens that a coordinate lies between, along one axis.

    Attributes:
        indices: int64 (..., 2), each from 0 to N − 1.
        weights: float (..., 2), differentiable by the coordinate.
    """

    indices: Tensor
    weights: Tensor


def sample(
    features: Tensor, points: Tensor, convention: str, interpolation: str = "bilinear"
) -> Tensor:
    """Return features at points, float (B, K, D).

    Bilinear samples are differentiable by features and points, nearest ones by features only.

    Args:
        features: float (B, rows, columns, D).
        points: float (B, K, 2), x (column) then y (row), in [0, 1]. Weights are computed in their
            dtype, in float32 at least.
        convention: One of ``CONVENTIONS``.
        interpolation: One of ``INTERPOLATIONS``.
    """
    rows, columns = features.shape[1:3]
    if interpolation == "nearest":
        return _take_nearest(features, points, convention)
    x = locate(points[..., 0], columns, convention)
    y = locate(points[..., 1], rows, convention)
    flat = (y.indices[..., :, None] * columns + x.indices[..., None, :]).flatten(1)
    weights = (y.weights[..., :, None] * x.weights[..., None, :]).flatten(2)
    corners = take_tokens(features.flatten(1, 2), flat)
    corners = corners.view(len(flat), -1, 4, features.shape[3]).to(weights.dtype)
    sampled = weights[..., None, :] @ corners
    return sampled.squeeze(-2).to(features.dtype)


def locate(coordinates: Tensor, count: int, convention: str) -> Taps:
    """Return the two tokens around each coordinate on an axis of ``count`` tokens.

    Args:
        coordinates: float (...) in [0, 1].
        count: N, at least 1.
        convention: One of ``CONVENTIONS``.
    """
    place = _token_place(coordinates, count, convention)
    low = place.detach().floor()
    high = low + 1
    upper = place - low
    lower = 1 - upper
    if convention == "core_idea":
        # The upper neighbour is clamped before weights are formed: on the last token both vanish.
        lower = high.clamp(max=count - 1) - place
    elif convention == "lerobot":
        lower = lower * (low >= 0)
        upper = upper * (high <= count - 1)
    indices = torch.stack([low, high], -1).long().clamp(0, count - 1)
    return Taps(indices, torch.stack([lower, upper], -1))


def place_on_image(points: Tensor, rows: int, columns: int, convention: str) -> Tensor:
    """Return where points lie on the model's input image, in [0, 1] from edge to edge.

    A token n of N is centred at (n + 0.5) / N of the image, so that c of openpi's convention lies
    at (c · (N − 1) + 0.5) / N, and c of LeRobot's at c.

    Args:
        points: float (..., 2), x then y.
        rows: Of the token grid.
        columns: Of the token grid.
        convention: One of ``CONVENTIONS``.
    """
    points = points.float()
    if convention == "lerobot":
        return points
    counts = points.new_tensor([columns, rows])
    return (points * (counts - 1) + 0.5) / counts


def _token_place(coordinates: Tensor, count: int, convention: str) -> Tensor:
    """Return where coordinates lie between tokens: 0 is the first's centre, N − 1 the last's."""
    coordinates = widen(coordinates)
    inside = convention != "lerobot"
    return coordinates * (count - 1) if inside else coordinates * count - 0.5


def _take_nearest(features: Tensor, points: Tensor, convention: str) -> Tensor:
    """Return the tokens nearest to points, (B, K, D); zeros for those outside the grid."""
    rows, columns = features.shape[1:3]
    x, y = (
        _token_place(points[..., axis], count, convention).detach().round().long()
        for axis, count in enumerate((columns, rows))
    )
    inside = (x >= 0) & (x < columns) & (y >= 0) & (y < rows)
    flat = y.clamp(0, rows - 1) * columns + x.clamp(0, columns - 1)
    return take_tokens(features.flatten(1, 2), flat) * inside[..., None].to(features.dtype)
