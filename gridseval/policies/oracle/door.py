"""A door that swings about an upright hinge, such as the microwave's, and how to close it.

Places are in the door's own frame: x from the hinge along the door, y into the fixture (m). The
hand passes over the fixture, with its closed fingertips below the upper edge of the door.
"""

from __future__ import annotations

import math
from abc import abstractmethod

import numpy as np

from gridseval.policies.oracle.geometry import Array, hand_rotation
from gridseval.policies.oracle.models import split_region
from gridseval.policies.oracle.motion import lean_at
from gridseval.policies.oracle.scene import Pose, Scene
from gridseval.policies.oracle.skill import (
    CLOSE,
    Leg,
    Legs,
    Phase,
    Setting,
    nearer_yaw,
)
from gridseval.policies.oracle.tasks import Goal

_CLOSED_RAD = -0.004
AHEAD_M = 0.05
"""How far ahead of the door (m) the hand presses to while it pushes."""


class Door(Legs):
    """What opening and closing share: the door's frame."""

    def __init__(self, goal: Goal, setting: Setting, scene: Scene) -> None:
        super().__init__(goal, setting, scene)
        part = setting.models.part_of(goal.thing)
        joint = setting.models.joint_of(goal.thing)
        assert part is not None and joint is not None  # the table of skills asks for a door
        self.joint = joint
        self.fixture = scene.bodies[split_region(goal.thing)[0]]
        self.hinge = self.fixture.position + self.fixture.rotation @ np.array(part.grip)
        # The hand's long side runs along the fixture's front.
        self.yaw = nearer_yaw(self.fixture.rotation[:2, 0], hand_rotation(math.pi / 2))

    @abstractmethod
    def places(self) -> tuple[tuple[float, float, float], ...]:
        """Return where the hand goes in each leg but the last, which moves up."""

    def at(self, place: tuple[float, float, float], angle: float) -> Array:
        """Return a place in the door's frame, in the world, float64 (3,), at an angle (rad)."""
        x, y, z = place
        cosine, sine = math.cos(angle), math.sin(angle)
        local: Array = np.array([cosine * x - sine * y, sine * x + cosine * y, z])
        return np.asarray(self.hinge + self.fixture.rotation @ local)

    def target(self, scene: Scene) -> Pose:
        """See ``Legs``."""
        if self.phase is Phase.LEAVE:
            place = self.began.hand.position + np.array([0.0, 0.0, 0.1])
        else:
            angle = scene.joints[self.joint]
            place = self.at(self.places()[self.index], angle)
        ahead = place - self.setting.base
        return Pose(place, hand_rotation(self.yaw, lean_at(ahead, float(np.hypot(*ahead[:2])))))


class CloseDoor(Door):
    """Pushes the door's outer face."""

    legs = (
        Leg(Phase.APPROACH, CLOSE, 60, travels=True, near=0.03),
        Leg(Phase.REACH, CLOSE, 16, near=0.015),
        Leg(Phase.WORK, CLOSE, 80),
        Leg(Phase.LEAVE, CLOSE, 12, near=0.05),
    )

    def places(self) -> tuple[tuple[float, float, float], ...]:
        """See ``Door``."""
        return (0.18, -0.09, 0.0), (0.18, -0.045, 0.0), (0.18, -0.04 + AHEAD_M, 0.0)

    def is_over(self, scene: Scene) -> bool:
        """See ``Legs``."""
        return self.is_reached(scene) if self.phase is Phase.WORK else super().is_over(scene)

    def is_reached(self, scene: Scene) -> bool:
        """See ``Legs``."""
        return scene.joints[self.joint] > _CLOSED_RAD
