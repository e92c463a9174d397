"""Pick an object and bring it into a region under a roof, through its open side.

As picking and placing, but CARRY ends before the opening, REACH moves straight in, and RETREAT
straight out again.
"""

from __future__ import annotations

import math

import numpy as np

from gridseval.policies.oracle.clearance import hand_columns, with_load
from gridseval.policies.oracle.entry import Entry, opening_of, plan_entry
from gridseval.policies.oracle.geometry import hand_yaw, rotation_vector
from gridseval.policies.oracle.models import Models, split_region
from gridseval.policies.oracle.pick_place import PickPlace
from gridseval.policies.oracle.scene import Pose, Scene
from gridseval.policies.oracle.skill import ARRIVED_M, CLOSE, Phase, Setting
from gridseval.policies.oracle.tasks import Goal, holds, is_placed
from gridseval.policies.oracle.travel import Route

# How far up the hand turns what it holds, and up to which angle it then comes down again.
_LIFT_M, _TURNED_RAD = 0.08, 0.25
_THERE_M, _THERE_RAD, _LOST_M = 0.015, 0.12, 0.05
_CARRY_STEPS, _REACH_STEPS = 120, 60
_OUT_M = 0.08
# Others that near may be hit by what turns.
_NEAR_M = 0.2
# How far back from the opening the hand keeps for each radian that it still has to turn.
_TURN_M = 0.15


def is_roofed(goal: Goal, scene: Scene, models: Models) -> bool:
    """Return whether something must go in through the side of a region."""
    return goal.relation == "in" and opening_of(goal.target, scene, models) is not None


class ReachIn(PickPlace):
    """Picks an object and brings it in from the side, with a hand that leans as far as need be."""

    any_posture = True

    def __init__(self, goal: Goal, setting: Setting, scene: Scene) -> None:
        super().__init__(goal, setting, scene)
        self._ground = float(scene.boxes[goal.thing].lows.min())
        self._entry: Entry | None = None
        opening = opening_of(goal.target, scene, setting.models)
        assert opening is not None  # the table of skills asks for a roof
        self._opening = opening

    def following(self, scene: Scene) -> Phase | None:
        """See ``PickPlace``."""
        if self.phase is Phase.CARRY:
            return self._after_carrying(scene)
        if self.phase is Phase.REACH:
            there = self.route(scene).reached(scene.hand, ARRIVED_M, math.pi)
            return Phase.RELEASE if there or self._elapsed(scene) > _REACH_STEPS else None
        if self.phase is Phase.RETREAT:
            if not self.route(scene).reached(scene.hand, _THERE_M, math.pi):
                return None if self._elapsed(scene) < _REACH_STEPS else self._try_again()
            placed = is_placed(self.goal, scene, self._setting.models)
            return Phase.DONE if holds(self.goal, scene, placed) else self._try_again()
        return super().following(scene)

    def _after_carrying(self, scene: Scene) -> Phase | None:
        if self._is_lost(scene):
            return Phase.RECOVER
        if self._entry is None:
            self._entry = plan_entry(
                self.goal.thing,
                self.goal.target,
                self._opening,
                self._ground,
                scene,
                self._setting.models,
            )
            if self._entry is None:
                return Phase.RECOVER
        there = self.route(scene).reached(scene.hand, _THERE_M, _THERE_RAD)
        return Phase.REACH if there or self._elapsed(scene) > _CARRY_STEPS else None

    def _is_lost(self, scene: Scene) -> bool:
        held = np.linalg.norm(self._thing(scene) - scene.hand.position)
        began = np.linalg.norm(self._start.thing - self._start.hand.position)
        return bool(abs(held - began) > _LOST_M)

    def route(self, scene: Scene) -> Route:
        """See ``Skill``."""
        if self.phase is Phase.APPROACH:
            self._entry = None
        entry = self._entry
        if entry is None:
            return super().route(scene)
        if self.phase is Phase.CARRY:
            return self._route_before(scene, entry)
        if self.phase is Phase.REACH:
            return Route(entry.inside.position, entry.inside.rotation)
        if self.phase is Phase.RELEASE:
            return Route(self._start.hand.position, entry.inside.rotation)
        if self.phase is Phase.RETREAT:
            back = self._start.hand.position - _OUT_M * self._opening.inward
            return Route(back, entry.inside.rotation)
        return super().route(scene)

    def _route_before(self, scene: Scene, entry: Entry) -> Route:
        """Return the way to the place before the opening: up, turn at a distance, down."""
        began, hand, place = self._start.hand, scene.hand, entry.outside.position
        turn = rotation_vector(entry.outside.rotation @ hand.rotation.T)
        left = float(np.linalg.norm(turn))
        if left < _TURNED_RAD:
            return self._past_others(scene, Pose(place, entry.outside.rotation))
        lifted = self._height_to_turn(scene)
        if hand.position[2] < lifted - _LIFT_M / 2:
            return Route(np.array([*began.position[:2], lifted]), began.rotation)
        back = place - _TURN_M * left * self._opening.inward
        place = np.array([*back[:2], max(place[2], lifted)])
        return self._past_others(scene, Pose(place, entry.outside.rotation))

    def _height_to_turn(self, scene: Scene) -> float:
        """Return how high (m) the hand can turn without what it holds knocking others over."""
        began, fixture = self._start.hand.position, split_region(self.goal.target)[0]
        others = scene.obstacles(without={self.goal.thing, fixture})
        near = others.tops[others.distances(began[:2]) < _NEAR_M]
        below = float(began[2]) - self._ground
        above_others = float(near.max(initial=-np.inf)) + below - _LIFT_M / 2
        return max(float(began[2]), above_others) + _LIFT_M

    def _past_others(self, scene: Scene, target: Pose) -> Route:
        """Return the way of what is held over everything but the fixture, which is ahead."""
        columns = hand_columns(hand_yaw(scene.hand.rotation), scene.opening)
        loaded = with_load(columns, scene.boxes[self.goal.thing], scene.hand.position)
        fixture = split_region(self.goal.target)[0]
        obstacles = scene.obstacles(without={self.goal.thing, fixture})
        return Route(target.position, target.rotation, 0.0, loaded, obstacles)

    def grippers(self) -> tuple[float, float]:
        """See ``Skill``."""
        if self.phase in (Phase.REACH, Phase.CARRY):
            return CLOSE, CLOSE
        return super().grippers()
