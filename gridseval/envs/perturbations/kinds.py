"""The kinds of perturbation that work on any suite, and what strength 1 to 5 means for each.

| kind | drawn at strength n |
|---|---|
| camera | azimuth ±15(n − 1) to ±15n°, elevation 0 to 3n°, distance 100 to 100 + 20n %, yaw and pitch up to ±2n° |
| robot | deviation of the joints of norm 0.1n rad, in any direction, as LIBERO-Plus |
| robot_true | the same, but the arm really starts there |
| noise | any family, severity 2n − 1 or 2n |
| light | see ``strengths.LIGHT`` |
| background | see ``strengths.BACKGROUND`` |
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from gridseval.envs.perturbations import background, light
from gridseval.envs.perturbations.camera import CameraMove
from gridseval.envs.perturbations.noise import FAMILIES, NOISES, SEVERITIES, noise_number
from gridseval.envs.perturbations.parameters import Choice, Number, Parameter, Value
from gridseval.envs.perturbations.robot import VARIANTS, joints, joints_of_norm

Values: TypeAlias = Mapping[str, Value]
Fields: TypeAlias = dict[str, Any]

STRENGTHS = 5
"""Strengths are numbered from 1 to this."""


@dataclass(frozen=True)
class Kind:
    """A kind of perturbation.

    Attributes:
        name: As users write it.
        summary: What it changes.
        parameters: What can be given in place of a strength.
        sample: Draws parameters of a strength.
        make: Makes fields of a ``Perturbation`` from parameters, drawing what they leave open.
        exclusive: Pairs of parameters that contradict each other.
    """

    name: str
    summary: str
    parameters: tuple[Parameter, ...]
    sample: Callable[[int, np.random.Generator], Values]
    make: Callable[[Values, np.random.Generator], Fields]
    exclusive: tuple[tuple[str, str], ...] = ()


def _sample_camera(strength: int, rng: np.random.Generator) -> Values:
    far = 15.0 * strength
    return {
        "azimuth": rounded(rng.choice((-1, 1)) * rng.uniform(far - 15, far)),
        "elevation": rounded(rng.uniform(0, 3 * strength)),
        "distance": rounded(rng.uniform(100, 100 + 20 * strength)),
        "yaw": rounded(rng.uniform(-2 * strength, 2 * strength)),
        "pitch": rounded(rng.uniform(-2 * strength, 2 * strength)),
    }


def _make_camera(values: Values, _: np.random.Generator) -> Fields:
    move: dict[str, Any] = {name: float(value) for name, value in values.items()}
    return {"camera": CameraMove(**move)}


def _sample_robot(strength: int, _: np.random.Generator) -> Values:
    return {"norm": rounded(0.1 * strength)}


def _make_robot(values: Values, rng: np.random.Generator) -> Fields:
    if "state" in values:
        return {"joints": joints(int(values["state"]))}
    return {"joints": joints_of_norm(float(values["norm"]), rng)}


def _make_robot_true(values: Values, rng: np.random.Generator) -> Fields:
    return {**_make_robot(values, rng), "joints_true": True}


def _sample_noise(strength: int, rng: np.random.Generator) -> Values:
    return {"severity": int(rng.integers(2 * strength - 1, 2 * strength + 1))}


def _make_noise(values: Values, rng: np.random.Generator) -> Fields:
    swap = {"true_swap": True} if values.get("swap") == "true" else {}
    if "number" in values:
        return {"noise": int(values["number"]), **swap}
    family = str(values["family"] if "family" in values else rng.choice(FAMILIES))
    severity = values["severity"] if "severity" in values else rng.integers(1, SEVERITIES + 1)
    return {"noise": noise_number(family, int(severity)), **swap}


def rounded(value: float) -> float:
    """Return a drawn value with four decimals, so that records can be read."""
    return round(float(value), 4)


_ROBOT = (Number("norm", 0, 1, "rad"), Number("state", 1, VARIANTS, "", whole=True))

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "camera",
            "moves the agent camera",
            (
                Number("azimuth", -180, 180, "degrees"),
                Number("elevation", -90, 90, "degrees"),
                Number("distance", 10, 500, "percent"),
                Number("yaw", -90, 90, "degrees"),
                Number("pitch", -90, 90, "degrees"),
            ),
            _sample_camera,
            _make_camera,
        ),
        Kind("light", "changes light1 and light2", light.PARAMETERS, light.sample, light.make),
        Kind(
            "robot",
            "resets the arm elsewhere, before the stored initial state is set",
            _ROBOT,
            _sample_robot,
            _make_robot,
            exclusive=(("norm", "state"),),
        ),
        Kind(
            "robot_true",
            "starts the arm elsewhere",
            _ROBOT,
            _sample_robot,
            _make_robot_true,
            exclusive=(("norm", "state"),),
        ),
        Kind(
            "noise",
            "distorts the agent camera's images",
            (
                Choice("family", FAMILIES),
                Number("severity", 1, SEVERITIES, "", whole=True),
                Number("number", 1, NOISES, "", whole=True),
                Choice("swap", ("upstream", "true")),
            ),
            _sample_noise,
            _make_noise,
            exclusive=(("number", "family"), ("number", "severity")),
        ),
        Kind(
            "background",
            "repaints table, floor and walls",
            background.PARAMETERS,
            background.sample,
            background.make,
        ),
    )
}
"""By name."""
