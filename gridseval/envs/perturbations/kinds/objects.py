"""Objects as a kind of perturbation: things stand elsewhere, and others stand beside them."""

from __future__ import annotations

import numpy as np

from gridseval.envs.perturbations.kinds.kind import Fields, Kind, Values
from gridseval.envs.perturbations.objects import MOST_DISTRACTORS, MOST_NUMBER, ObjectsEdit
from gridseval.envs.perturbations.parameters import Number

DISTRACTORS = (0, 0, 0, 2, 3)
"""How many at strength 1 to 5."""


def _sample(strength: int, rng: np.random.Generator) -> Values:
    return {
        "shift": 2 * strength,
        "turn": 10 * strength,
        "fixture_shift": strength,
        "fixture_turn": 2 * strength,
        "distractors": DISTRACTORS[strength - 1],
        "number": int(rng.integers(MOST_NUMBER + 1)),
    }


def _make(values: Values, rng: np.random.Generator) -> Fields:
    number = values["number"] if "number" in values else rng.integers(MOST_NUMBER + 1)
    edit = ObjectsEdit(
        shift_cm=float(values.get("shift", 0)),
        turn_deg=float(values.get("turn", 0)),
        fixture_shift_cm=float(values.get("fixture_shift", 0)),
        fixture_turn_deg=float(values.get("fixture_turn", 0)),
        distractors=int(values.get("distractors", 0)),
        number=int(number),
    )
    return {"objects": edit}


KIND = Kind(
    name="objects",
    summary="moves objects and fixtures within free space, and adds others",
    parameters=(
        Number("shift", 0, 30, "cm"),
        Number("turn", 0, 180, "degrees"),
        Number("fixture_shift", 0, 10, "cm"),
        Number("fixture_turn", 0, 45, "degrees"),
        Number("distractors", 0, MOST_DISTRACTORS, "objects", whole=True),
        Number("number", 0, MOST_NUMBER, "(which arrangement)", whole=True),
    ),
    sample=_sample,
    make=_make,
)
