"""Light as a kind of perturbation: ``light1`` and ``light2`` change together.

Kitchens have a third light, which alone lights the worktop as much as MuJoCo shows: its intensity
and tint change with the others', or else most changes could not be seen there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from gridseval.envs.perturbations.kinds.kind import Kind
from gridseval.envs.perturbations.parameters import Number, Value
from gridseval.envs.perturbations.perturbation import Light, LightEdit
from gridseval.envs.perturbations.strengths import LIGHT

PARAMETERS = (
    Number("diffuse", 0, 1, "(intensity)"),
    Number("warmth", -1, 1, "(cold to warm)"),
    Number("specular", 0, 1, "(intensity)"),
    Number("tilt", 0, 80, "degrees from straight down"),
    Number("heading", -180, 360, "degrees"),
    Number("shadow", 0, 1, "(off or on)", whole=True),
)
"""What is not given stays as it is; warmth, tilt and heading alone take the rest from LIBERO."""

_NAMES = ("light1", "light2")
_KITCHENS = "light_kitchen"
_NOMINAL_DIFFUSE = 0.8
_NOMINAL_TILT_DEG = math.degrees(math.atan(0.15))
_NOMINAL_HEADING_DEG = -90.0


def _sample(strength: int, rng: np.random.Generator) -> Mapping[str, Value]:
    """Draw parameters from ``strengths.LIGHT``."""
    ranges = LIGHT[strength - 1]
    is_darker = rng.random() < 0.5
    drawn = {
        "diffuse": rng.uniform(*(ranges.darker if is_darker else ranges.brighter)),
        "warmth": rng.uniform(-ranges.warmth, ranges.warmth),
        "specular": rng.uniform(*ranges.specular),
        "tilt": rng.uniform(0, ranges.tilt_deg),
        "heading": rng.uniform(0, 360),
    }
    shadow = int(rng.random() < ranges.shadow and is_darker)
    return {**{name: round(float(value), 4) for name, value in drawn.items()}, "shadow": shadow}


def _make(values: Mapping[str, Value], _: np.random.Generator) -> dict[str, Any]:
    """Return the field ``light`` of a perturbation."""
    changes: dict[str, Any] = {}
    if "diffuse" in values or "warmth" in values:
        diffuse = float(values.get("diffuse", _NOMINAL_DIFFUSE))
        changes["diffuse"] = _tinted(diffuse, float(values.get("warmth", 0)))
    if "specular" in values:
        changes["specular"] = (float(values["specular"]),) * 3
    if "tilt" in values or "heading" in values:
        tilt = float(values.get("tilt", _NOMINAL_TILT_DEG))
        changes["direction"] = _downwards(tilt, float(values.get("heading", _NOMINAL_HEADING_DEG)))
    if "shadow" in values:
        changes["castshadow"] = bool(values["shadow"])
    lights = [Light(name, **changes) for name in _NAMES]
    if "diffuse" in changes:
        lights.append(Light(_KITCHENS, changes["diffuse"]))
    return {"light": LightEdit(tuple(lights))}


def _tinted(intensity: float, warmth: float) -> tuple[float, ...]:
    """Return red, green, blue: a warm light loses half of its blue, a cold one of its red."""
    red = intensity * (1 + min(0.0, warmth) / 2)
    blue = intensity * (1 - max(0.0, warmth) / 2)
    return red, intensity, blue


def _downwards(tilt_deg: float, heading_deg: float) -> tuple[float, ...]:
    tilt, heading = math.radians(tilt_deg), math.radians(heading_deg)
    level = math.sin(tilt)
    return level * math.cos(heading), level * math.sin(heading), -math.cos(tilt)


KIND = Kind(
    name="light",
    summary="changes light1 and light2",
    parameters=PARAMETERS,
    sample=_sample,
    make=_make,
)
