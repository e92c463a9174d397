"""How well an arm moves: figures of a path in space and of the actions that were executed."""

from gridseval.motion.figures import (
    log_dimensionless_jerk,
    motion_of_actions,
    path_length,
    reversals,
    seam_jump,
    spectral_arc_length,
    toggles,
)
from gridseval.motion.table import FIGURES, MotionFigure

__all__ = [
    "FIGURES",
    "MotionFigure",
    "log_dimensionless_jerk",
    "motion_of_actions",
    "path_length",
    "reversals",
    "seam_jump",
    "spectral_arc_length",
    "toggles",
]
