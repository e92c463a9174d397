"""Other places for objects and fixtures, and objects that the task has no need of, as plain data.

What stands where is found in the simulator, by :mod:`gridseval.envs.arrangement`: free space
depends on the scene.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

MOST_DISTRACTORS = 5
MOST_NUMBER = 2**31 - 1


@dataclass(frozen=True)
class ObjectsEdit:
    """How far things may be moved, and how many are added.

    Attributes:
        shift_cm: Greatest distance that movable objects are moved on what they stand on.
        turn_deg: Greatest angle that they are turned about the vertical.
        fixture_shift_cm: The same for fixtures, with all that is on or in them.
        fixture_turn_deg: The same.
        distractors: How many of LIBERO's objects are added.
        number: Which of all arrangements of this kind; seeds the search for one.

    Raises:
        ValueError: A value is out of its range.
    """

    shift_cm: float = 0.0
    turn_deg: float = 0.0
    fixture_shift_cm: float = 0.0
    fixture_turn_deg: float = 0.0
    distractors: int = 0
    number: int = 0

    def __post_init__(self) -> None:
        for name in ("shift_cm", "turn_deg", "fixture_shift_cm", "fixture_turn_deg"):
            value = getattr(self, name)
            if not (math.isfinite(value) and 0 <= value <= 360):
                raise ValueError(f"{name} must be within 0 and 360, not {value}")
        for name, most in (("distractors", MOST_DISTRACTORS), ("number", MOST_NUMBER)):
            value = getattr(self, name)
            if not 0 <= value <= most:
                raise ValueError(f"{name} must be within 0 and {most}, not {value}")
