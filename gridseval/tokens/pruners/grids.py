"""GridS: a small network places K points on each camera's token grid and samples the tokens there.

Source: "See What Matters: Differentiable Grid Sample Pruning for Generalizable
Vision-Language-Action Model", arXiv 2605.11817, and the Grid-Sampler repository, commit 11d58d7.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn

from gridseval.errors import PolicyError
from gridseval.tokens.pruners import products
from gridseval.tokens.pruners.budget import check_fits
from gridseval.tokens.pruners.checks import (
    check_choice,
    check_count,
    check_finite,
    check_flag,
    check_number,
)
from gridseval.tokens.pruners.grids_keys import find_convention
from gridseval.tokens.pruners.grids_sampling import (
    CONVENTIONS,
    INTERPOLATIONS,
    place_on_image,
    sample,
)
from gridseval.tokens.pruners.grids_state import find_sizes, read_state
from gridseval.tokens.pruners.interface import Pruned, Pruner, PrunerInput
from gridseval.tokens.pruners.layout import CameraGrid, Host, count_dense

_FLAX_EPSILON = 1e-6


class GridSampler(Pruner):
    """Samples K tokens per camera at learned points; one sampler serves all cameras.

    For one camera's map F (rows, columns, D)::

        c = sigmoid(W2 relu(W1 mean(F) + b1) + b2)      (K, 2), x then y, in [0, 1]
        c = m + (1 − 2m) c                               with a margin only
        out_k = bilinear(F, c_k) + V2 relu(V1 c_k + d1) + d2      (K, D)

    W1 is (hidden, D), V1 (coordinate_hidden, 2). Gradients reach c through the bilinear weights and
    the coordinate encoder. Positions run from 0 to cameras · K − 1. About 1.59 M parameters at
    D = 2048, K = 16.

    In bfloat16 the sigmoid rounds to 1.0 above a logit of 6.24 (as in openpi's inference), so that
    points lie on the border; places and weights are computed in float32 from the rounded
    coordinate, and a trace's points are exactly those that were sampled.

    Args:
        k: K, points per camera, at least 1.
        dim: D, width of the tokens.
        convention: ``"openpi"``, ``"core_idea"`` or ``"lerobot"``; see
            :mod:`~gridseval.tokens.pruners.grids_sampling`.
        hidden: Width of the scout MLP.
        coordinate_hidden: Width of the coordinate encoder.
        layer_norm: Normalise the mean token first, with flax's eps 1e-6 (``grid_new.py``).
        margin: m in [0, 0.5) (``grid_new.py``).
        interpolation: ``"bilinear"``, or ``"nearest"``: the nearest token alone, whose place has no
            gradient (an ablation of the paper).
        embed_coords: Whether encoded coordinates are added; without is the paper's ablation "no
            geometry injection".

    Attributes:
        norm: LayerNorm, or the identity without ``layer_norm``.
        scout_mlp: Linear, ReLU, Linear.
        coord_encoder: Linear, ReLU, Linear; ``None`` without ``embed_coords``.

    Raises:
        PolicyError: An argument is out of range.
    """

    name = "grids"
    macs = staticmethod(products.grids)

    def __init__(
        self,
        *,
        k: int = 16,
        dim: int = 2048,
        convention: str = "openpi",
        hidden: int = 512,
        coordinate_hidden: int = 256,
        layer_norm: bool = False,
        margin: float = 0.0,
        interpolation: str = "bilinear",
        embed_coords: bool = True,
    ) -> None:
        super().__init__()
        self.k = check_count("k", k)
        self.dim = check_count("dim", dim)
        self.convention = check_choice("convention", convention, CONVENTIONS)
        if check_number("margin", margin, 0, 0.5) == 0.5:
            raise PolicyError("a pruner's margin must be less than 0.5: no point could move")
        self.margin = margin
        self.interpolation = check_choice("interpolation", interpolation, INTERPOLATIONS)
        normed = check_flag("layer_norm", layer_norm)
        self.norm = nn.LayerNorm(dim, eps=_FLAX_EPSILON) if normed else nn.Identity()
        self.scout_mlp = _mlp(dim, check_count("hidden", hidden), 2 * k)
        inner = check_count("coordinate_hidden", coordinate_hidden)
        encodes = check_flag("embed_coords", embed_coords)
        self.coord_encoder = _mlp(2, inner, dim) if encodes else None

    @classmethod
    def defaults(cls, host: Host) -> dict[str, object]:
        """Return the width of a projected token."""
        return {"dim": host.dim}

    @classmethod
    def from_state(cls, state: Mapping[str, Any], **arguments: Any) -> GridSampler:
        """Return a sampler with given parameters; K and all widths follow from their shapes.

        Args:
            state: Key to array or tensor, in any of the published key sets or this class's own; see
                :func:`~gridseval.tokens.pruners.grids_state.read_state`.
            **arguments: The constructor's ``convention``, ``margin``, ``interpolation`` and
                ``embed_coords``. Without ``convention`` the key set tells it, see
                :func:`~gridseval.tokens.pruners.grids_keys.find_convention`. With
                ``embed_coords=False`` the encoder of coordinates is left out.

        Raises:
            PolicyError: Keys are missing or too many, or shapes do not fit each other.
        """
        tensors = read_state(state)
        given = {"convention": find_convention(state), **find_sizes(tensors)}
        if arguments.get("embed_coords") and not given["embed_coords"]:
            raise PolicyError("parameters of GridS have no coord_encoder, so embed_coords is false")
        sampler = cls(**{**given, **arguments})
        if sampler.coord_encoder is None:
            tensors = {k: v for k, v in tensors.items() if not k.startswith("coord_encoder.")}
        sampler.load_state_dict(tensors, strict=True)
        return sampler

    def check_host(self, host: Host) -> None:
        """Refuse grids with fewer than K tokens, or another width."""
        super().check_host(host)
        for camera in host.cameras:
            check_fits(self.k, camera)
        self._check_width(host.dim)

    def prune(self, inputs: PrunerInput) -> Pruned:
        """Return sampled tokens, (B, cameras · K, D), camera after camera."""
        self._check_width(inputs.tokens.shape[2])
        sampled, points, start = [], [], 0
        # Cameras with the same grid are sampled together: overhead counts at batch 1.
        for _, group in groupby(inputs.cameras, lambda camera: (camera.rows, camera.columns)):
            cameras = tuple(group)
            part = inputs.tokens[:, start : start + count_dense(cameras)]
            start += count_dense(cameras)
            tokens, places = self._sample_cameras(part, cameras)
            sampled.append(tokens)
            points.append(places)
        tokens = torch.cat(sampled, 1)
        shape = tokens.shape[:2]
        return Pruned(
            tokens=tokens,
            position_ids=torch.arange(shape[1], device=tokens.device).expand(shape),
            mask=torch.ones(shape, dtype=torch.bool, device=tokens.device),
            indices=torch.full(shape, -1, device=tokens.device),
            cameras=inputs.cameras,
            points=check_finite(self.name, torch.cat(points, 1)),
        )

    def place_points(self, maps: Tensor) -> Tensor:
        """Return coordinates c, (B, K, 2) in the parameters' dtype, of maps (B, rows, columns, D).

        Args:
            maps: float; means are taken in float32.
        """
        parameters = next(self.parameters()).dtype
        mean = maps.mean((1, 2), dtype=torch.promote_types(maps.dtype, torch.float32))
        logits = self.scout_mlp(self.norm(mean.to(parameters)))
        coordinates = torch.sigmoid(logits).view(-1, self.k, 2)
        if self.margin == 0:
            return coordinates
        return self.margin + (1 - 2 * self.margin) * coordinates

    def sample(self, maps: Tensor, coordinates: Tensor) -> Tensor:
        """Return samples, plus encoded coordinates if any, (B, K, D) in the maps' dtype.

        Args:
            maps: float (B, rows, columns, D).
            coordinates: float (B, K, 2), x then y, in [0, 1].
        """
        sampled = sample(maps, coordinates, self.convention, self.interpolation)
        if self.coord_encoder is None:
            return sampled
        encoded: Tensor = self.coord_encoder(coordinates)
        return sampled + encoded.to(maps.dtype)

    def _sample_cameras(
        self, tokens: Tensor, cameras: tuple[CameraGrid, ...]
    ) -> tuple[Tensor, Tensor]:
        """Return samples (B, cameras · K, D) of cameras with one grid, and places on the image."""
        rows, columns = cameras[0].rows, cameras[0].columns
        for camera in cameras:
            check_fits(self.k, camera)
        maps = tokens.reshape(-1, rows, columns, self.dim)
        coordinates = self.place_points(maps)
        sampled = self.sample(maps, coordinates)
        places = place_on_image(coordinates.detach(), rows, columns, self.convention)
        number = len(cameras)
        return (
            sampled.view(-1, number * self.k, self.dim),
            places.view(-1, number, self.k, 2),
        )

    def _check_width(self, width: int) -> None:
        if width != self.dim:
            raise PolicyError(f"pruner 'grids' samples tokens of width {self.dim}, not {width}")


def _mlp(width: int, hidden: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, out))
