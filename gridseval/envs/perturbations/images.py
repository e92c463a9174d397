"""Perturbations of what a camera shows, after an image is drawn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gridseval.envs.perturbations.noise import apply_noise, noise_rng
from gridseval.envs.perturbations.own_edits import code_of, own_edits
from gridseval.envs.perturbations.perturbation import Perturbation
from gridseval.envs.perturbations.seeding import generator

_NOISY = "agentview"
"""The only camera whose images LIBERO-Plus changes."""


def perturbed_image(
    image: NDArray[np.uint8],
    perturbation: Perturbation,
    camera: str,
    episode: tuple[int, str, int, int],
    control_step: int,
) -> NDArray[np.uint8]:
    """Return what a camera shows under a perturbation.

    Args:
        image: uint8 (height, width, 3) as drawn.
        perturbation: Its noise and its kinds' own edits are applied.
        camera: ``"agentview"`` or ``"wrist"``.
        episode: Seed, suite, task and trial: what is drawn depends on these and on the step.
        control_step: Control steps since the stored state was set, settle steps included. The image
            of step 0 has no noise, as upstream's has none.

    Returns:
        uint8 (height, width, 3).
    """
    if perturbation.noise is not None and camera == _NOISY and control_step > 0:
        rng = noise_rng(*episode, control_step)
        image = apply_noise(image, perturbation.noise, rng, perturbation.true_swap)
    for kind, edit, data in own_edits(perturbation.extra, "edit_image"):
        rng = generator(*episode, f"{kind} of {camera}", control_step)
        with code_of(kind):
            image = edit(image, camera, data, rng)
    return image
