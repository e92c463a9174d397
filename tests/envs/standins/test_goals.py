"""Goals can be reached with the stand-ins: things moved into the goal state satisfy it and stay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

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
    assert stage.rest()
    if goal.thing is not None:
        moved = stage.position(goal.thing) - before
        assert abs(moved[:2]).max() < 0.01
        assert abs(moved[2]) < 0.035


def test_a_drawer_closes_over_a_bowl(opened: Open) -> None:
    stage = opened("libero_10", _BOWL_DRAWER)
    drawer = "white_cabinet_1_bottom_level"
    stage.set_joint(drawer, -0.158)
    stage.put("akita_black_bowl_1", "white_cabinet_1_bottom_region", (0, 0, -0.02))
    assert stage.deepest_contact("akita_black_bowl_1") < 0.002
    assert not stage.rest(10)
    assert 0.0 < stage.push(drawer, 20.0, 50) < 0.004
    assert stage.rest(5)


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
