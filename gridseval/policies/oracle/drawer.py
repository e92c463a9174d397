"""Open a drawer by its handle's rear edge, close it by its front.

The hand leans towards the cabinet, so that palm and wrist stay clear of handles further up.
"""

from __future__ import annotations

import math
from abc import abstractmethod

import numpy as np

from gridseval.policies.oracle.geometry import Array
from gridseval.policies.oracle.models import split_region
from gridseval.policies.oracle.scene import Pose, Scene
from gridseval.policies.oracle.skill import CLOSE, Leg, Legs, Phase, Setting, leaning
from gridseval.policies.oracle.tasks import Goal, holds

# Leaning further keeps the palm clear of handles above, and less the forearm of what stands near.
_LEANS = (math.radians(62), math.radians(35))
_TIP_M = 0.0092
_TIP_HALF_M = 0.0088
_BAR_HALF_M = 0.008
_AHEAD_M = 0.05
_LOST_M = 0.035
_PRESS_M = 0.012
_OPEN_M = -0.155
_CLOSED_M = 0.001


class _Drawer(Legs):
    """What opening and closing share: where the handle is, and how the hand leans."""

    legs = (
        Leg(Phase.APPROACH, CLOSE, 60, travels=True, near=0.02),
        Leg(Phase.REACH, CLOSE, 16, near=0.005),
        Leg(Phase.WORK, CLOSE, 40),
        Leg(Phase.LEAVE, CLOSE, 20, near=0.03),
    )

    def __init__(self, goal: Goal, setting: Setting, scene: Scene) -> None:
        super().__init__(goal, setting, scene)
        part = setting.models.part_of(goal.thing)
        joint = setting.models.joint_of(goal.thing)
        assert part is not None and joint is not None  # the table of skills asks for a drawer
        self.grip, self.joint = np.array(part.grip), joint
        self.cabinet = scene.bodies[split_region(goal.thing)[0]]
        self.inward = self.cabinet.rotation[:, 1]

    @property
    def lean(self) -> float:
        """The hand's angle from straight down (rad): another one in every second attempt."""
        tried = self.attempt + self.setting.failures[self.goal]
        return _LEANS[tried % len(_LEANS)]

    @property
    def rotation(self) -> Array:
        """The hand's rotation, float64 (3, 3), in all legs."""
        return leaning(self.inward[:2], self.lean)

    def handle(self, scene: Scene) -> Array:
        """Return the middle of the handle, float64 (3,), metres."""
        shift = np.array([0.0, scene.joints[self.joint], 0.0])
        return np.asarray(self.cabinet.position + self.cabinet.rotation @ (self.grip + shift))

    def hand_at(self, inward: float, up: float) -> Array:
        """Return where the hand is, from the handle, to have a corner of its tip there (m)."""
        return np.asarray(inward * self.inward + np.array([0.0, 0.0, up]))

    @abstractmethod
    def contact(self, scene: Scene) -> Array:
        """Return where the hand touches the handle."""

    @abstractmethod
    def working(self, scene: Scene) -> Array:
        """Return where the hand presses to while it moves the drawer."""

    def target(self, scene: Scene) -> Pose:
        """See ``Legs``."""
        rotation = self.rotation
        back = -rotation[:, 2]
        place = {
            Phase.APPROACH: lambda: self.contact(scene) + 0.05 * back,
            Phase.REACH: lambda: self.contact(scene),
            Phase.WORK: lambda: self.working(scene),
            Phase.LEAVE: lambda: self.began.hand.position + 0.06 * back,
        }[self.phase]()
        return Pose(place, rotation)

    def is_over(self, scene: Scene) -> bool:
        """See ``Legs``."""
        if self.phase is not Phase.WORK:
            return super().is_over(scene)
        offset = (scene.hand.position - self.contact(scene)) @ self.inward
        return self.is_reached(scene) or bool(abs(offset) > _LOST_M)


class OpenDrawer(_Drawer):
    """Hooks the tip behind the handle and pulls."""

    def contact(self, scene: Scene) -> Array:
        """See ``_Drawer``."""
        sine, cosine = math.sin(self.lean), math.cos(self.lean)
        # The lower corner of the tip reaches 4 mm behind the bar, and 7 mm below its upper edge.
        inward = _BAR_HALF_M + 0.004 + _TIP_HALF_M * cosine - _TIP_M * sine
        up = _BAR_HALF_M - 0.007 + _TIP_HALF_M * sine + _TIP_M * cosine
        return self.handle(scene) + self.hand_at(inward, up)

    def working(self, scene: Scene) -> Array:
        """See ``_Drawer``."""
        return self.contact(scene) + self.hand_at(-_AHEAD_M, -_PRESS_M)

    def is_reached(self, scene: Scene) -> bool:
        """See ``Legs``."""
        return scene.joints[self.joint] < _OPEN_M


class CloseDrawer(_Drawer):
    """Pushes the handle from the front."""

    max_attempts = 1

    def contact(self, scene: Scene) -> Array:
        """See ``_Drawer``."""
        sine, cosine = math.sin(self.lean), math.cos(self.lean)
        inward = -_BAR_HALF_M - 0.006 - _TIP_HALF_M * cosine - _TIP_M * sine
        up = _TIP_M * cosine - _TIP_HALF_M * sine
        return self.handle(scene) + self.hand_at(inward, up)

    def working(self, scene: Scene) -> Array:
        """See ``_Drawer``."""
        return self.contact(scene) + self.hand_at(_AHEAD_M, 0.0)

    def is_reached(self, scene: Scene) -> bool:
        """See ``Legs``."""
        return holds(self.goal, scene, scene.joints[self.joint] > _CLOSED_M)
