"""The scripted expert of one episode: its phases, and where the hand goes in each.

APPROACH ─▶ CLOSE ─▶ CARRY ─▶ RELEASE ─▶ RETREAT ─▶ next goal, or DONE
    ▲                  │                    │
    ├─ RECOVER ◀─ lost ┘                    │
    └────────────── not in place ───────────┘

A phase changes only on what is observed, so that it does not matter how many of a chunk's actions
are executed before the next observation. Within a chunk the hand is predicted, and the gripper acts
from where the prediction arrives on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np

from gridseval.policies.oracle.geometry import Array, hand_rotation
from gridseval.policies.oracle.grasp import Grasp, choose_grasp
from gridseval.policies.oracle.models import Models
from gridseval.policies.oracle.motion import Motion, arm_at, base_position, lean_at, observe
from gridseval.policies.oracle.scene import Pose, Scene
from gridseval.policies.oracle.tasks import PickPlace, is_placed, place_of
from gridseval.policies.oracle.travel import Route, route_to_grasp, route_to_place

_OPEN, _CLOSE = -1.0, 1.0
_MOVED_M = 0.012
_LOST_M = 0.05
_OPENED_M = 0.015
_WIDE_OPEN_M = 0.07
_SETTLED_M_PER_STEP = 0.0006
_SETTLE_STEPS = 3
_STALL_STEPS = 8
_STALL_M = 0.003
# Twice what these phases take. An arm that is stretched or jammed does not come free by heading on.
_APPROACH_STEPS = 70
_CARRY_STEPS = 140
_RECOVER_STEPS = 30
_RECOVER_SHARE = 0.4
_RETREAT = np.array([0.0, 0.0, 0.07])
_RETREATED_M = 0.055
_ARRIVED_M, _ARRIVED_RAD = 0.008, 0.1
_ARRIVES_M, _ARRIVES_RAD = 0.005, 0.06


class Phase(Enum):
    """What the hand is doing."""

    APPROACH = auto()
    CLOSE = auto()
    CARRY = auto()
    RELEASE = auto()
    RETREAT = auto()
    RECOVER = auto()
    DONE = auto()


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


class Expert:
    """Solves one episode's goals one after the other.

    Args:
        models: What is known of LIBERO's models.
        goals: What to pick and place, in order.
        scene: The first observation; where the hand is in it tells where the robot stands.
    """

    def __init__(self, models: Models, goals: tuple[PickPlace, ...], scene: Scene) -> None:
        self._models = models
        self._goals = goals
        self._home = scene.hand.position
        self._phase = Phase.APPROACH if goals else Phase.DONE
        self._start = self._begin(scene)
        self._grasp: Grasp | None = None
        self._attempt = 0
        self._lowest = (math.inf, scene.step)
        self._last = scene
        self._predicted: list[Motion] = []

    @property
    def phase(self) -> Phase:
        """What the hand was doing at the last observation."""
        return self._phase

    def plan(self, scene: Scene, length: int) -> Array:
        """Return the next actions, float64 (length, 7) in [-1, 1], for what is where now."""
        while self._advance(scene):
            pass
        actions = np.zeros((length, 7))
        actions[:, 6] = _OPEN
        if self._phase is not Phase.DONE:
            self._fill(actions, scene)
        self._last = scene
        return actions

    def _fill(self, actions: Array, scene: Scene) -> None:
        """Write actions that follow the phase's route, and remember where they should lead."""
        route = self._route(scene)
        gripper, at_goal = _GRIPPER[self._phase]
        motion = observe(self._predicted, scene.step - self._last.step, scene.hand)
        arm = arm_at(scene.hand, self._home)
        self._predicted = [motion]
        for action in actions:
            if route.reached(motion.pose, _ARRIVES_M, _ARRIVES_RAD):
                gripper = at_goal
            action[:6] = arm.action_towards(motion, route.way_point(motion.pose))
            action[6] = gripper
            motion = arm.predict(motion, action)
            self._predicted.append(motion)

    def _advance(self, scene: Scene) -> bool:
        """Enter the next phase if what is observed says so; return whether it did."""
        test = _TESTS.get(self._phase)
        following = test(self, scene) if test else None
        if following is None:
            return False
        self._phase = following
        self._start = self._begin(scene)
        self._lowest = (math.inf, scene.step)
        return True

    def _begin(self, scene: Scene) -> Start:
        thing = self._thing(scene) if self._goals else np.zeros(3)
        return Start(scene.step, scene.hand, scene.opening, thing)

    def _thing(self, scene: Scene) -> Array:
        return scene.bodies[self._goals[0].thing].position

    def _after_approach(self, scene: Scene) -> Phase | None:
        grasp = self._grasp
        if grasp is None or _distance(self._thing(scene), grasp.object_position) > _MOVED_M:
            self._grasp = self._choose(scene)
        if self._grasp is None:
            return Phase.DONE
        if self._route(scene).reached(scene.hand, _ARRIVED_M, _ARRIVED_RAD):
            return Phase.CLOSE
        return Phase.RECOVER if self._elapsed(scene) > _APPROACH_STEPS else None

    def _after_close(self, scene: Scene) -> Phase | None:
        steps = scene.step - self._last.step
        if self._elapsed(scene) < _SETTLE_STEPS or not steps:
            return None
        settled = abs(self._last.opening - scene.opening) < _SETTLED_M_PER_STEP * steps
        return Phase.CARRY if settled else None

    def _after_carry(self, scene: Scene) -> Phase | None:
        held = self._thing(scene) - scene.hand.position
        if _distance(held, self._start.thing - self._start.hand.position) > _LOST_M:
            return Phase.RECOVER
        if self._elapsed(scene) > _CARRY_STEPS:
            return Phase.RELEASE
        goal, hand = self._route(scene).position, scene.hand.position
        if _distance(goal[:2], hand[:2]) > _ARRIVED_M:
            return None
        if hand[2] < self._lowest[0] - _STALL_M:
            self._lowest = (hand[2], scene.step)
        stalled = scene.step - self._lowest[1] >= _STALL_STEPS
        return Phase.RELEASE if stalled or hand[2] < goal[2] + _ARRIVED_M else None

    def _after_release(self, scene: Scene) -> Phase | None:
        opened = scene.opening > min(self._start.opening + _OPENED_M, _WIDE_OPEN_M)
        return Phase.RETREAT if opened else None

    def _after_retreat(self, scene: Scene) -> Phase | None:
        if scene.hand.position[2] < self._start.hand.position[2] + _RETREATED_M:
            return None
        if not is_placed(self._goals[0], scene, self._models):
            return self._try_again()
        self._goals = self._goals[1:]
        self._grasp, self._attempt = None, 0
        return Phase.APPROACH if self._goals else Phase.DONE

    def _after_recover(self, scene: Scene) -> Phase | None:
        back = self._route(scene).reached(scene.hand, 2 * _ARRIVED_M, math.pi)
        return self._try_again() if back or self._elapsed(scene) > _RECOVER_STEPS else None

    def _try_again(self) -> Phase:
        self._grasp = None
        self._attempt += 1
        return Phase.APPROACH

    def _elapsed(self, scene: Scene) -> int:
        return scene.step - self._start.step

    def _choose(self, scene: Scene) -> Grasp | None:
        name = self._goals[0].thing
        model = self._models.of(name)
        assert model is not None  # goals with unknown objects were left out
        return choose_grasp(scene, name, model, base_position(self._home), self._attempt)

    def _route(self, scene: Scene) -> Route:
        """Return where the hand goes in this phase, and past what."""
        assert self._grasp is not None  # only DONE has none, and no route either
        rotation = self._rotation(scene, self._grasp)
        start = self._start.hand.position
        if self._phase is Phase.APPROACH:
            return route_to_grasp(scene, self._goals[0].thing, self._grasp, rotation)
        if self._phase is Phase.CLOSE:
            return Route(self._grasp.position, rotation)
        if self._phase is Phase.CARRY:
            return route_to_place(scene, self._goals[0].thing, self._place(scene), start, rotation)
        if self._phase is Phase.RETREAT:
            return Route(start + _RETREAT, self._start.hand.rotation)
        if self._phase is Phase.RECOVER:
            above = start + _RETREAT
            return Route(above + _RECOVER_SHARE * (self._home - above), rotation)
        return Route(start, rotation)

    def _place(self, scene: Scene) -> Array:
        return place_of(self._goals[0], scene, self._models)

    def _rotation(self, scene: Scene, grasp: Grasp) -> Array:
        """Return how to hold the hand all the way: leaning as the further of two places needs."""
        base = base_position(self._home)
        ways = (grasp.position - base, self._place(scene) - base)
        reach = max(float(np.hypot(way[0], way[1])) for way in ways)
        return hand_rotation(grasp.yaw, lean_at(ways[0], reach))


def _distance(one: Array, other: Array) -> float:
    return float(np.linalg.norm(one - other))


_GRIPPER = {
    Phase.APPROACH: (_OPEN, _CLOSE),
    Phase.CLOSE: (_CLOSE, _CLOSE),
    Phase.CARRY: (_CLOSE, _OPEN),
    Phase.RELEASE: (_OPEN, _OPEN),
    Phase.RETREAT: (_OPEN, _OPEN),
    Phase.RECOVER: (_OPEN, _OPEN),
}
"""What the gripper does on the way, and once the hand is where the phase wants it."""

_TESTS = {
    Phase.APPROACH: Expert._after_approach,
    Phase.CLOSE: Expert._after_close,
    Phase.CARRY: Expert._after_carry,
    Phase.RELEASE: Expert._after_release,
    Phase.RETREAT: Expert._after_retreat,
    Phase.RECOVER: Expert._after_recover,
}
"""What decides that a phase is over, and which one follows."""
