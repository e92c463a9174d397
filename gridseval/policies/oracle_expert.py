"""The scripted expert of one episode: its phases, and where the hand goes in each.

APPROACH ─▶ CLOSE ─▶ CARRY ─▶ RELEASE ─▶ RETREAT ─▶ next goal, or DONE
    ▲                  │                    │
    └────── lost ──────┘◀── not in place ───┘

A phase changes only on what is observed, so that it does not matter how many of a chunk's actions are executed
before the next observation. Within a chunk the hand is predicted, and the gripper acts from where the prediction
arrives on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum, auto

import numpy as np

from gridseval.policies.oracle_clearance import hand_columns, with_load
from gridseval.policies.oracle_geometry import Array, hand_rotation, hand_yaw
from gridseval.policies.oracle_grasp import MAX_OPENING, Grasp, choose_grasp
from gridseval.policies.oracle_models import Models
from gridseval.policies.oracle_motion import Motion, arm_at, base_position, lean_at, observe
from gridseval.policies.oracle_scene import Scene
from gridseval.policies.oracle_tasks import PickPlace, is_placed, place_of
from gridseval.policies.oracle_travel import MARGIN_M, Route

_OPEN, _CLOSE = -1.0, 1.0
_HOVER_M = 0.07
_MOVED_M = 0.012
_LOST_M = 0.05
_LIFT_M = 0.03
_RETREAT_M = 0.07
_OPENED_M = 0.015
_SETTLED_M_PER_STEP = 0.0006
_SETTLE_STEPS = 3
_STALL_STEPS = 8
_STALL_M = 0.003
_ARRIVED = (0.008, 0.1)
_ARRIVES = (0.005, 0.06)


class Phase(Enum):
    """What the hand is doing."""

    APPROACH = auto()
    CLOSE = auto()
    CARRY = auto()
    RELEASE = auto()
    RETREAT = auto()
    DONE = auto()


@dataclass(frozen=True, eq=False)
class Start:
    """The situation in which a phase began."""

    step: int
    hand: Array
    opening: float
    thing: Array


class Expert:
    """Solves one episode's goals one after the other.

    Args:
        models: What is known of LIBERO's models.
        goals: What to pick and place, in order.
        home: Position (3,) of the hand when the episode began.
    """

    def __init__(self, models: Models, goals: tuple[PickPlace, ...], home: Array) -> None:
        self._models = models
        self._goals = goals
        self._phase = Phase.APPROACH if goals else Phase.DONE
        self._start = Start(0, np.zeros(3), 0.0, np.zeros(3))
        self._grasp: Grasp | None = None
        self._attempt = 0
        self._lowest = (math.inf, 0)
        self._last = (0, 0.0)
        self._predicted: list[Motion] = []
        self._home = home

    @property
    def phase(self) -> Phase:
        """What the hand was doing at the last observation."""
        return self._phase

    def plan(self, scene: Scene, step: int, length: int) -> Array:
        """Return the next actions, float64 (length, 7) in [-1, 1].

        Args:
            scene: What is where now.
            step: Policy steps executed since the episode began.
            length: Actions wanted, at least 1.
        """
        while self._advance(scene, step):
            pass
        actions = np.zeros((length, 7))
        actions[:, 6] = _OPEN
        if self._phase is not Phase.DONE:
            self._fill(actions, scene, step)
        self._last = (step, scene.opening)
        return actions

    def _fill(self, actions: Array, scene: Scene, step: int) -> None:
        """Write actions that follow the phase's route, and remember where they should lead."""
        route = self._route(scene)
        gripper, at_goal = _GRIPPER[self._phase]
        motion = observe(self._predicted, step - self._last[0], scene.hand)
        arm = arm_at(scene.hand, self._home)
        self._predicted = [motion]
        for action in actions:
            if route.reached(motion.pose, *_ARRIVES):
                gripper = at_goal
            action[:6] = arm.action_towards(motion, route.way_point(motion.pose))
            action[6] = gripper
            motion = arm.predict(motion, action)
            self._predicted.append(motion)

    def _advance(self, scene: Scene, step: int) -> bool:
        """Enter the next phase if what is observed says so; return whether it did."""
        following = _TESTS[self._phase](self, scene, step)
        if following is None:
            return False
        thing = scene.bodies[self._goals[0].thing].position if self._goals else np.zeros(3)
        self._phase = following
        self._start = Start(step, scene.hand.position, scene.opening, thing)
        self._lowest = (math.inf, step)
        return True

    def _test_approach(self, scene: Scene, step: int) -> Phase | None:
        thing = scene.bodies[self._goals[0].thing].position
        if self._grasp is None or _distance(thing, self._grasp.object_position) > _MOVED_M:
            name = self._goals[0].thing
            model = self._models.of(name)
            assert model is not None
            self._grasp = choose_grasp(scene, name, model, self._attempt)
        if self._grasp is None:
            return Phase.DONE
        return Phase.CLOSE if self._route(scene).reached(scene.hand, *_ARRIVED) else None

    def _test_close(self, scene: Scene, step: int) -> Phase | None:
        elapsed = step - self._last[0]
        if step - self._start.step < _SETTLE_STEPS or not elapsed:
            return None
        settled = abs(self._last[1] - scene.opening) < _SETTLED_M_PER_STEP * elapsed
        return Phase.CARRY if settled else None

    def _test_carry(self, scene: Scene, step: int) -> Phase | None:
        held = scene.bodies[self._goals[0].thing].position - scene.hand.position
        if _distance(held, self._start.thing - self._start.hand) > _LOST_M:
            return self._try_again()
        goal = self._route(scene).position
        if _distance(goal[:2], scene.hand.position[:2]) > _ARRIVED[0]:
            return None
        height = scene.hand.position[2]
        if height < self._lowest[0] - _STALL_M:
            self._lowest = (height, step)
        stalled = step - self._lowest[1] >= _STALL_STEPS
        return Phase.RELEASE if stalled or height < goal[2] + _ARRIVED[0] else None

    def _test_release(self, scene: Scene, step: int) -> Phase | None:
        opened = scene.opening > min(self._start.opening + _OPENED_M, 0.07)
        return Phase.RETREAT if opened else None

    def _test_retreat(self, scene: Scene, step: int) -> Phase | None:
        if scene.hand.position[2] < self._start.hand[2] + _RETREAT_M - 0.015:
            return None
        if not is_placed(self._goals[0], scene, self._models):
            return self._try_again()
        self._goals = self._goals[1:]
        self._grasp, self._attempt = None, 0
        return Phase.APPROACH if self._goals else Phase.DONE

    def _test_done(self, scene: Scene, step: int) -> Phase | None:
        return None

    def _try_again(self) -> Phase:
        self._grasp = None
        self._attempt += 1
        return Phase.APPROACH

    def _route(self, scene: Scene) -> Route:
        """Return where the hand goes in this phase, and past what."""
        assert self._grasp is not None
        hold = Route(self._start.hand, self._rotation(scene, self._grasp))
        if self._phase is Phase.APPROACH:
            return self._route_to_grasp(scene, self._grasp)
        if self._phase is Phase.CLOSE:
            return replace(hold, position=self._grasp.position)
        if self._phase is Phase.CARRY:
            return self._route_to_place(scene, self._grasp)
        if self._phase is Phase.RETREAT:
            return replace(hold, position=self._start.hand + [0.0, 0.0, _RETREAT_M])
        return hold

    def _rotation(self, scene: Scene, grasp: Grasp) -> Array:
        """Return how to hold the hand from grasping to placing: leaning as the further place needs."""
        place = place_of(self._goals[0], scene, self._models)
        base = base_position(self._home)
        furthest = max(grasp.position - base, place - base, key=lambda way: np.hypot(*way[:2]))
        return hand_rotation(grasp.yaw, lean_at(grasp.position - base, np.hypot(*furthest[:2])))

    def _route_to_grasp(self, scene: Scene, grasp: Grasp) -> Route:
        return Route(
            grasp.position,
            self._rotation(scene, grasp),
            _HOVER_M,
            hand_columns(grasp.yaw, MAX_OPENING),
            scene.obstacles(without={self._goals[0].thing}),
        )

    def _route_to_place(self, scene: Scene, grasp: Grasp) -> Route:
        goal = self._goals[0]
        hand = scene.hand.position
        obstacles = scene.obstacles(without={goal.thing})
        place = hand + place_of(goal, scene, self._models) - scene.bodies[goal.thing].position
        columns = hand_columns(hand_yaw(scene.hand.rotation), scene.opening)
        place[2] = max(place[2], columns.lowest(place[None, :2], obstacles, MARGIN_M / 2)[0])
        lifted = _distance(hand[:2], self._start.hand[:2]) > _LIFT_M
        return Route(
            place,
            self._rotation(scene, grasp),
            _HOVER_M,
            with_load(columns, scene.boxes[goal.thing], hand),
            obstacles,
            -math.inf if lifted else self._start.hand[2] + _LIFT_M,
        )


def _distance(one: Array, other: Array) -> float:
    return float(np.linalg.norm(one - other))


_GRIPPER = {
    Phase.APPROACH: (_OPEN, _CLOSE),
    Phase.CLOSE: (_CLOSE, _CLOSE),
    Phase.CARRY: (_CLOSE, _OPEN),
    Phase.RELEASE: (_OPEN, _OPEN),
    Phase.RETREAT: (_OPEN, _OPEN),
    Phase.DONE: (_OPEN, _OPEN),
}
"""What the gripper does on the way, and once the hand is where the phase wants it."""

_TESTS = {
    Phase.APPROACH: Expert._test_approach,
    Phase.CLOSE: Expert._test_close,
    Phase.CARRY: Expert._test_carry,
    Phase.RELEASE: Expert._test_release,
    Phase.RETREAT: Expert._test_retreat,
    Phase.DONE: Expert._test_done,
}
