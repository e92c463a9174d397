"""From a BDDL goal to what is to be done: which goals, in which order, and what already holds."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gridseval.policies.oracle.geometry import Array, rotation_from_vector
from gridseval.policies.oracle.models import Models, split_region
from gridseval.policies.oracle.scene import Scene

PLACED = ("on", "in")
_MOVED = ("open", "close", "turnon", "turnoff")
_NEAR_M = 0.03
# Up to which position of its joint a part is open enough for something to go in: m, and rad.
_OPEN_ENOUGH = {"drawer": -0.12, "door": -1.5}
_DRAWER_HALF_M = 0.113
_DRAWER_REACH_M = 0.35
_BEHIND_FRONT_M = 0.004
_ROOM_M = 0.1
_SLACK_M = 0.03
_CLEAR_FRONT_M = 0.24
_SIDE_BY_SIDE_M = 0.095
_ALIGNED_RAD = 0.12
# How far the arm's last joint lets the hand turn.
_LEAST_YAW, _MOST_YAW = -1.9, 2.7


@dataclass(frozen=True)
class Goal:
    """One predicate of a task's goal, or what must be done before it.

    Attributes:
        relation: ``on``, ``in``, ``open``, ``close``, ``turnon``, ``turnoff``; or ``clear``, out
            of the way of the drawer ``target``.
        thing: An object, a fixture, or the region of a fixture's drawer.
        target: For ``on`` and ``in``: another body, or a region's site.
        index: Its place among the task's predicates; −1 for what the task does not ask for.
        shift: How far (m) from the middle of the target, along the world's x axis.
    """

    relation: str
    thing: str
    target: str = ""
    index: int = -1
    shift: float = 0.0

    def __str__(self) -> str:
        return " ".join(filter(None, (self.relation, self.thing, self.target)))


def read_goals(goal: Sequence[Sequence[str]], scene: Scene, models: Models) -> tuple[Goal, ...]:
    """Return the parts of a goal that the expert can pursue, in the order that works."""
    parts = (
        Goal(part[0].lower(), part[1], "".join(part[2:]), index)
        for index, part in enumerate(goal)
        if 2 <= len(part) <= 3
    )
    known = _side_by_side([part for part in parts if _is_known(part, scene, models)], scene)
    return tuple(sorted(known, key=lambda part: _turn(part, known)))


def next_goal(
    goals: Sequence[Goal],
    scene: Scene,
    models: Models,
    finished: Collection[Goal],
    failed: Collection[Goal] = (),
) -> Goal | None:
    """Return what to do next, or ``None`` if every goal holds, as far as the observation says.

    Args:
        goals: In the order that works.
        scene: What is where.
        models: What is known of LIBERO's models.
        finished: Goals whose skill has ended, successfully or not. They come again only where the
            observation says that they do not hold.
        failed: Goals whose skill last ended without success. They come again after all others.
    """
    missing = [goal for goal in goals if not holds(goal, scene, goal in finished)]
    steps = [_first_step(goal, missing, scene, models, finished, failed) for goal in missing]
    return next((step for step in steps if step not in failed), next(iter(steps), None))


def _first_step(
    goal: Goal,
    missing: Sequence[Goal],
    scene: Scene,
    models: Models,
    finished: Collection[Goal],
    failed: Collection[Goal],
) -> Goal:
    """Return the goal itself, or what must be done before it."""
    part = models.part_of(goal.thing)
    if goal.relation == "close" and goal in failed and part is not None and part.kind == "drawer":
        # What leans on the edge in it stops it; opened wide, it lets that fall flat.
        wide = replace(goal, relation="open", index=-1)
        return goal if wide in finished else wide
    opens = goal.relation == "open"
    shut = goal.thing if opens else _shut_part(goal, scene, models)
    if shut is None:
        return goal
    # What goes into the drawer later must still be within reach then.
    goes_in = [other.thing for other in missing if other.target == shut] if opens else [goal.thing]
    for thing in goes_in:
        clear = Goal("clear", thing, shut)
        if clear not in finished and _is_in_the_way(thing, shut, scene, models):
            return clear
    return goal if opens else replace(goal, relation="open", thing=shut, target="", index=-1)


def _shut_part(goal: Goal, scene: Scene, models: Models) -> str | None:
    """Return the name of the drawer or door that must be opened for a goal, if one is shut."""
    name = goal.target
    if models.part_of(name) is None and goal.relation == "in":
        name = split_region(name)[0]  # a door shuts all regions of its fixture
    part, position = models.part_of(name), scene.joints.get(models.joint_of(name) or "")
    if part is None or part.kind not in _OPEN_ENOUGH or position is None:
        return None
    if goal.relation not in PLACED or (part.kind == "door" and goal.relation != "in"):
        return None
    return name if position > _OPEN_ENOUGH[part.kind] else None


def clear_place(thing: str, drawer: str, scene: Scene, base: Array) -> Array:
    """Return where an object, float64 (2,), metres, leaves room for a drawer and for the hand.

    It is beside the drawer, on the robot's side unless the object is well on the other one: there
    the arm would be stretched.
    """
    cabinet = scene.bodies[split_region(drawer)[0]]
    side, front = cabinet.rotation[:2, 0], -cabinet.rotation[:2, 1]
    offset = scene.bodies[thing].position[:2] - cabinet.position[:2]
    across = float(offset @ side)
    nearer = math.copysign(1.0, float((base[:2] - cabinet.position[:2]) @ side))
    shifted = (_DRAWER_HALF_M + _ROOM_M) * (nearer if across * nearer > -_ROOM_M else -nearer)
    ahead = max(float(offset @ front), _CLEAR_FRONT_M)
    return np.asarray(cabinet.position[:2] + shifted * side + ahead * front)


def _is_in_the_way(thing: str, drawer: str, scene: Scene, models: Models) -> bool:
    """Return whether an object is where a drawer will be, or so near that no hand fits between.

    What stands on the table is in the way of every drawer: an open one would cover it.
    """
    model, part = models.of(thing), models.part_of(drawer)
    if model is None or model.push is None or part is None or part.kind != "drawer":
        return False
    name = split_region(drawer)[0]
    cabinet, fixture = scene.bodies[name], models.of(name)
    offset = (scene.bodies[thing].position - cabinet.position) @ cabinet.rotation
    slides = fixture.slides.get(part.joint, fixture.boxes) if fixture else np.zeros((1, 6))
    if scene.boxes[thing].lows.min() > cabinet.position[2] + slides[:, 5].max():
        return False
    sideways = abs(float(offset[0])) < _DRAWER_HALF_M + _ROOM_M - _SLACK_M
    return sideways and -_DRAWER_REACH_M < float(offset[1]) < 0


def holds(goal: Goal, scene: Scene, otherwise: bool = False) -> bool:
    """Return whether the observation says that a goal holds; ``otherwise`` if it does not say."""
    return scene.holds[goal.index] if 0 <= goal.index < len(scene.holds) else otherwise


def place_of(goal: Goal, scene: Scene, models: Models) -> Array:
    """Return where the origin of the goal's object belongs: float64 (3,), metres, world."""
    thing = scene.bodies[goal.thing].position
    bottom = float(scene.boxes[goal.thing].lows.min()) - thing[2]
    surface = _surface(goal.target, scene, models)
    surface = surface + _to_the_front(goal, surface, scene, models)
    return np.asarray(surface + np.array([goal.shift, 0.0, -bottom]))


def _to_the_front(goal: Goal, surface: Array, scene: Scene, models: Models) -> Array:
    """Return the shift (3,) from the middle of a drawer to behind its front, where it is free."""
    part, fixture = models.part_of(goal.target), models.of(split_region(goal.target)[0])
    if part is None or part.kind != "drawer" or fixture is None:
        return np.zeros(3)
    cabinet = scene.bodies[split_region(goal.target)[0]]
    inward = cabinet.rotation[:, 1]
    panel = float(fixture.slides[part.joint][0][4]) + scene.joints.get(
        models.joint_of(goal.target) or "", 0.0
    )
    half = float(scene.boxes[goal.thing].halves[0].max())
    middle = float((surface - cabinet.position) @ inward)
    return np.asarray(min(0.0, panel + half + _BEHIND_FRONT_M - middle) * inward)


def turn_of(goal: Goal, yaw: float, scene: Scene, models: Models) -> float:
    """Return by how much (rad) to turn the goal's object on its way, with the hand at ``yaw``."""
    fixture = split_region(goal.target)[0]
    into, model = models.of(fixture), models.of(goal.thing)
    if into is None or model is None or not into.align:
        return 0.0
    low, high = model.boxes[0][:2], model.boxes[0][3:5]
    side = scene.bodies[goal.thing].rotation[:2, int(np.argmax(high - low))]
    along = scene.bodies[fixture].rotation[:2, 1]
    turn = math.atan2(side[0] * along[1] - side[1] * along[0], float(side @ along))
    turns = [turn + half * math.pi for half in (-1, 0, 1)]
    within = [one for one in turns if _LEAST_YAW < yaw + one < _MOST_YAW]
    best = min(within or turns, key=abs)
    return best if abs(best) > _ALIGNED_RAD else 0.0


def is_tight(goal: Goal, models: Models) -> bool:
    """Return whether a goal's object goes into a compartment that fits tightly (``align``)."""
    into = models.of(split_region(goal.target)[0])
    return into is not None and into.align


def centred(place: Array, goal: Goal, turn: float, scene: Scene, models: Models) -> Array:
    """Return the place of an object's origin such that its middle is where ``place`` is.

    Only compartments that fit tightly ask for it (``align``).

    Args:
        place: float64 (3,), metres.
        goal: What goes where.
        turn: By how much the object still turns on its way (rad).
        scene: What is where.
        models: What is known of LIBERO's models.
    """
    into, model = models.of(split_region(goal.target)[0]), models.of(goal.thing)
    if into is None or model is None or not into.align:
        return place
    middle = (model.boxes[0][:3] + model.boxes[0][3:]) / 2
    offset = rotation_from_vector(np.array([0.0, 0.0, turn])) @ (
        scene.bodies[goal.thing].rotation @ middle
    )
    return np.asarray(place - np.array([offset[0], offset[1], 0.0]))


def is_placed(goal: Goal, scene: Scene, models: Models) -> bool:
    """Return whether the goal's object rests about where it belongs."""
    offset = scene.bodies[goal.thing].position - place_of(goal, scene, models)
    return bool(np.abs(offset[:2]).max() < _NEAR_M and abs(offset[2]) < 2 * _NEAR_M)


def _side_by_side(goals: Sequence[Goal], scene: Scene) -> list[Goal]:
    """Give each of several things that go onto one region its own place."""
    placed = []
    for goal in goals:
        same = [other for other in goals if other.target == goal.target and other.target]
        if len(same) > 1 and goal.relation == "on" and goal.target in scene.sites:
            middle = (len(same) - 1) / 2
            goal = replace(goal, shift=(same.index(goal) - middle) * _SIDE_BY_SIDE_M)
        placed.append(goal)
    return placed


def _is_known(goal: Goal, scene: Scene, models: Models) -> bool:
    if goal.relation in PLACED:
        return goal.thing in scene.boxes and (
            goal.target in scene.boxes or goal.target in scene.sites
        )
    return goal.relation in _MOVED and models.joint_of(goal.thing) in scene.joints


def _turn(goal: Goal, goals: Sequence[Goal]) -> int:
    """Return when a goal's turn comes: first what frees the way, last what shuts it."""
    into = any(other.target.startswith(goal.thing) for other in goals)
    if goal.relation == "close":
        return 4 if into else 0
    if goal.relation in PLACED:
        carried = any(other.thing == goal.target for other in goals)
        return 3 if carried else 2
    return 1


def _surface(target: str, scene: Scene, models: Models) -> Array:
    """Return the point at which the lowest point of an object comes to rest."""
    if target in scene.sites:
        depth = models.region_depth(target)
        return np.asarray(scene.sites[target] - np.array([0.0, 0.0, depth or 0.0]))
    model = models.of(target)
    seat = model.seat if model else 0.0
    return np.asarray(scene.bodies[target].position + np.array([0.0, 0.0, seat]))
