"""Density-peak clusters of tokens and their means: SparseVLM's token recycling.

Source: Rodriguez & Laio, "Clustering by fast search and find of density peaks", 2014, with k
nearest neighbours for the density, as SparseVLM (arXiv 2410.04417, section 3.4) uses it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from gridseval.tokens.pruners.numerics import widen


class Clusters(NamedTuple):
    """Tokens merged into clusters.

    Attributes:
        means: float (B, clusters, D): the mean of each cluster's tokens.
        centres: int64 (B, clusters): the token at each cluster's centre.
    """

    means: Tensor
    centres: Tensor


def merge_clusters(tokens: Tensor, count: int) -> Clusters:
    """Return ``count`` clusters of N tokens.

    With d the Euclidean distance / √D: density ρ = exp(− mean of d² to the ``count`` nearest, the
    token itself included); δ = distance to the nearest token of higher density (the largest of all
    distances where there is none); centres are the highest ρ · δ; each token goes to its nearest
    centre, a centre to itself. Of equal values the first token wins; the published code draws.

    Args:
        tokens: float (B, N, D); distances are computed in float32.
        count: From 1 to N.
    """
    wide = widen(tokens)
    distances = torch.cdist(wide, wide, compute_mode="donot_use_mm_for_euclid_dist")
    distances = distances / math.sqrt(tokens.shape[2])
    density = (-distances.topk(count, dim=2, largest=False).values.square().mean(2)).exp()
    centres = _find_centres(distances, density, count)
    nearest = torch.take_along_dim(distances, centres[:, None], 2).argmin(2)
    numbers = torch.arange(count, device=tokens.device).expand(len(tokens), -1)
    nearest = nearest.scatter(1, centres, numbers)
    members = torch.nn.functional.one_hot(nearest, count).to(wide.dtype)
    means = members.mT @ wide / members.sum(1)[..., None]
    return Clusters(means.to(tokens.dtype), centres)


def _find_centres(distances: Tensor, density: Tensor, count: int) -> Tensor:
    """Return int64 (B, count)."""
    numbers = torch.arange(density.shape[1], device=density.device)
    ours, theirs = density[:, :, None], density[:, None]
    denser = (theirs > ours) | ((theirs == ours) & (numbers < numbers[:, None]))
    largest = distances.flatten(1).amax(1)[:, None, None]
    delta = torch.where(denser, distances, largest).amin(2)
    order = torch.sort(delta * density, dim=1, descending=True, stable=True).indices
    return order[:, :count]
