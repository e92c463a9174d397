"""Glass blur: near pixels trade places between two Gaussian blurs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gridseval.envs.perturbations.noise.blur import gaussian, truncated
from gridseval.envs.perturbations.noise.loops import compiled, scatter

_GLASS = (
    *((0.5, 1, 3), (0.7, 1, 3), (0.9, 2, 3), (1.0, 2, 2), (1.1, 3, 2)),
    *((1.3, 3, 2), (1.5, 4, 2), (1.8, 4, 2), (2.2, 5, 1), (2.5, 5, 1)),
)
"""Standard deviation (px), reach (px) and passes by severity."""


def glass_blur(
    image: NDArray[np.uint8], severity: int, rng: np.random.Generator, true_swap: bool = False
) -> NDArray[np.uint8]:
    """Look at an image through rough glass.

    Args:
        image: uint8 (height, width, 3).
        severity: From 1 to 10.
        rng: Draws for each visit where the other pixel is: from −reach to reach − 1, right and
            down.
        true_swap: Whether the two pixels are exchanged. Upstream's assignment of two views copies
            the other pixel and leaves it as it is.
    """
    sigma, reach, passes = _GLASS[severity - 1]
    height, width, _ = image.shape
    pixels = truncated(gaussian(image.astype(np.float32), sigma))
    # Upstream visits from size − reach down to reach + 1, so that no other pixel is outside.
    visits = (passes, max(0, height - 2 * reach), max(0, width - 2 * reach), 2)
    offsets = rng.integers(-reach, reach, visits, dtype=np.int8)
    compiled(scatter)(pixels, offsets, reach, true_swap)
    return truncated(gaussian(pixels.astype(np.float32), sigma))
