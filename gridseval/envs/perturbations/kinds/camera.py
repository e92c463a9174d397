"""Camera as a kind of perturbation: the agent camera moves."""

from __future__ import annotations

from typing import Any

import numpy as np

from gridseval.envs.perturbations.camera import CameraMove
from gridseval.envs.perturbations.kinds.kind import Fields, Kind, Values, rounded
from gridseval.envs.perturbations.parameters import Number


def _sample(strength: int, rng: np.random.Generator) -> Values:
    far = 15.0 * strength
    return {
        "azimuth": rounded(rng.choice((-1, 1)) * rng.uniform(far - 15, far)),
        "elevation": rounded(rng.uniform(0, 3 * strength)),
        "distance": rounded(rng.uniform(100, 100 + 20 * strength)),
        "yaw": rounded(rng.uniform(-2 * strength, 2 * strength)),
        "pitch": rounded(rng.uniform(-2 * strength, 2 * strength)),
    }


def _make(values: Values, _: np.random.Generator) -> Fields:
    move: dict[str, Any] = {name: float(value) for name, value in values.items()}
    return {"camera": CameraMove(**move)}


KIND = Kind(
    name="camera",
    summary="moves the agent camera",
    parameters=(
        Number("azimuth", -180, 180, "degrees"),
        Number("elevation", -90, 90, "degrees"),
        Number("distance", 10, 500, "percent"),
        Number("yaw", -90, 90, "degrees"),
        Number("pitch", -90, 90, "degrees"),
    ),
    sample=_sample,
    make=_make,
)
