"""Other arrangements of a task's things: what may move, where there is room, whether it settles."""

from gridseval.envs.arrangement.distractors import (
    distractor_joint,
    problem_with,
    with_distractors,
)
from gridseval.envs.arrangement.moves import NO_MOVES, Moves, Planar
from gridseval.envs.arrangement.start import arranged_start

__all__ = [
    "NO_MOVES",
    "Moves",
    "Planar",
    "arranged_start",
    "distractor_joint",
    "problem_with",
    "with_distractors",
]
