"""What choosing the tokens costs: the matrix products of each method, in multiply-accumulates.

Sorting, sums over attention that the model computes anyway, norms and softmax are not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

SCOUT = 512
COORDINATES = 256
"""Inner widths of GridS's two MLPs."""


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
        queries: Learnable queries of LightVLA*.
    """

    cameras: int
    visual: int
    kept: int
    width: int
    text: int
    image_px: int = 224
    queries: int = 128


def pruner_macs(name: str, choice: Choice) -> int:
    """Return the MACs of one query's choice; 0 for a method that multiplies no matrices.

    Args:
        name: The pruner's; one that is not known here counts 0.
        choice: The sizes.
    """
    count = _MACS.get(name)
    return 0 if count is None else count(choice)


def _grids(choice: Choice) -> int:
    """Scout MLP once per camera; per point the coordinate MLP and the weights of four tokens."""
    outputs = 2 * choice.kept // max(choice.cameras, 1)
    scout = choice.cameras * SCOUT * (choice.width + outputs)
    return scout + choice.kept * (COORDINATES * (2 + choice.width) + 4 * choice.width)


def _lightvla(choice: Choice) -> int:
    """Queries from text (scores, weighted sum), then their scores against all visual tokens."""
    return choice.visual * choice.width * (2 * choice.text + choice.visual)


def _lightvla_star(choice: Choice) -> int:
    return choice.queries * choice.visual * choice.width


def _diversity(choice: Choice) -> int:
    """Cosines among the union of two top-K sets, at most 2K tokens."""
    return min(2 * choice.kept, choice.visual) ** 2 * choice.width


def _sparsevlm(choice: Choice) -> int:
    """Scores of visual against text tokens, then distances among the 30 % that are recycled."""
    recycled = int(0.3 * (choice.visual - choice.kept))
    return choice.visual * choice.text * choice.width + recycled**2 * choice.width


def _vla_cache(choice: Choice) -> int:
    """Cosines of pixel patches with the frame before: three sums of products per pixel value."""
    return choice.cameras * 9 * choice.image_px**2


def _efficientvla(choice: Choice) -> int:
    """Cosines of all tokens to up to eight key tokens per camera."""
    return 8 * choice.visual * choice.width


_MACS: Mapping[str, Callable[[Choice], int]] = MappingProxyType(
    {
        "grids": _grids,
        "lightvla": _lightvla,
        "lightvla_star": _lightvla_star,
        "vla_pruner": _diversity,
        "sparsevlm": _sparsevlm,
        "vla_cache": _vla_cache,
        "efficientvla": _efficientvla,
    }
)
