"""Number, family and severity of each noise, and its application to an observed image.

| number | family | drawn per frame |
|---|---|---|
| 1–10 | motion blur | the angle |
| 11–20 | Gaussian blur | nothing |
| 21–30 | zoom blur | nothing |
| 31–40 | fog | a height map |
| 41–50 | glass blur | where each pixel comes from |

Upstream (LIBERO-Plus, commit 4976dc3) draws from numpy's global generator without a seed; here the
caller passes a generator, and the distribution is the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gridseval.envs.perturbations.noise.blur import gaussian_blur, motion_blur, zoom_blur
from gridseval.envs.perturbations.noise.fog import fog
from gridseval.envs.perturbations.noise.glass import glass_blur
from gridseval.envs.perturbations.seeding import generator

Image = NDArray[np.uint8]

FAMILIES = ("motion", "gaussian", "zoom", "fog", "glass")
"""In the order of their numbers."""

SEVERITIES = 10
"""Each family has severity 1 to 10."""

NOISES = len(FAMILIES) * SEVERITIES
"""Noises are numbered from 1 to this."""


def apply_noise(
    image: Image, number: int, rng: np.random.Generator, true_swap: bool = False
) -> Image:
    """Return an observed image with one of the noises.

    Args:
        image: uint8 (height, width, 3) as policies see it, rotated by 180° from LIBERO's own; any
            height and width.
        number: From 1 to ``NOISES``.
        rng: The source of randomness; one for every frame (see :func:`noise_rng`).
        true_swap: Whether glass blur swaps pixels. Upstream means to, but copies one over the
            other, since its two sides alias; published numbers contain that, so it is the default.

    Returns:
        uint8, of the same shape.

    Raises:
        ValueError: There is no such noise, or the image has another type or shape.
    """
    if not 1 <= number <= NOISES:
        raise ValueError(f"there is no noise {number}: 1 to {NOISES} exist")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ValueError(f"noise needs uint8 (height, width, 3), not {image.dtype} {image.shape}")
    # Upstream's noise comes before the rotation, and motion blur and glass are not symmetric.
    upright = np.ascontiguousarray(image[::-1, ::-1])
    noisy = _apply(upright, number, rng, true_swap)
    return np.ascontiguousarray(noisy[::-1, ::-1])


def noise_number(family: str, severity: int) -> int:
    """Return the number of a family's noise.

    Args:
        family: One of ``FAMILIES``.
        severity: From 1 to ``SEVERITIES``.
    """
    return FAMILIES.index(family) * SEVERITIES + severity


def noise_rng(seed: int, suite: str, task: int, trial: int, step: int) -> np.random.Generator:
    """Return the generator of one frame's noise; equal for equal arguments.

    Args:
        seed: The run's seed.
        suite: The suite's name.
        task: The task's index.
        trial: The trial's number.
        step: The control step that the frame follows, settle steps included.
    """
    return generator(seed, suite, task, trial, "noise frame", step)


def _apply(image: Image, number: int, rng: np.random.Generator, true_swap: bool) -> Image:
    index, severity = divmod(number - 1, SEVERITIES)
    severity += 1
    family = FAMILIES[index]
    if family == "motion":
        return motion_blur(image, severity, angle_deg=rng.uniform(-45, 45))
    if family == "gaussian":
        return gaussian_blur(image, severity)
    if family == "zoom":
        return zoom_blur(image, severity)
    if family == "fog":
        return fog(image, severity, rng)
    return glass_blur(image, severity, rng, true_swap)
