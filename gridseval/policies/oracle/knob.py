"""Turn the stove's knob: take its ridge between the fingers and turn the hand."""

from __future__ import annotations

import math

import numpy as np

from gridseval.policies.oracle.geometry import Array, hand_rotation
from gridseval.policies.oracle.models import split_region
from gridseval.policies.oracle.motion import lean_at
from gridseval.policies.oracle.scene import Pose, Scene
from gridseval.policies.oracle.skill import CLOSE, OPEN, Leg, Legs, Phase, Setting, nearer_yaw
from gridseval.policies.oracle.tasks import Goal

_ON_RAD, _OFF_RAD = 0.6, -0.002
_AHEAD_RAD = 0.5
_SETTLE_STEPS = 5


class TurnKnob(Legs):
    """Turns a knob about the vertical until the stove is on, or off."""

    legs = (
        Leg(Phase.APPROACH, OPEN, 80, travels=True),
        Leg(Phase.CLOSE, CLOSE, _SETTLE_STEPS),
        Leg(Phase.WORK, CLOSE, 50),
        Leg(Phase.RELEASE, OPEN, _SETTLE_STEPS),
        Leg(Phase.LEAVE, OPEN, 25),
    )

    def __init__(self, goal: Goal, setting: Setting, scene: Scene) -> None:
        super().__init__(goal, setting, scene)
        part = setting.models.part_of(goal.thing)
        joint = setting.models.joint_of(goal.thing)
        assert part is not None and joint is not None  # the table of skills asks for a knob
        stove = scene.bodies[split_region(goal.thing)[0]]
        self.joint = joint
        self.axis = stove.position + np.array([0.0, 0.0, part.grip[2]])
        self.zero = math.atan2(stove.rotation[1, 0], stove.rotation[0, 0])
        self.yaw = self._grip_yaw(scene)

    def target(self, scene: Scene) -> Pose:
        """See ``Legs``."""
        yaw, place = self.yaw, self.axis
        if self.phase in (Phase.WORK, Phase.RELEASE):
            way = _AHEAD_RAD if self.goal.relation == "turnon" else -_AHEAD_RAD
            yaw += scene.joints[self.joint] - self._angle + way
        if self.phase in (Phase.RELEASE, Phase.LEAVE):
            up = 0.07 if self.phase is Phase.LEAVE else 0.0
            return Pose(
                self.began.hand.position + np.array([0.0, 0.0, up]), self.began.hand.rotation
            )
        ahead = place - self.setting.base
        return Pose(place, hand_rotation(yaw, lean_at(ahead, float(np.hypot(*ahead[:2])))))

    def is_over(self, scene: Scene) -> bool:
        """See ``Legs``."""
        if self.phase is Phase.WORK:
            return self.is_reached(scene)
        if self.phase in (Phase.CLOSE, Phase.RELEASE):
            return False
        return super().is_over(scene)

    def is_reached(self, scene: Scene) -> bool:
        """See ``Legs``."""
        angle = scene.joints[self.joint]
        return angle > _ON_RAD if self.goal.relation == "turnon" else angle < _OFF_RAD

    def advance(self, scene: Scene) -> bool:
        """See ``Skill``."""
        advanced = super().advance(scene)
        if advanced and self.phase is Phase.APPROACH:
            self.yaw = self._grip_yaw(scene)
        return advanced

    def _grip_yaw(self, scene: Scene) -> float:
        """Return the yaw at which the fingers stand on both sides of the ridge."""
        self._angle = scene.joints[self.joint]
        ridge = self.zero + self._angle
        across: Array = np.array([-math.sin(ridge), math.cos(ridge)])
        return nearer_yaw(across, scene.hand.rotation)
