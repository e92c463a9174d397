"""How well an arm moves: the list of figures, and what they are computed by."""

from gridseval.motion.table import FIGURES, MotionFigure

__all__ = ["FIGURES", "MotionFigure"]
