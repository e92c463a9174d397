"""Robot as a kind of perturbation: the arm is reset elsewhere, as LIBERO-Plus does it."""

from __future__ import annotations

import numpy as np

from gridseval.envs.perturbations.kinds.kind import Fields, Kind, Values, rounded
from gridseval.envs.perturbations.parameters import Number
from gridseval.envs.perturbations.robot import VARIANTS, joints, joints_of_norm


def _sample(strength: int, _: np.random.Generator) -> Values:
    return {"norm": rounded(0.1 * strength)}


def _make(values: Values, rng: np.random.Generator) -> Fields:
    if "state" in values:
        return {"joints": joints(int(values["state"]))}
    return {"joints": joints_of_norm(float(values["norm"]), rng)}


KIND = Kind(
    name="robot",
    summary="resets the arm elsewhere, before the stored initial state is set",
    parameters=(Number("norm", 0, 1, "rad"), Number("state", 1, VARIANTS, "", whole=True)),
    sample=_sample,
    make=_make,
    exclusive=(("norm", "state"),),
    contradicts=("perturbed_start",),
)
