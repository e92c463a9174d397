"""Which skill pursues which goal: one line per skill, or two where it serves two predicates."""

from __future__ import annotations

from collections.abc import Callable

from gridseval.policies.oracle.door import CloseDoor
from gridseval.policies.oracle.drag import Drag
from gridseval.policies.oracle.drawer import CloseDrawer, OpenDrawer
from gridseval.policies.oracle.insert import Insert, can_insert
from gridseval.policies.oracle.knob import TurnKnob
from gridseval.policies.oracle.open_door import PullDoor, PushDoor, is_shut
from gridseval.policies.oracle.pick_place import PickPlace
from gridseval.policies.oracle.push import Push, can_push
from gridseval.policies.oracle.reach_in import ReachIn, is_roofed
from gridseval.policies.oracle.scene import Scene
from gridseval.policies.oracle.skill import Setting, Skill
from gridseval.policies.oracle.tasks import PLACED, Goal

_SKILLS: dict[tuple[str, str], Callable[[Goal, Setting, Scene], Skill]] = {
    ("open", "drawer"): OpenDrawer,
    ("close", "drawer"): CloseDrawer,
    ("open", "shut door"): PullDoor,
    ("open", "door"): PushDoor,
    ("close", "door"): CloseDoor,
    ("turnon", "knob"): TurnKnob,
    ("turnoff", "knob"): TurnKnob,
    ("on", "flat"): Push,
    ("on", ""): PickPlace,
    ("in", ""): PickPlace,
    ("in", "roofed"): ReachIn,
    ("in", "hollow"): Insert,
    ("clear", ""): Drag,
}
"""Skills by relation and by the kind of part that moves; objects have none, or are flat."""


def skill_for(goal: Goal, setting: Setting, scene: Scene) -> Skill | None:
    """Return the skill that pursues a goal, at its beginning; ``None`` if no skill fits."""
    made = _SKILLS.get((goal.relation, _kind(goal, setting, scene)))
    return made(goal, setting, scene) if made else None


def _kind(goal: Goal, setting: Setting, scene: Scene) -> str:
    if goal.relation == "in" and can_insert(goal, setting.models):
        return "hollow"
    if goal.relation in PLACED:
        if is_roofed(goal, scene, setting.models):
            return "roofed"
        return "flat" if can_push(goal, scene, setting.models) else ""
    part = setting.models.part_of(goal.thing)
    if part and part.kind == "door" and is_shut(goal, scene, setting.models):
        return "shut door" if goal.relation == "open" else part.kind
    return part.kind if part else ""
