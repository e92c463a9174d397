"""Why the expert has not solved an episode, as far as geometry tells: for a person to look at.

A reason never says that a task cannot be solved. It says what was the matter at the last
observation, and where to look first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np

from gridseval.policies.oracle.clearance import hand_columns
from gridseval.policies.oracle.expert import Expert
from gridseval.policies.oracle.geometry import Array, hand_yaw
from gridseval.policies.oracle.grasp import MAX_OPENING
from gridseval.policies.oracle.models import split_region
from gridseval.policies.oracle.scene import Scene
from gridseval.policies.oracle.skill import Phase, Setting, Skill
from gridseval.policies.oracle.tasks import PLACED, Goal, holds, place_of
from gridseval.policies.oracle.travel import Route

SHOULDER_M = 0.333
"""Height of the Panda's second joint above its base (Franka's data sheet)."""

REACH_M = 0.947
"""How far from there the fingertips get at most: 0.719 m of links to the wrist, and 0.228 m from
there (0.088 m across, 0.21 m along the hand). The data sheet's 0.855 m are those of the flange."""

_FELL_M = 0.1
_STILL_STEPS = 40
_ON_THE_WAY = (Phase.APPROACH, Phase.REACH, Phase.RECOVER)
_MARGIN_M = 0.002


class Reason(Enum):
    """What was the matter, in words that a map shows."""

    START = "goal already true at the start"
    NO_SKILL = "no skill"
    FELL = "object fell off"
    FAR = "out of reach"
    BLOCKED = "blocked"
    LOST = "lost its grip"
    FALSE = "goal does not hold"
    NOT_THERE = "hand does not arrive"
    GAVE_UP = "the skill gave up"
    TIME = "still at work"


@dataclass(frozen=True, eq=False)
class Course:
    """How an episode has gone so far.

    Attributes:
        first: The first observation.
        last: The last one.
        predicates: How many the task's goal has.
        ended: How the last attempt at the present goal ended, if one did.
        aim: The last way of the hand to where a skill's work begins, if there was one.
        still: For how many policy steps the hand has been where it is, in one phase.
    """

    first: Scene
    last: Scene
    predicates: int
    ended: Reason | None
    aim: Route | None
    still: int


def diagnose(expert: Expert, course: Course) -> str:
    """Return why the goal does not hold at the last observation; empty if it holds.

    The first that applies is returned: what no hand can mend comes before what the hand did.
    """
    if course.first.holds and all(course.first.holds):
        return Reason.START.value
    if course.last.holds and all(course.last.holds):
        return ""
    missing = _missing(expert.skilled, course.last)
    if len(_pending(course)) > len(missing):
        return Reason.NO_SKILL.value
    for reason, things in (
        (Reason.FELL, _fallen(missing, course)),
        (Reason.FAR, _far(missing, expert.setting, course.last)),
    ):
        found = next(things, None)
        if found is not None:
            return f"{reason.value}: {found}"
    if expert.skill is None:
        given_up = any(goal in expert.given_up for goal in missing)
        return Reason.GAVE_UP.value if given_up else Reason.FALSE.value
    return _of_the_hand(expert.skill, course)


def _of_the_hand(skill: Skill, course: Course) -> str:
    """Return what is the matter with what the hand does."""
    stuck = course.still >= _STILL_STEPS
    if skill.phase in _ON_THE_WAY and (stuck or course.ended is Reason.NOT_THERE):
        name = next(_in_the_way(skill.goal, course), None)
        if name is not None:
            return f"{Reason.BLOCKED.value} by {name}"
        return Reason.NOT_THERE.value
    if stuck:
        return Reason.NOT_THERE.value
    return Reason.TIME.value if course.ended is None else course.ended.value


def _pending(course: Course) -> range | list[int]:
    if not course.last.holds:
        return range(course.predicates)
    return [index for index, true in enumerate(course.last.holds) if not true]


def _missing(goals: tuple[Goal, ...], scene: Scene) -> list[Goal]:
    """Return those goals that do not hold, as far as the observation says."""
    return [goal for goal in goals if not holds(goal, scene)]


def _fallen(goals: list[Goal], course: Course) -> Iterator[str]:
    """Yield the objects that are far below everything that stood there at the start."""
    lows = [float(boxes.lows.min()) for boxes in course.first.boxes.values()]
    for name in dict.fromkeys(name for goal in goals for name in (goal.thing, goal.target)):
        if name in course.last.boxes and course.last.bodies[name].position[2] < min(lows) - _FELL_M:
            yield name


def _far(goals: list[Goal], setting: Setting, scene: Scene) -> Iterator[str]:
    """Yield what the hand must go to and cannot reach."""
    # What the hand's first place says of the base is off by up to 0.15 m where the arm started
    # elsewhere, as it does in LIBERO-Plus.
    base = setting.base if scene.base is None else scene.base
    shoulder = base + np.array([0.0, 0.0, SHOULDER_M])
    for goal in goals:
        for name, place in _places(goal, setting, scene):
            if float(np.linalg.norm(place - shoulder)) > REACH_M:
                yield name


def _places(goal: Goal, setting: Setting, scene: Scene) -> Iterator[tuple[str, Array]]:
    if goal.relation in PLACED:
        yield goal.thing, scene.bodies[goal.thing].position
        yield goal.target, place_of(goal, scene, setting.models)
        return
    part, body = setting.models.part_of(goal.thing), scene.bodies.get(split_region(goal.thing)[0])
    if part is not None and body is not None:
        yield goal.thing, body.position + body.rotation @ np.array(part.grip)


def _in_the_way(goal: Goal, course: Course) -> Iterator[str]:
    """Yield the bodies that the hand would hit where it is meant to go."""
    route, scene = course.aim, course.last
    if route is None:
        return
    columns = hand_columns(hand_yaw(route.rotation), MAX_OPENING)
    own = {goal.thing, split_region(goal.thing)[0]}
    for name, boxes in scene.boxes.items():
        lowest = columns.lowest(route.position[None, :2], boxes, _MARGIN_M)[0]
        if name not in own and lowest > route.position[2]:
            yield name
