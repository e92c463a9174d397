"""Goals can be reached with the stand-ins: things moved into the goal state satisfy it and stay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from goal_stage import GoalStage

_HALF_ROOT = 0.7071068
_BOWL_DRAWER = "KITCHEN_SCENE4_put_the_black_bowl_in_the_bottom_drawer_of_the_cabinet_and_close_it"
_CADDY = "STUDY_SCENE1_pick_up_the_book_and_place_it_in_the_{}_compartment_of_the_caddy"
_MICROWAVE = "KITCHEN_SCENE6_put_the_yellow_and_white_mug_in_the_microwave_and_close_it"

Open = Callable[[str, str], GoalStage]


@dataclass(frozen=True)
class Goal:
    """A goal and one way to reach it.

    Attributes:
        suite: The suite.
        task: The task.
        joints: Where its joints are put.
        thing: What is moved.
        site: To where.
        offset: How far from there (m).
        quat: With which attitude; ``None`` as it stands.
    """

    suite: str
    task: str
    joints: dict[str, float] = field(default_factory=dict)
    thing: str | None = None
    site: str = ""
    offset: tuple[float, float, float] = (0, 0, 0)
    quat: tuple[float, ...] | None = None


_GOALS = {
    "open drawer": Goal(
        "libero_goal",
        "open_the_middle_drawer_of_the_cabinet",
        {"wooden_cabinet_1_middle_level": -0.145},
    ),
    "turn on": Goal("libero_goal", "turn_on_the_stove", {"flat_stove_1_button": 0.6}),
    "mug into microwave": Goal(
        "libero_10",
        _MICROWAVE,
        {"microwave_1_microjoint": 0.0},
        "white_yellow_mug_1",
        "microwave_1_heating_region",
        (-0.04, -0.02, -0.06),
    ),
    "into top drawer": Goal(
        "libero_goal",
        "open_the_top_drawer_and_put_the_bowl_inside",
        {"wooden_cabinet_1_top_level": -0.15},
        "akita_black_bowl_1",
        "wooden_cabinet_1_top_region",
    ),
    "on stove": Goal(
        "libero_goal",
        "put_the_bowl_on_the_stove",
        {},
        "akita_black_bowl_1",
        "flat_stove_1_cook_region",
        (0, 0, 0.03),
    ),
    "on cabinet": Goal(
        "libero_goal",
        "put_the_bowl_on_top_of_the_cabinet",
        {},
        "akita_black_bowl_1",
        "wooden_cabinet_1_top_side",
        (0, 0, 0.01),
    ),
    "bottle on rack": Goal(
        "libero_goal",
        "put_the_wine_bottle_on_the_rack",
        {},
        "wine_bottle_1",
        "wine_rack_1_top_region",
        (-0.08, -0.0161, 0.0295),
        (_HALF_ROOT, 0, _HALF_ROOT, 0),
    ),
    "left of caddy": Goal(
        "libero_90",
        _CADDY.format("left"),
        {},
        "black_book_1",
        "desk_caddy_1_left_contain_region",
        (0, 0, -0.05),
        (_HALF_ROOT, 0, 0, _HALF_ROOT),
    ),
    "right of caddy": Goal(
        "libero_90",
        _CADDY.format("right"),
        {},
        "black_book_1",
        "desk_caddy_1_right_contain_region",
        (0, 0, -0.05),
        (_HALF_ROOT, 0, 0, _HALF_ROOT),
    ),
    "front of caddy": Goal(
        "libero_90",
        _CADDY.format("front"),
        {},
        "black_book_1",
        "desk_caddy_1_front_contain_region",
        (0, 0, -0.02),
        (1, 0, 0, 0),
    ),
    "bowl on shelf": Goal(
        "libero_90",
        "KITCHEN_SCENE9_put_the_white_bowl_on_top_of_the_cabinet",
        {},
        "white_bowl_1",
        "wooden_two_layer_shelf_1_top_side",
        (0, 0, 0.01),
    ),
}


_IN_DRAWER = (
    "pick_up_the_black_bowl_in_the_top_drawer_of_the_wooden_cabinet_and_place_it_on_the_plate"
)
_NEXT_TO_BOX = "pick_up_the_black_bowl_next_to_the_cookie_box_and_place_it_on_the_plate"

# What initial states put in or on fixtures: suite, task, thing, fixture.
_ON_FIXTURES = {
    "in drawer": ("libero_spatial", _IN_DRAWER, "akita_black_bowl_1", "wooden_cabinet_1"),
    "on cabinet": ("libero_spatial", _IN_DRAWER, "akita_black_bowl_2", "wooden_cabinet_1"),
    "on stove": ("libero_spatial", _NEXT_TO_BOX, "akita_black_bowl_2", "flat_stove_1"),
    "on microwave": (
        "libero_90",
        "KITCHEN_SCENE7_open_the_microwave",
        "white_bowl_1",
        "microwave_1",
    ),
}


@pytest.fixture(scope="module")
def opened(standins: Path) -> Iterator[Open]:
    """Return a function that opens a task; each is compiled once."""
    stages: dict[tuple[str, str], GoalStage] = {}

    def open_task(suite: str, task: str) -> GoalStage:
        if (suite, task) in stages:
            stages[suite, task].start()
        else:
            stages[suite, task] = GoalStage(standins, suite, task)
        return stages[suite, task]

    yield open_task
    for stage in stages.values():
        stage.scene.close()


@pytest.mark.parametrize("name", _GOALS)
def test_the_goal_holds_at_rest_where_it_should_and_not_before(opened: Open, name: str) -> None:
    goal = _GOALS[name]
    stage = opened(goal.suite, goal.task)
    assert not stage.scene.is_success()
    for joint, value in goal.joints.items():
        stage.set_joint(joint, value)
    if goal.thing is not None:
        stage.put(goal.thing, goal.site, goal.offset, goal.quat)
        assert stage.deepest_contact(goal.thing) < 0.002, "it does not fit there"
        before = stage.position(goal.thing)
    assert stage.rest(12)
    if goal.thing is not None:
        moved = stage.position(goal.thing) - before
        assert abs(moved[:2]).max() < 0.01
        assert abs(moved[2]) < 0.035


@pytest.mark.parametrize("place", _ON_FIXTURES)
@pytest.mark.parametrize("trial", [0, 49])
def test_what_initial_states_put_on_fixtures_stays_there(
    opened: Open, place: str, trial: int
) -> None:
    """LIBERO lets it fall from a few centimetres above, straight down."""
    suite, task, thing, fixture = _ON_FIXTURES[place]
    stage = opened(suite, task)
    stage.start(trial)
    address = stage.model.joint(f"{thing}_joint0").qposadr[0]
    before = stage.scene.init_states[trial, 1 + address : 8 + address]
    after = stage.data.qpos[address : address + 7]
    assert abs(after[:2] - before[:2]).max() < 0.02
    assert 0 <= before[2] - after[2] < 0.2
    assert abs(after[3:] @ before[3:]) > 0.999
    assert abs(stage.data.joint(f"{thing}_joint0").qvel).max() < 0.05
    # Soft contacts come and go.
    touched = []
    for _ in range(5):
        stage.rest(1)
        touched.append(stage.touches(thing, fixture))
    assert any(touched)
    assert not stage.scene.is_success()


def test_a_drawer_closes_over_a_bowl(opened: Open) -> None:
    stage = opened("libero_10", _BOWL_DRAWER)
    drawer = "white_cabinet_1_bottom_level"
    stage.set_joint(drawer, -0.158)
    stage.put("akita_black_bowl_1", "white_cabinet_1_bottom_region", (0, 0, -0.02))
    assert stage.deepest_contact("akita_black_bowl_1") < 0.002
    assert not stage.rest(10)
    assert 0.0 < stage.push(drawer, 25.0, 25) < 0.004
    assert stage.rest(5)


def test_the_gripper_pulls_a_drawer_open_by_its_handle(opened: Open) -> None:
    stage = opened("libero_goal", "open_the_middle_drawer_of_the_cabinet")
    drawer = stage.data.body("wooden_cabinet_1_cabinet_middle")
    axes = drawer.xmat.reshape(3, 3)
    handle = drawer.xpos + axes @ np.array((-0.003, -0.102, 0.1105))
    out = -axes[:, 1]
    stage.reach(handle + 0.16 * out, -out, -1, 100)
    stage.reach(handle, -out, -1, 60)
    stage.reach(handle + 0.01 * out, -out, 1, 12)
    stage.reach(handle + 0.22 * out, -out, 1, 60)
    assert stage.data.joint("wooden_cabinet_1_middle_level").qpos[0] < -0.15
    assert stage.scene.is_success()


def test_a_book_passes_through_the_goal_into_the_back_of_the_caddy(opened: Open) -> None:
    """At rest it stands too low for LIBERO's own region, which counts while it is let down."""
    stage = opened("libero_10", _CADDY.format("back"))
    site = "desk_caddy_1_back_contain_region"
    stage.put("black_book_1", site, (0, 0, -0.06), (1, 0, 0, 0))
    assert stage.deepest_contact("black_book_1") < 0.002
    assert stage.scene.is_success()


def test_the_stove_glows_while_it_is_on(opened: Open) -> None:
    stage = opened("libero_goal", "turn_on_the_stove")
    glow = stage.model.site("flat_stove_1_burner").id
    for angle, seen in ((0.0, False), (0.6, True), (0.4, False)):
        stage.set_joint("flat_stove_1_button", angle)
        stage.rest(1)
        stage.set_joint("flat_stove_1_button", angle)
        stage.scene.post_process()
        assert (stage.model.site_rgba[glow, 3] > 0) == seen
