"""Perturbed start as a kind of perturbation: the arm really starts elsewhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gridseval.envs.perturbations.kinds.kind import Fields, Values
from gridseval.envs.perturbations.kinds.robot import KIND as ROBOT


def _make(values: Values, rng: np.random.Generator) -> Fields:
    return {**ROBOT.make(values, rng), "joints_true": True}


KIND = replace(
    ROBOT,
    name="perturbed_start",
    summary="starts the arm elsewhere",
    make=_make,
    contradicts=("robot",),
    # Its name until 0.2: the same seed must draw the same as in older runs.
    seeded_as="robot_true",
)
