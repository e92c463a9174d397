"""Open and close a door that swings about an upright hinge, such as the microwave's.

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
from gridseval.policies.oracle.skill import CLOSE, Leg, Legs, Phase, Setting, nearer_yaw
from gridseval.policies.oracle.tasks import Goal

_OPEN_RAD, _AJAR_RAD, _CLOSED_RAD = -1.36, -0.4, -0.004
_AHEAD_M = 0.05
# Beside the handle the palm need not pass over the fixture.
_LOWER_M = -0.019


class _Door(Legs):
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

    def target(self, scene: Scene) -> Pose:
        """See ``Legs``."""
        if self.phase is Phase.LEAVE:
            place = self.began.hand.position + np.array([0.0, 0.0, 0.1])
        else:
            angle = scene.joints[self.joint]
            x, y, z = self.places()[self.index]
            cosine, sine = math.cos(angle), math.sin(angle)
            local: Array = np.array([cosine * x - sine * y, sine * x + cosine * y, z])
            place = self.hinge + self.fixture.rotation @ local
        ahead = place - self.setting.base
        return Pose(place, hand_rotation(self.yaw, lean_at(ahead, float(np.hypot(*ahead[:2])))))


class CloseDoor(_Door):
    """Pushes the door's outer face."""

    legs = (
        Leg(Phase.APPROACH, CLOSE, 60, travels=True, near=0.03),
        Leg(Phase.REACH, CLOSE, 16, near=0.015),
        Leg(Phase.WORK, CLOSE, 80),
        Leg(Phase.LEAVE, CLOSE, 12, near=0.05),
    )

    def places(self) -> tuple[tuple[float, float, float], ...]:
        """See ``_Door``."""
        return (0.18, -0.09, 0.0), (0.18, -0.045, 0.0), (0.18, -0.04 + _AHEAD_M, 0.0)

    def is_over(self, scene: Scene) -> bool:
        """See ``Legs``."""
        return self.is_reached(scene) if self.phase is Phase.WORK else super().is_over(scene)

    def is_reached(self, scene: Scene) -> bool:
        """See ``Legs``."""
        return scene.joints[self.joint] > _CLOSED_RAD


class OpenDoor(_Door):
    """Pushes the handle towards the hinge, then the door from behind its free edge."""

    legs = (
        Leg(Phase.APPROACH, CLOSE, 60, travels=True, near=0.02),
        Leg(Phase.WORK, CLOSE, 40),
        Leg(Phase.REACH, CLOSE, 16, near=0.015),
        Leg(Phase.REACH, CLOSE, 16, near=0.012),
        Leg(Phase.WORK, CLOSE, 80),
        Leg(Phase.LEAVE, CLOSE, 12, near=0.05),
    )

    def places(self) -> tuple[tuple[float, float, float], ...]:
        """See ``_Door``."""
        return (
            (0.27, -0.06, _LOWER_M),
            (0.27 - 0.035, -0.06, _LOWER_M),
            (0.30, -0.02, 0.0),
            (0.225, 0.025, 0.0),
            (0.225, 0.02 - _AHEAD_M, 0.0),
        )

    def is_over(self, scene: Scene) -> bool:
        """See ``Legs``."""
        if self.phase is Phase.WORK and self.index == 1:
            return scene.joints[self.joint] < _AJAR_RAD
        return self.is_reached(scene) if self.phase is Phase.WORK else super().is_over(scene)

    def is_reached(self, scene: Scene) -> bool:
        """See ``Legs``."""
        return scene.joints[self.joint] < _OPEN_RAD
