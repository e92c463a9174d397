"""Push a plate along the table: both open fingers behind it, so that it does not turn away."""

from __future__ import annotations

import math

import numpy as np

from gridseval.policies.oracle.geometry import hand_rotation
from gridseval.policies.oracle.grasp import MAX_OPENING
from gridseval.policies.oracle.models import Models
from gridseval.policies.oracle.scene import Pose, Scene
from gridseval.policies.oracle.skill import OPEN, Leg, Legs, Phase, Setting, nearer_yaw
from gridseval.policies.oracle.tasks import Goal, holds, place_of

# The palm is ahead of the fingertips, over the plate, where nothing else stands.
_LEAN = math.radians(28)
_TIP_M = 0.0092
_FINGER_M = 0.012
_ABOVE_TABLE_M = 0.002
_BEHIND_M = 0.008
_ABOVE_M = 0.07
_AHEAD_M = 0.05
_LOST_M = 0.05
_THERE_M = 0.012
_LEVEL_M = 0.01


def can_push(goal: Goal, scene: Scene, models: Models) -> bool:
    """Return whether a flat object can slide to its place: a region at the height it stands at."""
    model = models.of(goal.thing)
    if goal.relation != "on" or goal.target not in scene.sites or model is None or not model.flat:
        return False
    up = place_of(goal, scene, models)[2] - scene.bodies[goal.thing].position[2]
    return bool(abs(up) < _LEVEL_M)


class Push(Legs):
    """Pushes a round, flat object until its middle is at a place."""

    legs = (
        Leg(Phase.APPROACH, OPEN, 60, travels=True, near=0.03),
        Leg(Phase.REACH, OPEN, 20, near=0.012),
        Leg(Phase.WORK, OPEN, 80),
        Leg(Phase.LEAVE, OPEN, 20, near=0.03),
    )

    def __init__(self, goal: Goal, setting: Setting, scene: Scene) -> None:
        super().__init__(goal, setting, scene)
        boxes = scene.boxes[goal.thing]
        radius = float(boxes.halves[0].max())
        self.behind = math.sqrt(radius**2 - (MAX_OPENING / 2) ** 2) + _FINGER_M
        self.height = float(boxes.lows.min()) + _TIP_M + _ABOVE_TABLE_M

    def target(self, scene: Scene) -> Pose:
        """See ``Legs``."""
        thing = scene.bodies[self.goal.thing].position[:2]
        way = scene.sites[self.goal.target][:2] - thing
        left = float(np.linalg.norm(way))
        way = way / max(left, 1e-6)
        ahead = min(_AHEAD_M, left) if self.phase is Phase.WORK else -_BEHIND_M
        place = np.array([*(thing + way * (ahead - self.behind)), self.height])
        yaw = nearer_yaw(np.array([-way[1], way[0]]), scene.hand.rotation)
        rotation = hand_rotation(yaw, -_LEAN * way)
        if self.phase is Phase.APPROACH:  # to come from over the plate, along the fingers
            place = place - _ABOVE_M * rotation[:, 2]
        if self.phase is Phase.LEAVE:
            place = self.began.hand.position - _ABOVE_M * rotation[:, 2]
        return Pose(place, rotation)

    def is_over(self, scene: Scene) -> bool:
        """See ``Legs``."""
        if self.phase is not Phase.WORK:
            return super().is_over(scene)
        thing = scene.bodies[self.goal.thing].position[:2]
        apart = float(np.linalg.norm(scene.hand.position[:2] - thing))
        return self.is_reached(scene) or apart > self.behind + _LOST_M

    def is_reached(self, scene: Scene) -> bool:
        """See ``Legs``."""
        thing = scene.bodies[self.goal.thing].position[:2]
        left = np.linalg.norm(thing - scene.sites[self.goal.target][:2])
        return holds(self.goal, scene, bool(left < _THERE_M))
