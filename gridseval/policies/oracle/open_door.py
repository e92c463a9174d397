"""Open a door: pull it ajar by its upright bar, then push it from behind its free edge."""

from __future__ import annotations

import math

import numpy as np

from gridseval.policies.oracle.door import AHEAD_M, Door
from gridseval.policies.oracle.models import Models
from gridseval.policies.oracle.scene import Pose, Scene
from gridseval.policies.oracle.skill import CLOSE, OPEN, Leg, Phase, leaning
from gridseval.policies.oracle.tasks import Goal

# So wide that the door is out of the way of a hand that reaches in.
_OPEN_RAD, _AJAR_RAD = -1.55, -0.75
# The upright bar in the door's frame, where the hand takes it; the hand leans towards the door.
_BAR = (0.2375, -0.054, -0.04)
_LEAN = math.radians(55)
_BACK_M = 0.07
_UP = np.array([0.0, 0.0, 0.06])
_AHEAD_RAD = 0.3
# The hand turns by this share of the door's angle: with all of it the arm would be stretched.
_TURNS = 0.3


def is_shut(goal: Goal, scene: Scene, models: Models) -> bool:
    """Return whether a door is so far closed that no hand fits behind it."""
    return scene.joints[models.joint_of(goal.thing) or ""] > _AJAR_RAD


class PullDoor(Door):
    """Takes the upright bar and pulls the door ajar."""

    legs = (
        Leg(Phase.APPROACH, OPEN, 70, travels=True, near=0.015),
        Leg(Phase.REACH, OPEN, 20, near=0.008),
        Leg(Phase.CLOSE, CLOSE, 6),
        Leg(Phase.WORK, CLOSE, 40),
        Leg(Phase.RELEASE, OPEN, 6),
        Leg(Phase.LEAVE, OPEN, 12, near=0.02),
    )

    def places(self) -> tuple[tuple[float, float, float], ...]:
        """See ``Door``."""
        return (_BAR,) * len(self.legs)

    def target(self, scene: Scene) -> Pose:
        """See ``Legs``."""
        if self.phase in (Phase.RELEASE, Phase.LEAVE):
            began = self.began.hand
            away = _UP - _BACK_M * began.rotation[:, 2] if self.phase is Phase.LEAVE else 0.0
            return Pose(began.position + away, began.rotation)
        angle = scene.joints[self.joint] - (_AHEAD_RAD if self.phase is Phase.WORK else 0.0)
        turned = _TURNS * angle
        inward = self.fixture.rotation @ [-math.sin(turned), math.cos(turned), 0.0]
        rotation = leaning(inward[:2], _LEAN)
        back = _BACK_M if self.phase is Phase.APPROACH else 0.0
        return Pose(self.at(self.places()[self.index], angle) - back * rotation[:, 2], rotation)

    def is_over(self, scene: Scene) -> bool:
        """See ``Legs``."""
        if self.phase in (Phase.CLOSE, Phase.RELEASE):
            return False
        return self.is_reached(scene) if self.phase is Phase.WORK else super().is_over(scene)

    def is_reached(self, scene: Scene) -> bool:
        """See ``Legs``."""
        return scene.joints[self.joint] < _AJAR_RAD


class PushDoor(Door):
    """Comes down behind the free edge of a door that is ajar, and pushes it open."""

    legs = (
        Leg(Phase.APPROACH, CLOSE, 40, near=0.015),
        Leg(Phase.REACH, CLOSE, 16, near=0.012),
        Leg(Phase.WORK, CLOSE, 80),
        Leg(Phase.LEAVE, CLOSE, 12, near=0.05),
    )

    def places(self) -> tuple[tuple[float, float, float], ...]:
        """See ``Door``."""
        return (0.225, 0.05, 0.06), (0.225, 0.03, 0.0), (0.225, 0.02 - AHEAD_M, 0.0)

    def is_over(self, scene: Scene) -> bool:
        """See ``Legs``."""
        return self.is_reached(scene) if self.phase is Phase.WORK else super().is_over(scene)

    def is_reached(self, scene: Scene) -> bool:
        """See ``Legs``."""
        return scene.joints[self.joint] < _OPEN_RAD
