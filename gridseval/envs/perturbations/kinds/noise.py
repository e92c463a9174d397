"""Noise as a kind of perturbation: the agent camera's images are distorted."""

from __future__ import annotations

import numpy as np

from gridseval.envs.perturbations.kinds.kind import Fields, Kind, Values
from gridseval.envs.perturbations.noise import FAMILIES, NOISES, SEVERITIES, noise_number
from gridseval.envs.perturbations.parameters import Choice, Number


def _sample(strength: int, rng: np.random.Generator) -> Values:
    return {"severity": int(rng.integers(2 * strength - 1, 2 * strength + 1))}


def _make(values: Values, rng: np.random.Generator) -> Fields:
    swap = {"true_swap": True} if values.get("swap") == "true" else {}
    if "number" in values:
        return {"noise": int(values["number"]), **swap}
    family = str(values["family"] if "family" in values else rng.choice(FAMILIES))
    severity = values["severity"] if "severity" in values else rng.integers(1, SEVERITIES + 1)
    return {"noise": noise_number(family, int(severity)), **swap}


KIND = Kind(
    name="noise",
    summary="distorts the agent camera's images",
    parameters=(
        Choice("family", FAMILIES),
        Number("severity", 1, SEVERITIES, "", whole=True),
        Number("number", 1, NOISES, "", whole=True),
        Choice("swap", ("upstream", "true")),
    ),
    sample=_sample,
    make=_make,
    exclusive=(("number", "family"), ("number", "severity")),
)
