"""Which goal the scripted expert pursues and with which skill, on made-up scenes; no simulator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gridseval.policies.oracle import OraclePolicy
from gridseval.policies.oracle.door import CloseDoor
from gridseval.policies.oracle.drag import Drag
from gridseval.policies.oracle.insert import Insert
from gridseval.policies.oracle.models import load_models
from gridseval.policies.oracle.open_door import PullDoor, PushDoor
from gridseval.policies.oracle.pick_place import PickPlace
from gridseval.policies.oracle.push import Push
from gridseval.policies.oracle.reach_in import ReachIn
from gridseval.policies.oracle.scene import Scene, parse_scene
from gridseval.policies.oracle.skill import Setting
from gridseval.policies.oracle.skills import skill_for
from gridseval.policies.oracle.tasks import Goal, clear_place, next_goal, read_goals

LEVEL = (1.0, 0.0, 0.0, 0.0)
OBJECTS = {
    "akita_black_bowl_1": (-0.05, 0.0, 0.9, *LEVEL),
    "moka_pot_1": (-0.1, 0.1, 0.97, *LEVEL),
    "red_coffee_mug_1": (0.1, -0.2, 0.9, *LEVEL),
    "plate_1": (0.05, 0.0, 0.902, *LEVEL),
    "plate_2": (0.05, 0.15, 0.902, *LEVEL),
    "wooden_tray_1": (0.1, 0.3, 0.9, *LEVEL),
    "wooden_cabinet_1": (0.04, -0.45, 0.905, 0.0, 0.0, 0.0, 1.0),
    "flat_stove_1": (-0.4, 0.25, 0.905, *LEVEL),
    "microwave_1": (-0.1, 0.4, 0.905, *LEVEL),
    "wooden_two_layer_shelf_1": (0.3, -0.2, 0.92, 0.0, 0.0, 0.0, 1.0),
    "yellow_book_1": (0.2, 0.0, 0.9, *LEVEL),
}
SITES = {
    "table_region": (-0.05, 0.2, 0.895),
    "wooden_cabinet_1_top_region": (0.036, -0.46, 1.09),
    "wooden_cabinet_1_top_side": (0.036, -0.46, 1.127),
    "flat_stove_1_cook_region": (-0.25, 0.25, 0.905),
    "microwave_1_heating_region": (-0.1, 0.4, 1.0),
    "wooden_two_layer_shelf_1_top_side": (0.295, -0.216, 1.127),
    "wooden_two_layer_shelf_1_top_region": (0.295, -0.217, 1.057),
    "wooden_two_layer_shelf_1_bottom_region": (0.295, -0.217, 0.934),
}
JOINTS = {
    "wooden_cabinet_1_top_level": 0.0,
    "flat_stove_1_button": 0.0,
    "microwave_1_microjoint": 0.0,
}


def look(*goals: str, **more: Any) -> dict[str, Any]:
    """Return a privileged observation of one kitchen, in which no goal holds yet."""
    eef = (-0.205, 0.0, 1.173, 0.0, 1.0, 0.0, 0.0)
    return {
        "objects": {name: np.array(pose) for name, pose in OBJECTS.items()},
        "sites": {name: np.array([*place, *np.eye(3).flat]) for name, place in SITES.items()},
        "joints": dict(JOINTS),
        "eef": np.array(eef),
        "goal": tuple(tuple(goal.split()) for goal in goals),
        "holds": (False,) * len(goals),
        **more,
    }


def ask(policy: OraclePolicy, seen: dict[str, Any], step: int = 0) -> Any:
    """Return the actions, float32 (8, 7), that answer one observation."""
    state = np.array([[0, 0, 0, 0, 0, 0, 0.039, -0.039]], np.float32)
    batch: Any = {"slots": np.zeros(1, int), "steps": np.array([step]), "instruction": ("",)}
    return policy.act({**batch, "state": state, "privileged": (seen,)}).actions[0]


def scene_of(seen: dict[str, Any]) -> Scene:
    return parse_scene(seen, np.zeros(8, np.float32), 0, load_models())


@pytest.mark.parametrize(
    "goal",
    [
        "on plate_1 wooden_tray_1",
        "on plate_1 plate_2",
        "on plate_1 wooden_cabinet_1_top_side",
        "on plate_1 flat_stove_1_cook_region",
        "turnon wooden_cabinet_1_top_region",
        "turnoff microwave_1",
        "open flat_stove_1",
    ],
)
def test_a_goal_without_a_skill_gives_no_motion(goal: str) -> None:
    policy, seen = OraclePolicy(), look(goal)
    for step in (0, 4):
        actions = ask(policy, seen, step)
        assert not actions[:, :6].any()
        assert (actions[:, 6] == -1).all()


def test_a_goal_without_a_skill_does_not_keep_later_ones_from_being_pursued() -> None:
    later = "on akita_black_bowl_1 plate_2"
    for first in ("turnon wooden_cabinet_1_top_region", "on plate_1 wooden_tray_1"):
        alone, behind = ask(OraclePolicy(), look(later)), ask(OraclePolicy(), look(first, later))
        assert alone[:, :6].any()
        assert np.array_equal(behind, alone)


def test_a_goal_that_failed_comes_again_after_the_others() -> None:
    tall, flat = Goal("on", "plate_1", "wooden_tray_1", 0), Goal("on", "plate_2", "plate_1", 1)
    models, scene = load_models(), scene_of(look("on plate_1 wooden_tray_1", "on plate_2 plate_1"))
    goals, both = (tall, flat), {tall, flat}
    assert next_goal(goals, scene, models, set()) is tall
    assert next_goal(goals, scene, models, {tall}, {tall}) is flat
    assert next_goal(goals, scene, models, both, both) is tall
    assert next_goal(goals, scene, models, both, {tall}) is flat, "which has failed less"


def test_a_drawer_that_does_not_open_does_not_keep_later_goals_from_being_pursued() -> None:
    into, models = "in akita_black_bowl_1 wooden_cabinet_1_top_region", load_models()
    seen = look(into, "turnon flat_stove_1")
    scene = scene_of(seen)
    goals = read_goals(seen["goal"], scene, models)[::-1]
    first = next_goal(goals, scene, models, set())
    assert str(first) == "open wooden_cabinet_1_top_region"
    assert first is not None
    assert str(next_goal(goals, scene, models, {first}, {first})) == "turnon flat_stove_1"


@pytest.mark.parametrize(
    ("goal", "skill"),
    [
        (Goal("on", "plate_1", "table_region"), Push),
        (Goal("on", "plate_1", "plate_2"), PickPlace),
        (Goal("on", "akita_black_bowl_1", "table_region"), PickPlace),
        (Goal("in", "akita_black_bowl_1", "wooden_cabinet_1_top_region"), PickPlace),
        (Goal("in", "yellow_book_1", "wooden_two_layer_shelf_1_top_region"), ReachIn),
        (Goal("in", "yellow_book_1", "wooden_two_layer_shelf_1_bottom_region"), ReachIn),
        (Goal("on", "yellow_book_1", "wooden_two_layer_shelf_1_top_side"), PickPlace),
        (Goal("in", "akita_black_bowl_1", "microwave_1_heating_region"), PickPlace),
        (Goal("in", "red_coffee_mug_1", "microwave_1_heating_region"), Insert),
        (Goal("in", "red_coffee_mug_1", "wooden_cabinet_1_top_region"), PickPlace),
        (Goal("on", "red_coffee_mug_1", "microwave_1"), PickPlace),
        (Goal("clear", "akita_black_bowl_1", "wooden_cabinet_1_top_region"), Drag),
        (Goal("clear", "plate_1", "wooden_cabinet_1_top_region"), Drag),
        (Goal("turnon", "wooden_cabinet_1_top_region"), None),
        (Goal("open", "flat_stove_1"), None),
    ],
)
def test_skills_by_goal(goal: Goal, skill: Any) -> None:
    scene = scene_of(look())
    found = skill_for(goal, Setting(load_models(), scene.hand.position), scene)
    assert found is None if skill is None else type(found) is skill


@pytest.mark.parametrize(("angle", "skill"), [(0.0, PullDoor), (-0.7, PullDoor), (-0.9, PushDoor)])
def test_a_door_is_pulled_ajar_and_then_pushed_open(angle: float, skill: Any) -> None:
    scene = scene_of(look(joints={**JOINTS, "microwave_1_microjoint": angle}))
    setting = Setting(load_models(), scene.hand.position)
    assert type(skill_for(Goal("open", "microwave_1"), setting, scene)) is skill
    assert type(skill_for(Goal("close", "microwave_1"), setting, scene)) is CloseDoor


def test_only_predicates_of_parts_are_read_as_such() -> None:
    scene = scene_of(look())
    asked = (("clear", "wooden_cabinet_1_top_region", "plate_1"), ("close", "microwave_1"))
    assert [str(goal) for goal in read_goals(asked, scene, load_models())] == ["close microwave_1"]


def first_goal(seen: dict[str, Any]) -> str:
    scene, models = scene_of(seen), load_models()
    return str(next_goal(read_goals(seen["goal"], scene, models), scene, models, set()))


@pytest.mark.parametrize(
    "goal",
    [
        "on moka_pot_1 flat_stove_1",
        "in moka_pot_1 flat_stove_1_cook_region",
        "on akita_black_bowl_1 microwave_1",
    ],
)
def test_only_what_must_be_open_is_opened_first(goal: str) -> None:
    assert first_goal(look(goal)) == goal
    assert ask(OraclePolicy(), look(goal))[:, :6].any()


@pytest.mark.parametrize("target", ["microwave_1", "microwave_1_heating_region"])
def test_a_door_is_opened_before_something_is_put_behind_it(target: str) -> None:
    goal = f"in akita_black_bowl_1 {target}"
    for angle, first in (
        (0.0, "open microwave_1"),
        (-0.2, "open microwave_1"),
        (-1.33, "open microwave_1"),
        (-1.53, goal),
    ):
        seen = look(goal, joints={**JOINTS, "microwave_1_microjoint": angle})
        assert first_goal(seen) == first


def test_a_door_is_closed_after_something_was_put_behind_it() -> None:
    goals = "close microwave_1", "in akita_black_bowl_1 microwave_1_heating_region"
    opened = {**JOINTS, "microwave_1_microjoint": -1.55}
    assert first_goal(look(*goals, joints=opened)) == goals[1]
    assert first_goal(look(*goals, joints=opened, holds=(False, True))) == goals[0]


@pytest.mark.parametrize(
    ("height", "clears"),
    [
        (0.9, True),  # on the table
        (0.905 + 0.149, True),  # where the drawer comes out
        (0.905 + 0.223, False),  # on the cabinet
    ],
)
def test_only_what_is_no_higher_than_a_drawer_is_moved_out_of_its_way(
    height: float, clears: bool
) -> None:
    seen = look("in akita_black_bowl_1 wooden_cabinet_1_top_region")
    seen["objects"]["akita_black_bowl_1"] = np.array([0.04, -0.40, height, *LEVEL])
    assert first_goal(seen).startswith("clear" if clears else "open")


def test_what_goes_into_a_drawer_is_moved_away_even_if_opening_it_is_a_goal() -> None:
    goals = "open wooden_cabinet_1_top_region", "in akita_black_bowl_1 wooden_cabinet_1_top_region"
    seen = look(*goals)
    assert first_goal(seen) == goals[0]
    seen["objects"]["akita_black_bowl_1"] = np.array([0.04, -0.20, 0.9, *LEVEL])
    assert first_goal(seen) == "clear akita_black_bowl_1 wooden_cabinet_1_top_region"
    assert first_goal({**seen, "goal": seen["goal"][:1]}) == goals[0], "the bowl may stay there"


@pytest.mark.parametrize(("across", "side"), [(-0.05, -1), (0.05, -1), (0.15, 1)])
def test_the_way_is_cleared_to_the_robots_side(across: float, side: int) -> None:
    seen = look()
    seen["objects"]["akita_black_bowl_1"] = np.array([0.04 + across, -0.20, 0.9, *LEVEL])
    scene, drawer = scene_of(seen), "wooden_cabinet_1_top_region"
    base = Setting(load_models(), scene.hand.position).base
    place = clear_place("akita_black_bowl_1", drawer, scene, base)
    assert (place[0] - 0.04) * side > 0.2
    assert place[1] > -0.45 + 0.2, "in front of the cabinet"
