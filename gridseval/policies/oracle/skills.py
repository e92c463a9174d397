"""Which skill pursues which goal: one line per skill."""

from __future__ import annotations

from collections.abc import Callable

from gridseval.policies.oracle.door import CloseDoor, OpenDoor
from gridseval.policies.oracle.drag import Drag
from gridseval.policies.oracle.drawer import CloseDrawer, OpenDrawer
from gridseval.policies.oracle.knob import TurnKnob
from gridseval.policies.oracle.pick_place import PickPlace
from gridseval.policies.oracle.push import Push
from gridseval.policies.oracle.scene import Scene
from gridseval.policies.oracle.skill import Setting, Skill
from gridseval.policies.oracle.tasks import Goal

_SKILLS: dict[tuple[str, str], Callable[[Goal, Setting, Scene], Skill]] = {
    ("open", "drawer"): OpenDrawer,
    ("close", "drawer"): CloseDrawer,
    ("open", "door"): OpenDoor,
    ("close", "door"): CloseDoor,
    ("turnon", "knob"): TurnKnob,
    ("turnoff", "knob"): TurnKnob,
    ("on", "flat"): Push,
    ("clear", ""): Drag,
}
"""Skills by relation and by what kind of part moves."""


def skill_for(goal: Goal, setting: Setting, scene: Scene) -> Skill:
    """Return the skill that pursues a goal, at its beginning."""
    part, model = setting.models.part_of(goal.thing), setting.models.of(goal.thing)
    flat = model is not None and model.push is not None and model.rim is None
    kind = part.kind if part else "flat" if flat else ""
    made = _SKILLS.get((goal.relation, kind), PickPlace)
    return made(goal, setting, scene)
