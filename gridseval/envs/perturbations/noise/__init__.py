"""The 50 sensor noises of LIBERO-Plus, seeded, for images of any size, in milliseconds."""

from gridseval.envs.perturbations.noise.families import (
    FAMILIES,
    NOISES,
    SEVERITIES,
    apply_noise,
    noise_number,
    noise_rng,
)

__all__ = [
    "FAMILIES",
    "NOISES",
    "SEVERITIES",
    "apply_noise",
    "noise_number",
    "noise_rng",
]
