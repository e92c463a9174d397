"""Initial joint angles of the arm away from LIBERO's, as LIBERO-Plus draws them."""

from __future__ import annotations

import functools
import math

import numpy as np

NOMINAL_JOINTS = (0.0, -0.161037389, 0.0, -2.44459747, 0.0, 2.2267522, math.pi / 4)
"""Joint angles of LIBERO's reset, rad."""

VARIANTS = 500
"""How many initial states LIBERO-Plus has: 100 of each norm."""

_SEED = 42
_PER_NORM = 100
_NORM_STEP = 0.1
_DECIMALS = 8
"""Upstream's source holds the angles as numpy printed them."""


def joints(k: int) -> tuple[float, ...]:
    """Return the joint angles of LIBERO-Plus's ``_initstate_K``.

    Args:
        k: From 0 (nominal) to ``VARIANTS``; the norm of the deviation grows by 0.1 rad per hundred.

    Returns:
        7 angles, rad; to eight decimals like upstream's, but for ``k`` = 0.

    Raises:
        ValueError: ``k`` is out of range.
    """
    if not 0 <= k <= VARIANTS:
        raise ValueError(f"initial state {k} does not exist: 0 to {VARIANTS} do")
    return NOMINAL_JOINTS if k == 0 else _all_variants()[k - 1]


def joints_of_norm(norm: float, rng: np.random.Generator) -> tuple[float, ...]:
    """Return joint angles whose deviation has a random direction and a given length.

    Args:
        norm: Length of the deviation, rad.
        rng: Gives the direction, uniform on the sphere.
    """
    return _displaced(rng.standard_normal(len(NOMINAL_JOINTS)), norm)


@functools.cache
def _all_variants() -> tuple[tuple[float, ...], ...]:
    # One generator for all: number k depends on the draws of those before it.
    directions = np.random.RandomState(_SEED).randn(VARIANTS, len(NOMINAL_JOINTS))
    norms = (_NORM_STEP * (index // _PER_NORM + 1) for index in range(VARIANTS))
    exact = map(_displaced, directions, norms)
    return tuple(tuple(round(angle, _DECIMALS) for angle in angles) for angles in exact)


def _displaced(
    direction: np.ndarray[tuple[int], np.dtype[np.float64]], norm: float
) -> tuple[float, ...]:
    displaced = np.array(NOMINAL_JOINTS) + norm * (direction / np.linalg.norm(direction))
    return tuple(displaced.tolist())
