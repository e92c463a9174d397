"""What light and background look like at each strength; the ranges are gridseval's own.

LIBERO-Plus varies the same quantities, but its values are in files that are not public here.
LIBERO's own scenes have diffuse 0.8, specular 0.3, a tilt of 8.5° towards −90° and no shadows.
"""

from __future__ import annotations

from dataclasses import dataclass

from gridseval.envs.perturbations.perturbation import Pattern


@dataclass(frozen=True)
class LightStrength:
    """Ranges to draw lights from, uniformly.

    Attributes:
        darker: Least and greatest diffuse intensity; drawn in half of the episodes.
        brighter: The same for the other half.
        specular: Least and greatest specular intensity.
        tilt_deg: Greatest angle between the light's direction and straight down; its heading is
            anywhere.
        warmth: Greatest shift of the diffuse colour, to warm or cold.
        shadow: Probability of shadows where the light is darker; brighter lights cast none. MuJoCo
            draws each light with shadows in a separate pass and adds the passes up, while lights
            without are capped at the texture's colour together. Kitchens, whose three lights reach
            that cap, would turn white. Nor can they become brighter than they are.
    """

    darker: tuple[float, float]
    brighter: tuple[float, float]
    specular: tuple[float, float]
    tilt_deg: float
    warmth: float
    shadow: float


LIGHT = (
    LightStrength((0.65, 0.80), (0.80, 0.84), (0.2, 0.4), 15, 0.1, 0.0),
    LightStrength((0.45, 0.65), (0.84, 0.88), (0.1, 0.5), 25, 0.2, 0.0),
    LightStrength((0.35, 0.45), (0.88, 0.92), (0.0, 0.6), 35, 0.3, 0.7),
    LightStrength((0.20, 0.35), (0.92, 0.96), (0.0, 0.8), 45, 0.4, 0.8),
    LightStrength((0.05, 0.20), (0.96, 1.00), (0.0, 1.0), 60, 0.5, 0.9),
)
"""By strength, from 1."""


@dataclass(frozen=True)
class BackgroundStrength:
    """How table, floor and walls are repainted, each on its own.

    Attributes:
        saturation: Greatest saturation of the colours; hue is anywhere, value from 0.2 to 0.9.
        patterns: Patterns to choose from.
    """

    saturation: float
    patterns: tuple[Pattern, ...]


BACKGROUND = (
    BackgroundStrength(0.1, ("plain",)),
    BackgroundStrength(0.4, ("plain",)),
    BackgroundStrength(0.8, ("plain",)),
    BackgroundStrength(0.6, ("stripes", "checker", "speckle")),
    BackgroundStrength(1.0, ("stripes", "checker", "speckle")),
)
"""By strength, from 1."""
