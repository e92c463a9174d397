"""Pick an object and place it: the phases, and where the hand goes in each.

APPROACH ─▶ CLOSE ─▶ CARRY ─▶ RELEASE ─▶ RETREAT ─▶ DONE
    ▲                  │                    │
    ├─ RECOVER ◀─ lost ┘                    │
    └────────────── not in place ───────────┘

After some misses it has FAILED, so that other goals have their turn; it then comes again.

A phase changes only on what is observed, so that it does not matter how many of a chunk's actions
are executed before the next observation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gridseval.policies.oracle.geometry import Array, hand_rotation, hand_yaw
from gridseval.policies.oracle.grasp import Grasp, choose_grasp
from gridseval.policies.oracle.motion import lean_at
from gridseval.policies.oracle.scene import Pose, Scene
from gridseval.policies.oracle.skill import (
    ARRIVED_M,
    ARRIVED_RAD,
    CLOSE,
    OPEN,
    Phase,
    Setting,
    Skill,
)
from gridseval.policies.oracle.tasks import (
    Goal,
    centred,
    holds,
    is_placed,
    is_tight,
    place_of,
    turn_of,
)
from gridseval.policies.oracle.travel import Route, route_to_grasp, route_to_place

_MOVED_M = 0.012
_LOST_M = 0.05
_OPENED_M = 0.015
_WIDE_OPEN_M = 0.07
_SETTLED_M_PER_STEP = 0.0006
_SETTLE_STEPS = 3
# What is held may touch down before the hand is quite where it should be.
_STUCK_M = 0.02
_PATIENT_STEPS = 56
_STALL_STEPS = 8
_STALL_M = 0.003
# Twice what these phases take. An arm that is stretched or jammed does not come free by heading on.
_APPROACH_STEPS = 70
_CARRY_STEPS = 140
_RECOVER_STEPS = 30
_RECOVER_SHARE = 0.4
# So often the object is not reached, or lost, before other goals have their turn.
_MAX_MISSES = 3
_RETREAT = np.array([0.0, 0.0, 0.07])
_RETREATED_M = 0.055


@dataclass(frozen=True, eq=False)
class Start:
    """The situation in which a phase began.

    Attributes:
        step: Policy steps executed by then.
        hand: Pose of the hand.
        opening: Distance between the fingers (m).
        thing: Position of the goal's object, float64 (3,), metres.
    """

    step: int
    hand: Pose
    opening: float
    thing: Array


class PickPlace(Skill):
    """Picks an object and places it on or into something.

    Args:
        goal: What goes where.
        setting: What every skill of the episode knows.
        scene: The observation at which it begins.
    """

    def __init__(self, goal: Goal, setting: Setting, scene: Scene) -> None:
        self.goal, self._setting = goal, setting
        self.phase = Phase.APPROACH
        self._start = self._begin(scene)
        self._grasp: Grasp | None = None
        self._attempt = _MAX_MISSES * setting.failures[goal]
        self._misses = 0
        self._turn = 0.0
        self._lowest = (math.inf, scene.step)
        self._last = self._seen = scene

    def advance(self, scene: Scene) -> bool:
        """See ``Skill``."""
        if scene is not self._seen:
            self._last, self._seen = self._seen, scene
        following = self.following(scene)
        if following is None:
            return False
        self.phase = following
        self._start = self._begin(scene)
        self._lowest = (math.inf, scene.step)
        return True

    def following(self, scene: Scene) -> Phase | None:
        """Return the phase that begins now, or ``None`` if the present one goes on."""
        test = _TESTS.get(self.phase)
        return test(self, scene) if test else None

    def grippers(self) -> tuple[float, float]:
        """See ``Skill``."""
        return _GRIPPER[self.phase]

    def _begin(self, scene: Scene) -> Start:
        return Start(scene.step, scene.hand, scene.opening, self._thing(scene))

    def _thing(self, scene: Scene) -> Array:
        return scene.bodies[self.goal.thing].position

    def _after_approach(self, scene: Scene) -> Phase | None:
        grasp = self._grasp
        if grasp is None or _distance(self._thing(scene), grasp.object_position) > _MOVED_M:
            self._grasp = self._choose(scene)
        if self._grasp is None:
            return Phase.FAILED
        if self.route(scene).reached(scene.hand, ARRIVED_M, ARRIVED_RAD):
            return Phase.CLOSE
        return Phase.RECOVER if self._elapsed(scene) > _APPROACH_STEPS else None

    def _after_close(self, scene: Scene) -> Phase | None:
        steps = scene.step - self._last.step
        if self._elapsed(scene) < _SETTLE_STEPS or not steps:
            return None
        if self._grasp is not None:
            self._turn = turn_of(self.goal, self._grasp.yaw, scene, self._setting.models)
        settled = abs(self._last.opening - scene.opening) < _SETTLED_M_PER_STEP * steps
        return Phase.CARRY if settled else None

    def _after_carry(self, scene: Scene) -> Phase | None:
        held = self._thing(scene) - scene.hand.position
        if _distance(held, self._start.thing - self._start.hand.position) > _LOST_M:
            return Phase.RECOVER
        if self._elapsed(scene) > _CARRY_STEPS:
            return Phase.RELEASE
        goal, hand = self.route(scene).position, scene.hand.position
        near = _STUCK_M if self._elapsed(scene) > _PATIENT_STEPS else ARRIVED_M
        if _distance(goal[:2], hand[:2]) > near:
            return None
        if hand[2] < self._lowest[0] - _STALL_M:
            self._lowest = (hand[2], scene.step)
        stalled = scene.step - self._lowest[1] >= _STALL_STEPS
        return Phase.RELEASE if stalled or hand[2] < goal[2] + ARRIVED_M else None

    def _after_release(self, scene: Scene) -> Phase | None:
        opened = scene.opening > min(self._start.opening + _OPENED_M, _WIDE_OPEN_M)
        return Phase.RETREAT if opened else None

    def _after_retreat(self, scene: Scene) -> Phase | None:
        if scene.hand.position[2] < self._start.hand.position[2] + _RETREATED_M:
            return None
        placed = is_placed(self.goal, scene, self._setting.models)
        return Phase.DONE if holds(self.goal, scene, placed) else self._try_again()

    def _after_recover(self, scene: Scene) -> Phase | None:
        back = self.route(scene).reached(scene.hand, 2 * ARRIVED_M, math.pi)
        if not back and self._elapsed(scene) <= _RECOVER_STEPS:
            return None
        self._misses += 1
        return Phase.FAILED if self._misses == _MAX_MISSES else self._try_again()

    def _try_again(self) -> Phase:
        self._grasp = None
        self._attempt += 1
        return Phase.APPROACH

    def _elapsed(self, scene: Scene) -> int:
        return scene.step - self._start.step

    def _choose(self, scene: Scene) -> Grasp | None:
        name = self.goal.thing
        model = self._setting.models.of(name)
        assert model is not None  # goals with unknown objects were left out
        return choose_grasp(scene, name, model, self._setting.base, self._attempt)

    def route(self, scene: Scene) -> Route:
        """See ``Skill``."""
        assert self._grasp is not None  # only DONE has none, and no route either
        rotation = self._rotation(scene, self._grasp)
        start = self._start.hand.position
        if self.phase is Phase.APPROACH:
            return route_to_grasp(scene, self.goal.thing, self._grasp, rotation)
        if self.phase is Phase.CLOSE:
            return Route(self._grasp.position, rotation)
        if self.phase is Phase.CARRY:
            place = self._place(scene)
            left = 0.0
            if self._turn:
                rotation = self._rotation(scene, self._grasp, self._turn)
                left = hand_yaw(rotation) - hand_yaw(scene.hand.rotation)
            place = centred(place, self.goal, left, scene, self._setting.models)
            tight = is_tight(self.goal, self._setting.models)
            return route_to_place(scene, self.goal.thing, place, start, rotation, self._turn, tight)
        if self.phase is Phase.RETREAT:
            return Route(start + _RETREAT, self._start.hand.rotation)
        if self.phase is Phase.RECOVER:
            above = start + _RETREAT
            return Route(above + _RECOVER_SHARE * (self._setting.home - above), rotation)
        return Route(start, rotation)

    def _place(self, scene: Scene) -> Array:
        return place_of(self.goal, scene, self._setting.models)

    def _rotation(self, scene: Scene, grasp: Grasp, turn: float = 0.0) -> Array:
        """Return how to hold the hand all the way: leaning as the further of two places needs."""
        base = self._setting.base
        ways = (grasp.position - base, self._place(scene) - base)
        reach = max(float(np.hypot(way[0], way[1])) for way in ways)
        return hand_rotation(grasp.yaw + turn, lean_at(ways[0], reach))


def _distance(one: Array, other: Array) -> float:
    return float(np.linalg.norm(one - other))


_GRIPPER = {
    Phase.APPROACH: (OPEN, CLOSE),
    Phase.CLOSE: (CLOSE, CLOSE),
    Phase.CARRY: (CLOSE, OPEN),
    Phase.RELEASE: (OPEN, OPEN),
    Phase.RETREAT: (OPEN, OPEN),
    Phase.RECOVER: (OPEN, OPEN),
}
"""What the gripper does on the way, and once the hand is where the phase wants it."""

_TESTS = {
    Phase.APPROACH: PickPlace._after_approach,
    Phase.CLOSE: PickPlace._after_close,
    Phase.CARRY: PickPlace._after_carry,
    Phase.RELEASE: PickPlace._after_release,
    Phase.RETREAT: PickPlace._after_retreat,
    Phase.RECOVER: PickPlace._after_recover,
}
"""What decides that a phase is over, and which one follows."""
