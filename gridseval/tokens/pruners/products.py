"""What choosing the tokens costs: the matrix products of each method, in multiply-accumulates.

Sorting, sums over attention that the model computes anyway, norms and softmax are not counted.
Each pruner's class takes one of these functions, or another one, as its ``macs``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from gridseval.tokens.pruners.sparsevlm_budget import count_recycled

SCOUT = 512
COORDINATES = 256
"""Inner widths of GridS's two MLPs."""
QUERIES = 128
"""Learnable queries of LightVLA*, unless its arguments say another number."""


@dataclass(frozen=True)
class Choice:
    """The sizes of one choice of tokens.

    Args:
        cameras: Cameras C.
        visual: Visual tokens P of all cameras.
        kept: Tokens K that are kept of all cameras.
        width: Width D of a visual token where the method works.
        text: Other tokens T.
        image_px: Side of a model's input image.
        arguments: The pruner's own, where they are known; what is left out has its default.
    """

    cameras: int
    visual: int
    kept: int
    width: int
    text: int
    image_px: int = 224
    arguments: Mapping[str, Any] = field(default_factory=dict)


def none(choice: Choice) -> int:  # noqa: ARG001 - the others look at it
    """Return 0: the method multiplies no matrices."""
    return 0


def grids(choice: Choice) -> int:
    """Scout MLP once per camera; per point the coordinate MLP and the weights of four tokens.

    Arguments: ``embed_coords=False`` has no coordinate MLP, ``interpolation="nearest"`` no weights.
    """
    outputs = 2 * choice.kept // max(choice.cameras, 1)
    scout = choice.cameras * SCOUT * (choice.width + outputs)
    encoded = COORDINATES * (2 + choice.width) if choice.arguments.get("embed_coords", True) else 0
    nearest = choice.arguments.get("interpolation") == "nearest"
    return scout + choice.kept * (encoded + (0 if nearest else 4 * choice.width))


def lightvla(choice: Choice) -> int:
    """Queries from text (scores, weighted sum), then their scores against all visual tokens."""
    return choice.visual * choice.width * (2 * choice.text + choice.visual)


def lightvla_star(choice: Choice) -> int:
    """Scores of the learnable queries against all visual tokens."""
    queries = int(choice.arguments.get("queries", QUERIES))
    return queries * choice.visual * choice.width


def diversity(choice: Choice) -> int:
    """Cosines among the union of two top-K sets, at most 2K tokens."""
    return min(2 * choice.kept, choice.visual) ** 2 * choice.width


def sparsevlm(choice: Choice) -> int:
    """Scores of visual against text tokens, then distances among those that are recycled."""
    share = 0.0 if str(choice.arguments.get("version")) == "2.0" else 0.3
    pruned = choice.visual - choice.kept
    recycled = count_recycled(pruned, float(choice.arguments.get("recycle", share)))
    return choice.visual * choice.text * choice.width + recycled**2 * choice.width


def vla_cache(choice: Choice) -> int:
    """Cosines of pixel patches with the frame before: three sums of products per pixel value."""
    return choice.cameras * 9 * choice.image_px**2


def flashvla(choice: Choice) -> int:
    """T Tᵀ of the attention's output T, whose eigenvectors are not counted."""
    return choice.visual**2 * choice.width


def efficientvla(choice: Choice) -> int:
    """Cosines of all tokens to up to eight key tokens per camera."""
    return 8 * choice.visual * choice.width


REUSING = frozenset({"vla_cache"})
"""Pruners that delete no token, but reuse key-value entries of some."""

FORMULAS: Mapping[str, Callable[[Choice], int]] = MappingProxyType(
    {
        "dense": none,
        "efficientvla": efficientvla,
        "fastv": none,
        "flashvla": flashvla,
        "grids": grids,
        "lightvla": lightvla,
        "lightvla_star": lightvla_star,
        "random": none,
        "sp_vla": none,
        "sparsevlm": sparsevlm,
        "topk": none,
        "uniform": none,
        "vla_cache": vla_cache,
        "vla_pruner": diversity,
    }
)
"""``macs`` of classes that can be counted without importing torch; the class of any other name is
asked."""
