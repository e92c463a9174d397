"""Background as a kind of perturbation: table, floor and walls are repainted."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping
from typing import Any, cast, get_args

import numpy as np

from gridseval.envs.perturbations.kinds.kind import Kind
from gridseval.envs.perturbations.parameters import Choice, Colour, Number, Parameter, Value
from gridseval.envs.perturbations.perturbation import BackgroundEdit, Part, Pattern, Surface
from gridseval.envs.perturbations.strengths import BACKGROUND

PARTS: tuple[Part, ...] = get_args(Part)

PARAMETERS: tuple[Parameter, ...] = (
    Choice("part", ("all", *PARTS)),
    Choice("pattern", get_args(Pattern)),
    Colour("colour"),
    Colour("colour2"),
    Number("cells", 1, 64, "repetitions", whole=True),
    *(Colour(f"{part}_{name}") for part in PARTS for name in ("colour", "colour2")),
    *(Choice(f"{part}_pattern", get_args(Pattern)) for part in PARTS),
    *(Number(f"{part}_cells", 1, 64, "repetitions", whole=True) for part in PARTS),
)
"""``part`` (default: all) gets ``pattern`` and colours; ``table_…`` and so on hold for one part."""

_PLAIN, _LIGHT_GREY, _DARK_GREY, _CELLS = "plain", "b0b0b0", "505050", 8


def _sample(strength: int, rng: np.random.Generator) -> Mapping[str, Value]:
    """Draw parameters from ``strengths.BACKGROUND``, for each part on its own."""
    ranges = BACKGROUND[strength - 1]
    drawn: dict[str, Value] = {}
    for part in PARTS:
        drawn[f"{part}_pattern"] = str(rng.choice(ranges.patterns))
        for name in ("colour", "colour2"):
            drawn[f"{part}_{name}"] = _random_colour(ranges.saturation, rng)
        drawn[f"{part}_cells"] = int(rng.integers(2, 17))
    return drawn


def _make(values: Mapping[str, Value], _: np.random.Generator) -> dict[str, Any]:
    """Return the field ``background`` of a perturbation."""
    surfaces = [_surface(part, values) for part in PARTS if _is_meant(part, values)]
    return {"background": BackgroundEdit(tuple(surfaces))}


def _is_meant(part: str, values: Mapping[str, Value]) -> bool:
    if any(name.startswith(f"{part}_") for name in values):
        return True
    shared = {"part", "pattern", "colour", "colour2", "cells"} & set(values)
    return bool(shared) and values.get("part", "all") in ("all", part)


def _surface(part: Part, values: Mapping[str, Value]) -> Surface:
    def value(name: str, default: Value) -> Value:
        return values.get(f"{part}_{name}", values.get(name, default))

    return Surface(
        part=part,
        pattern=cast("Pattern", value("pattern", _PLAIN)),
        colours=tuple(
            _colour(str(value(name, default)))
            for name, default in (("colour", _LIGHT_GREY), ("colour2", _DARK_GREY))
        ),
        cells=int(value("cells", _CELLS)),
    )


def _random_colour(saturation: float, rng: np.random.Generator) -> str:
    hue, share, value = rng.random(), saturation * rng.random(), rng.uniform(0.2, 0.9)
    return "".join(f"{round(255 * part):02x}" for part in colorsys.hsv_to_rgb(hue, share, value))


def _colour(digits: str) -> tuple[float, ...]:
    return tuple(int(digits[start : start + 2], 16) / 255 for start in (0, 2, 4))


KIND = Kind(
    name="background",
    summary="repaints table, floor and walls",
    parameters=PARAMETERS,
    sample=_sample,
    make=_make,
)
