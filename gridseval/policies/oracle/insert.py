"""Put something with a handle into a fixture that is open at its front, such as a microwave.

The hand leans towards the opening, so that the palm stays in front of the fixture's ceiling. It
takes the handle, turns until it faces the opening, and goes straight in.
"""

from __future__ import annotations

import math

import numpy as np

from gridseval.policies.oracle.clearance import hand_columns, with_load
from gridseval.policies.oracle.geometry import (
    Array,
    hand_yaw,
    rotation_from_vector,
)
from gridseval.policies.oracle.models import Models, split_region
from gridseval.policies.oracle.scene import Pose, Scene
from gridseval.policies.oracle.skill import CLOSE, OPEN, Leg, Legs, Phase, Setting, leaning
from gridseval.policies.oracle.tasks import Goal, holds
from gridseval.policies.oracle.travel import Route

_LEAN = math.radians(45)
_PALM_HALF_M = 0.032
# The upper bar of a handle: where its middle is, from the top of the handle's box.
_BAR_M = 0.008
_SETTLE_STEPS = 8
_RUN_UP_M = 0.17
_CONE = 3.0
_TURN_M = 0.08
_FOOT_M = 0.006
_BEFORE_M = 0.12
_MARGIN_M = 0.008
_DROP_M = 0.003
_LOST_M = 0.04


def can_insert(goal: Goal, models: Models) -> bool:
    """Return whether something with a handle goes into a fixture that is open at its front."""
    into, thing = models.of(split_region(goal.target)[0]), models.of(goal.thing)
    hollow = into is not None and into.hollow is not None
    return hollow and thing is not None and thing.handle is not None


class Insert(Legs):
    """Takes an object by its handle, brings it before the opening, and in."""

    legs = (
        Leg(Phase.APPROACH, OPEN, 80, travels=True),
        Leg(Phase.CLOSE, CLOSE, _SETTLE_STEPS),
        Leg(Phase.CARRY, CLOSE, 120),
        Leg(Phase.RELEASE, OPEN, _SETTLE_STEPS),
        Leg(Phase.LEAVE, OPEN, 20, near=0.03),
    )

    def __init__(self, goal: Goal, setting: Setting, scene: Scene) -> None:
        super().__init__(goal, setting, scene)
        self.name = name = split_region(goal.target)[0]
        into, model = setting.models.of(name), setting.models.of(goal.thing)
        assert into is not None and into.hollow is not None  # can_insert asks for it
        assert model is not None and model.handle is not None
        self.handle, self.fixture = model.handle, scene.bodies[name]
        self.low, self.high = into.hollow[:3], into.hollow[3:]
        self.inward = self.fixture.rotation[:2, 1]
        self.rotation = leaning(self.inward, _LEAN)

    def target(self, scene: Scene) -> Pose:
        """See ``Legs``."""
        if self.phase in (Phase.APPROACH, Phase.CLOSE):
            return self._grasp(scene)
        if self.phase is Phase.CARRY:
            return Pose(self._hand_at(self._place(scene), scene), self.rotation)
        back = 0.12 if self.phase is Phase.LEAVE else 0.0
        began = self.began.hand
        return Pose(began.position - back * np.array([*self.inward, 0.0]), began.rotation)

    def is_over(self, scene: Scene) -> bool:
        """See ``Legs``."""
        if self.phase in (Phase.CLOSE, Phase.RELEASE):
            return False
        return super().is_over(scene) or (self.phase is Phase.CARRY and self._is_lost(scene))

    def is_reached(self, scene: Scene) -> bool:
        """See ``Legs``."""
        return holds(self.goal, scene)

    def route(self, scene: Scene) -> Route:
        """See ``Skill``."""
        if self.phase is not Phase.CARRY:
            return super().route(scene)
        target = self.target(scene)
        hand = scene.hand
        offset = target.position - hand.position
        along = np.array([*self.inward, 0.0])
        aside = float(np.linalg.norm(offset - (offset @ along) * along))
        left = hand_yaw(target.rotation) - hand_yaw(hand.rotation)
        turn = abs((left + math.pi) % (2 * math.pi) - math.pi)
        back = min(_RUN_UP_M, _CONE * max(0.0, aside + _TURN_M * turn - _FOOT_M))
        if back == 0.0:
            return Route(target.position, target.rotation)
        columns = with_load(
            hand_columns(hand_yaw(hand.rotation), scene.opening),
            scene.boxes[self.goal.thing],
            hand.position,
        )
        # Before the opening the fixture itself does not count.
        without = {self.goal.thing} | ({self.name} if aside < _BEFORE_M else set())
        front = target.position - back * along
        return Route(front, target.rotation, 0.0, columns, scene.obstacles(without))

    def _grasp(self, scene: Scene) -> Pose:
        """Return where the hand takes the handle: its upper bar, from the object's outside."""
        thing = scene.bodies[self.goal.thing]
        middle = (self.handle[:3] + self.handle[3:]) / 2
        outward = thing.rotation[:2, :2] @ middle[:2]
        top = np.array([*middle[:2], self.handle[5] - _BAR_M])
        return Pose(
            thing.position + thing.rotation @ top,
            leaning(-outward / np.linalg.norm(outward), _LEAN),
        )

    def _hand_at(self, place: Array, scene: Scene) -> Array:
        """Return where the hand is when the object is at a place and faces the opening."""
        left = hand_yaw(self.rotation) - hand_yaw(scene.hand.rotation)
        turn = rotation_from_vector(np.array([0.0, 0.0, (left + np.pi) % (2 * np.pi) - np.pi]))
        return np.asarray(place + turn @ (scene.hand.position - self._thing(scene)))

    def _place(self, scene: Scene) -> Array:
        """Return where the object's origin goes: in the middle, as deep as the hand may go."""
        boxes = scene.boxes[self.goal.thing]
        thing = self._thing(scene)
        grip = scene.hand.position - thing
        reach = float(np.linalg.norm(grip[:2]))
        up = self.low[2] + thing[2] - float(boxes.lows.min()) + _DROP_M
        room = self.high[2] - (up + grip[2]) - _PALM_HALF_M * math.sin(_LEAN)
        palm = _PALM_HALF_M * math.cos(_LEAN) - room * math.tan(_LEAN)
        # What is held reaches as far beyond its origin as its boxes do on the other side.
        ahead = max(
            float(np.hypot(*(center - thing[:2]))) + float(half[0])
            for center, half in zip(boxes.centers[:1], boxes.halves[:1], strict=True)
        )
        deep = min(self.low[1] - palm - _MARGIN_M + reach, self.high[1] - ahead - _MARGIN_M)
        local = np.array([(self.low[0] + self.high[0]) / 2, deep, up])
        return np.asarray(self.fixture.position + self.fixture.rotation @ local)

    def _thing(self, scene: Scene) -> Array:
        return scene.bodies[self.goal.thing].position

    def _is_lost(self, scene: Scene) -> bool:
        began = self._thing(self.began) - self.began.hand.position
        held = self._thing(scene) - scene.hand.position
        return abs(float(np.linalg.norm(held) - np.linalg.norm(began))) > _LOST_M
