"""The figures of motion that records and tables have: the one list of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MotionFigure:
    """A figure of an episode's motion.

    Attributes:
        name: Its key in a record's ``extra.motion``; in tables it is ``motion_<name>``.
        title: Its heading for people.
        unit: Of the number.
        description: What it is.
        digits: Decimals in tables for people.
    """

    name: str
    title: str
    unit: str
    description: str
    digits: int = 2


FIGURES: tuple[MotionFigure, ...] = (
    MotionFigure("path_m", "path m", "m", "length of the grip site's path"),
    MotionFigure(
        "ldlj", "LDLJ", "", "log dimensionless jerk of that path; nearer to 0 is smoother"
    ),
    MotionFigure("sparc", "SPARC", "", "spectral arc length of its speed; nearer to 0 is smoother"),
    MotionFigure(
        "reversals_hz", "turns/s", "1/s", "turns by more than a right angle, per second of motion"
    ),
    MotionFigure("toggles", "toggles", "count", "changes of the gripper's command", digits=1),
    MotionFigure(
        "energy_j",
        "energy J",
        "J",
        "∫ Σ |torque · joint velocity| dt of the seven joints",
        digits=1,
    ),
    MotionFigure(
        "contact_n",
        "contact N",
        "N",
        "greatest sum of normal forces between robot and anything else, at the ends of steps",
        digits=0,
    ),
    MotionFigure(
        "moved_m", "moved m", "m", "how far objects that the goal does not name stand from before"
    ),
    MotionFigure(
        "seam_jump",
        "seam jump",
        "",
        "jump of the translation from one answer's action to the next answer's; 1 is 5 cm",
    ),
)
"""To add a figure, add a line here, and compute it in ``envs/motion_log.py`` or the rollout."""
