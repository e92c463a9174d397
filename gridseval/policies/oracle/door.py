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
from gridseval.policies.oracle.skill import (
    CLOSE,
    OPEN,
    Leg,
    Legs,
    Phase,
    Setting,
    leaning,
    nearer_yaw,
)
from gridseval.policies.oracle.tasks import Goal

_OPEN_RAD, _AJAR_RAD, _CLOSED_RAD = -1.36, -0.75, -0.004
_AHEAD_M = 0.05
# The upright bar in the door's frame, where the hand takes it; the hand leans towards the door.
_BAR = (0.2375, -0.054, -0.04)
_LEAN = math.radians(55)
_BACK_M = 0.07
_AHEAD_RAD = 0.3
_PULL_LEGS = 6
_UP = np.array([0.0, 0.0, 0.06])
# The hand turns by this share of the door's angle: with all of it the arm would be stretched.
_TURNS = 0.3


class _Door(Legs):
    """What opening and closing share: the door's frame."""

    first_place = 0

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
            place = self.at(self.places()[self.index - self.first_place], angle)
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
    """Takes the upright bar and pulls, then pushes the door from behind its free edge."""

    legs = (
        Leg(Phase.APPROACH, OPEN, 70, travels=True, near=0.015),
        Leg(Phase.REACH, OPEN, 20, near=0.008),
        Leg(Phase.CLOSE, CLOSE, 6),
        Leg(Phase.PULL, CLOSE, 40),
        Leg(Phase.RELEASE, OPEN, 6),
        Leg(Phase.LEAVE, OPEN, 12, near=0.02),
        Leg(Phase.REACH, CLOSE, 16, near=0.015),
        Leg(Phase.REACH, CLOSE, 16, near=0.012),
        Leg(Phase.WORK, CLOSE, 80),
        Leg(Phase.LEAVE, CLOSE, 12, near=0.05),
    )
    first_place = _PULL_LEGS

    def target(self, scene: Scene) -> Pose:
        """See ``Legs``."""
        if self.phase in (Phase.RELEASE, Phase.LEAVE) and self.index < _PULL_LEGS:
            began = self.began.hand
            away = _UP - _BACK_M * began.rotation[:, 2] if self.phase is Phase.LEAVE else 0.0
            return Pose(began.position + away, began.rotation)
        if self.index >= _PULL_LEGS:
            return super().target(scene)
        angle = scene.joints[self.joint] - (_AHEAD_RAD if self.phase is Phase.PULL else 0.0)
        turned = _TURNS * angle
        inward = self.fixture.rotation @ [-math.sin(turned), math.cos(turned), 0.0]
        rotation = leaning(inward[:2], _LEAN)
        place = self.at(_BAR, angle)
        back = _BACK_M if self.phase is Phase.APPROACH else 0.0
        return Pose(place - back * rotation[:, 2], rotation)

    def places(self) -> tuple[tuple[float, float, float], ...]:
        """See ``_Door``."""
        return (
            (0.225, 0.05, 0.06),
            (0.225, 0.03, 0.0),
            (0.225, 0.02 - _AHEAD_M, 0.0),
        )

    def is_over(self, scene: Scene) -> bool:
        """See ``Legs``."""
        if self.phase in (Phase.CLOSE, Phase.RELEASE):
            return False
        if self.phase is Phase.PULL:
            return scene.joints[self.joint] < _AJAR_RAD
        return self.is_reached(scene) if self.phase is Phase.WORK else super().is_over(scene)

    def is_reached(self, scene: Scene) -> bool:
        """See ``Legs``."""
        return scene.joints[self.joint] < _OPEN_RAD
