"""The way to a pose: over what lies between, then straight down onto it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridseval.policies.oracle.clearance import NO_LIMIT, Columns, hand_columns, with_load
from gridseval.policies.oracle.geometry import (
    Array,
    Boxes,
    hand_yaw,
    rotation_from_vector,
    rotation_vector,
)
from gridseval.policies.oracle.grasp import MAX_OPENING, Grasp
from gridseval.policies.oracle.scene import Pose, Scene

_MARGIN_M = 0.012
_HOVER_M = 0.07
_LIFT_M = 0.03
_SAMPLES = np.linspace(0.0, 1.0, 9)
# Metres up per metre of way: the arm climbs as fast as it travels, each axis having its own limit.
_CLIMB = 0.9
# The goal is approached inside a cone this steep, so that nothing is hit from the side.
_CONE = 1.6
_CONE_FOOT_M = 0.004
# Into a compartment that fits tightly nothing goes down before it is right above.
_TIGHT_CONE, _TIGHT_HOVER_M, _INSIDE_SHARE = 20.0, 0.16, 0.7
# One radian still to turn counts as this much way still to go.
_TURN_M = 0.08
# Around the goal obstacles do not count: the code that set the goal has judged them.
_GOAL_RADIUS_M = 0.025
_LOOK_AHEAD_M = 0.05
# A hand that has further to turn than this is also judged as it is turned now.
_FREE_TURN_RAD = 0.4
_TURNING_AHEAD_M = 0.02


@dataclass(frozen=True, eq=False)
class Route:
    """Where the hand goes, and what is in its way.

    Attributes:
        position: Goal of the grip site, float64 (3,), metres.
        rotation: Goal of the hand's rotation, float64 (3, 3).
        hover: Height above the goal (m) from which to come down.
        columns: The hand, with what it holds.
        obstacles: What it must not hit.
        floor: Height (m) below which the hand only moves up and down; ``NO_LIMIT`` for none.
        cone: How steeply to come down, metres down per metre sideways.
    """

    position: Array
    rotation: Array
    hover: float = 0.0
    columns: Columns | None = None
    obstacles: Boxes | None = None
    floor: float = NO_LIMIT
    cone: float = _CONE

    def way_point(self, hand: Pose) -> Pose:
        """Return the pose to head for from where the hand is."""
        offset = self.position[:2] - hand.position[:2]
        distance = float(np.hypot(*offset))
        turn = self._turn_left(hand)
        # Between walls it goes on down: they guide it.
        inside = hand.position[2] < self.position[2] + _INSIDE_SHARE * self.hover
        cone = (_CONE if inside else self.cone) * max(0.0, distance + _TURN_M * turn - _CONE_FOOT_M)
        height = self.position[2] + min(self.hover, cone)
        free = self._free_heights(hand.position[:2], offset, distance)
        ahead = distance * _SAMPLES
        height = max(height, float((free - _CLIMB * ahead).max()))
        beside = float(free[ahead < _LOOK_AHEAD_M].max())
        if turn > _FREE_TURN_RAD:
            # A hand that still turns comes no lower beside what it would hit.
            around = self._free_height_turned(hand, offset, distance)
            height = max(height, min(around, float(hand.position[2])))
        blocked = max(self.floor, beside)
        place = self.position[:2] if hand.position[2] > blocked - 0.005 else hand.position[:2]
        height = max(height, blocked) if place is not self.position else height
        return Pose(np.array([*place, height]), self.rotation)

    def reached(self, hand: Pose, position_m: float, turn_rad: float) -> bool:
        """Return whether the hand is at the goal, within these tolerances."""
        near = float(np.linalg.norm(hand.position - self.position)) < position_m
        return near and self._turn_left(hand) < turn_rad

    def _turn_left(self, hand: Pose) -> float:
        return float(np.linalg.norm(rotation_vector(self.rotation @ hand.rotation.T)))

    def _free_heights(self, start: Array, offset: Array, distance: float) -> Array:
        if self.columns is None or self.obstacles is None:
            return np.full(len(_SAMPLES), NO_LIMIT)
        places = start + _SAMPLES[:, None] * offset
        free = self.columns.lowest(places, self.obstacles, _MARGIN_M)
        free[distance * (1 - _SAMPLES) < _GOAL_RADIUS_M] = NO_LIMIT
        return free

    def _free_height_turned(self, hand: Pose, offset: Array, distance: float) -> float:
        """Return the lowest free height near the hand as it is turned now."""
        if self.columns is None or self.obstacles is None:
            return NO_LIMIT
        left = hand_yaw(hand.rotation) - hand_yaw(self.rotation)
        columns = self.columns.turned(left)
        near = min(1.0, _TURNING_AHEAD_M / max(distance, 1e-6))
        places = hand.position[:2] + np.array([[0.0], [near]]) * offset
        return float(columns.lowest(places, self.obstacles, _MARGIN_M / 2).max())


def route_to_grasp(scene: Scene, thing: str, grasp: Grasp, rotation: Array) -> Route:
    """Return the way of the open hand to a grasp of an object, past all others."""
    columns = hand_columns(grasp.yaw, MAX_OPENING)
    return Route(grasp.position, rotation, _HOVER_M, columns, scene.obstacles(without={thing}))


def route_to_place(
    scene: Scene,
    thing: str,
    place: Array,
    lifted_from: Array,
    rotation: Array,
    turns: float = 0.0,
    tight: bool = False,
) -> Route:
    """Return the way of the hand with the object that it holds.

    Args:
        scene: What is where.
        thing: Instance name of the object.
        place: Where its origin belongs, float64 (3,), metres.
        lifted_from: Where the hand was when it had closed, float64 (3,), metres.
        rotation: How the hand holds it in the end, float64 (3, 3).
        turns: Not 0 if that is another yaw than the one it was grasped at.
        tight: Whether it fits tightly between walls.
    """
    hand = scene.hand.position
    obstacles = scene.obstacles(without={thing})
    goal = hand + place - scene.bodies[thing].position
    if turns:
        left = hand_yaw(rotation) - hand_yaw(scene.hand.rotation)
        turn = rotation_from_vector(np.array([0.0, 0.0, (left + np.pi) % (2 * np.pi) - np.pi]))
        goal = place + turn @ (hand - scene.bodies[thing].position)
    columns = hand_columns(hand_yaw(scene.hand.rotation), scene.opening)
    goal[2] = max(goal[2], columns.lowest(goal[None, :2], obstacles, _MARGIN_M / 2)[0])
    lifted = float(np.linalg.norm(hand[:2] - lifted_from[:2])) > _LIFT_M
    floor = NO_LIMIT if lifted else lifted_from[2] + _LIFT_M
    loaded = with_load(columns, scene.boxes[thing], hand)
    hover, cone = (_TIGHT_HOVER_M, _TIGHT_CONE) if tight else (_HOVER_M, _CONE)
    return Route(goal, rotation, hover, loaded, obstacles, floor, cone)
