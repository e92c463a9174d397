"""The kinds of perturbation that work on any suite, and what strength 1 to 5 means for each.

| kind | drawn at strength n |
|---|---|
| camera | azimuth ±15(n − 1) to ±15n°, elevation 0 to 3n°, distance 100 to 100 + 20n %, yaw and pitch up to ±2n° |
| robot | deviation of the joints of norm 0.1n rad, in any direction, as LIBERO-Plus |
| perturbed_start | the same, but the arm really starts there |
| noise | any family, severity 2n − 1 or 2n |
| light | see ``strengths.LIGHT`` |
| background | see ``strengths.BACKGROUND`` |
| language | one more rule at each strength |
| objects | objects moved by up to 2n cm and turned by up to 10n°, fixtures by n cm and 2n°; 2 more objects at 4, 3 at 5 |
"""  # noqa: E501

from gridseval.envs.perturbations.kinds.kind import STRENGTHS, Kind, Values, rounded
from gridseval.envs.perturbations.kinds.registry import (
    PERTURBATIONS,
    find_kind,
    list_perturbations,
)

__all__ = [
    "PERTURBATIONS",
    "STRENGTHS",
    "Kind",
    "Values",
    "find_kind",
    "list_perturbations",
    "rounded",
]
