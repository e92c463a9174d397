"""Drag a bowl out of the way: closed fingers inside it, against the wall ahead."""

from __future__ import annotations

import math

import numpy as np

from gridseval.policies.oracle.geometry import Array, hand_rotation
from gridseval.policies.oracle.motion import lean_at
from gridseval.policies.oracle.scene import Pose, Scene
from gridseval.policies.oracle.skill import CLOSE, Leg, Legs, Phase, Setting
from gridseval.policies.oracle.tasks import Goal, clear_place

# The yaw at which the hand opens the drawer next, mostly.
_YAW = math.pi / 2
_TIP_M = 0.0092
_ABOVE_FLOOR_M = 0.006
_AHEAD_M = 0.05
_LOST_M = 0.08
_THERE_M = 0.025


class Drag(Legs):
    """Drags a bowl to where it leaves room for a drawer, and the hand room for the bowl."""

    legs = (
        Leg(Phase.APPROACH, CLOSE, 60, travels=True, near=0.015),
        Leg(Phase.WORK, CLOSE, 24),
        Leg(Phase.LEAVE, CLOSE, 12, near=0.04),
    )
    max_attempts = 1

    def __init__(self, goal: Goal, setting: Setting, scene: Scene) -> None:
        super().__init__(goal, setting, scene)
        model = setting.models.of(goal.thing)
        assert model is not None and model.push is not None  # goals to clear ask for it
        self.radius, self.depth = model.push
        self.place = clear_place(goal.thing, goal.target, scene, setting.base)

    def target(self, scene: Scene) -> Pose:
        """See ``Legs``."""
        thing = scene.bodies[self.goal.thing].position
        way: Array = self.place - thing[:2]
        left = float(np.linalg.norm(way))
        ahead = min(_AHEAD_M, left) if self.phase is Phase.WORK else 0.0
        tip = thing[:2] + way / max(left, 1e-6) * (self.radius + ahead)
        place = np.array([*tip, thing[2] + self.depth + _TIP_M + _ABOVE_FLOOR_M])
        if self.phase is Phase.LEAVE:
            place = self.began.hand.position + np.array([0.0, 0.0, 0.08])
        forward = place - self.setting.base
        lean = lean_at(forward, float(np.hypot(*forward[:2])))
        return Pose(place, hand_rotation(_YAW, lean))

    def is_over(self, scene: Scene) -> bool:
        """See ``Legs``."""
        if self.phase is not Phase.WORK:
            return super().is_over(scene)
        thing = scene.bodies[self.goal.thing].position[:2]
        lost = float(np.linalg.norm(scene.hand.position[:2] - thing)) > _LOST_M
        return self.is_reached(scene) or lost

    def is_reached(self, scene: Scene) -> bool:
        """See ``Legs``."""
        thing = scene.bodies[self.goal.thing].position[:2]
        return bool(np.linalg.norm(thing - self.place) < _THERE_M)
