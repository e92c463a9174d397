"""Which skill pursues which goal: one line per skill."""

from __future__ import annotations

from collections.abc import Callable

from gridseval.policies.oracle.drawer import CloseDrawer, OpenDrawer
from gridseval.policies.oracle.knob import TurnKnob
from gridseval.policies.oracle.pick_place import PickPlace
from gridseval.policies.oracle.scene import Scene
from gridseval.policies.oracle.skill import Setting, Skill
from gridseval.policies.oracle.tasks import Goal

_SKILLS: dict[tuple[str, str], Callable[[Goal, Setting, Scene], Skill]] = {
    ("open", "drawer"): OpenDrawer,
    ("close", "drawer"): CloseDrawer,
    ("turnon", "knob"): TurnKnob,
    ("turnoff", "knob"): TurnKnob,
}
"""Skills by relation and by what kind of part moves."""


def skill_for(goal: Goal, setting: Setting, scene: Scene) -> Skill:
    """Return the skill that pursues a goal, at its beginning."""
    kind = setting.models.part_of(goal.thing)
    made = _SKILLS.get((goal.relation, kind.kind if kind else ""), PickPlace)
    return made(goal, setting, scene)
