"""Language as a kind of perturbation: the instruction is said in other words."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from gridseval.envs.perturbations.kinds.kind import Fields, Kind, Values
from gridseval.envs.perturbations.language import (
    CLAUSES,
    OPENINGS,
    LanguageEdit,
    language_of_strength,
)
from gridseval.envs.perturbations.parameters import Number


def _sample(strength: int, rng: np.random.Generator) -> Values:
    drawn = asdict(language_of_strength(strength, rng))
    return {name: int(value) for name, value in drawn.items() if value is not None}


def _make(values: Values, _: np.random.Generator) -> Fields:
    given: dict[str, Any] = {name: int(value) for name, value in values.items()}
    given["reorder"] = bool(given.get("reorder", 0))
    return {"language": LanguageEdit(**given)}


KIND = Kind(
    name="language",
    summary="says the instruction in other words",
    parameters=(
        Number("opening", 0, len(OPENINGS) - 1, "(which)", whole=True),
        Number("verbs", 0, 999, "(which synonyms)", whole=True),
        Number("objects", 0, 999, "(which synonyms)", whole=True),
        Number("reorder", 0, 1, "(off or on)", whole=True),
        Number("clause", 0, len(CLAUSES) - 1, "(which)", whole=True),
    ),
    sample=_sample,
    make=_make,
)
