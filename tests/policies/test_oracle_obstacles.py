"""How the scripted expert gets past what is in its way, on made-up scenes; no simulator."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from gridseval.policies.oracle.clearance import Columns, hand_columns
from gridseval.policies.oracle.drawer import CloseDrawer
from gridseval.policies.oracle.expert import Expert
from gridseval.policies.oracle.geometry import Boxes, hand_rotation
from gridseval.policies.oracle.grasp import choose_grasp
from gridseval.policies.oracle.models import load_models
from gridseval.policies.oracle.motion import lean_at
from gridseval.policies.oracle.scene import Pose, Scene, parse_scene
from gridseval.policies.oracle.skill import Phase, Setting
from gridseval.policies.oracle.tasks import Goal, next_goal, place_of, read_goals
from gridseval.policies.oracle.travel import Route

HOME = np.array([-0.205, 0.0, 1.173])
BASE = HOME - [0.455, 0.0, 0.261]
LEVEL = (1.0, 0.0, 0.0, 0.0)
UPRIGHT = (0.5, 0.5, 0.5, 0.5)
CABINET = "wooden_cabinet_1"


def scene_with(step: int = 0, drawer: float = 0.0, goal: Any = (), **poses: Any) -> Scene:
    """Return a scene of the objects ``poses``, with the hand where episodes begin."""
    seen = {
        "objects": {name: np.array(pose) for name, pose in poses.items()},
        "sites": {f"{CABINET}_bottom_region": np.array([0.0, -0.28, 0.952])},
        "joints": {f"{CABINET}_bottom_level": drawer},
        "eef": np.array([*HOME, 0.0, 1.0, 0.0, 0.0]),
        "goal": goal,
        "holds": (False,) * len(goal),
    }
    state = np.array([0, 0, 0, 0, 0, 0, 0.039, -0.039], np.float32)
    return parse_scene(seen, state, step, load_models())


def blocked(scene: Scene, position: Any, yaw: float, name: str) -> float:
    columns = hand_columns(yaw, 0.078)
    boxes = scene.obstacles(without={name})
    return float(columns.lowest(position[None, :2], boxes, 0.0)[0]) - float(position[2])


def test_a_box_whose_middle_was_not_reached_is_taken_off_its_middle() -> None:
    box = load_models().categories["cream_cheese"]
    here = (0.0, -0.1, 0.91, *LEVEL)
    free = scene_with(cream_cheese_1=here)
    beside = scene_with(cream_cheese_1=here, milk_1=(-0.045, -0.02, 0.97, *UPRIGHT))
    middle = choose_grasp(free, "cream_cheese_1", box, BASE, 0)
    grasp = choose_grasp(beside, "cream_cheese_1", box, BASE, 1)
    assert middle is not None
    assert grasp is not None
    assert blocked(beside, middle.position, middle.yaw, "cream_cheese_1") > 0
    assert blocked(beside, grasp.position, grasp.yaw, "cream_cheese_1") <= 0
    assert 0.01 < grasp.position[0] < 0.04, "away from the milk, and still on the box"


def test_a_bowl_far_away_is_taken_by_its_near_wall() -> None:
    bowl = load_models().categories["akita_black_bowl"]
    for far in (0.2, 0.24):
        scene = scene_with(akita_black_bowl_1=(far, 0.06, 0.9, *LEVEL))
        grasp = choose_grasp(scene, "akita_black_bowl_1", bowl, BASE, 0)
        assert grasp is not None
        reach = np.hypot(*(grasp.position - BASE)[:2])
        middle = np.hypot(far - BASE[0], 0.06)
        assert reach < middle - 0.9 * 0.048


def test_the_hand_leans_further_only_near_the_end_of_its_reach() -> None:
    ahead = np.array([1.0, 0.0, 0.0])
    leans = [float(np.linalg.norm(lean_at(ahead, reach))) for reach in (0.7, 0.78, 0.82, 0.86)]
    assert leans == pytest.approx([0.0, 0.12, 0.24, 0.70])


WALLS = Boxes(
    centers=np.array([[0.07, 0.0], [-0.07, 0.0]]),
    axes=np.broadcast_to(np.eye(2), (2, 2, 2)),
    halves=np.array([[0.01, 0.1], [0.01, 0.1]]),
    lows=np.zeros(2),
    tops=np.full(2, 0.15),
)


def test_a_hand_that_still_turns_comes_no_lower_beside_a_wall() -> None:
    # With its fingers along y at the goal's yaw it fits beside the wall; as it is turned, it hits.
    place = np.array([0.12, 0.0, 0.05])
    route = Route(place, hand_rotation(0.0), 0.07, hand_columns(0.0, 0.078), WALLS)
    across = Pose(np.array([0.12, 0.0, 0.15]), hand_rotation(math.pi / 2))
    along = Pose(across.position, hand_rotation(0.0))
    assert route.way_point(along).position[2] < 0.1
    assert route.way_point(across).position[2] >= 0.149


def test_turned_columns_are_those_of_a_hand_at_another_yaw() -> None:
    turned: Columns = hand_columns(0.3, 0.05).turned(0.9)
    assert turned.offsets == pytest.approx(hand_columns(1.2, 0.05).offsets)


def test_an_object_that_is_missed_thrice_lets_other_goals_have_their_turn() -> None:
    goal = (("on", "cookies_1", "plate_1"), ("on", "akita_black_bowl_1", "plate_1"))
    poses = {
        "cookies_1": (0.0, -0.1, 0.91, *LEVEL),
        "akita_black_bowl_1": (0.0, 0.1, 0.9, *LEVEL),
        "plate_1": (0.1, 0.2, 0.902, *LEVEL),
    }
    scene = scene_with(goal=goal, **poses)
    models = load_models()
    expert = Expert(models, read_goals(goal, scene, models), scene)
    heading = []
    for step in range(100, 1220, 80):  # the hand never moves: each phase runs into its limit
        actions = expert.plan(scene_with(step, goal=goal, **poses), 8)
        if expert.phase is Phase.APPROACH:
            heading.append("cookies" if actions[:, 1].sum() < 0 else "bowl")
    assert heading == ["cookies"] * 3 + ["bowl"] * 3 + ["cookies"], "which come again at last"


def drawer_scene(drawer: float) -> Scene:
    bowl = (0.0, -0.2, 0.95, *LEVEL)
    cabinet = (0.0, -0.4, 0.905, 0.0, 0.0, 0.0, 1.0)
    return scene_with(drawer=drawer, akita_black_bowl_1=bowl, **{CABINET: cabinet})


def test_a_drawer_that_does_not_close_is_opened_wide_and_closed_again() -> None:
    models, scene = load_models(), drawer_scene(-0.14)
    close = Goal("close", f"{CABINET}_bottom_region", index=-1)
    wide = Goal("open", close.thing)
    assert next_goal((close,), scene, models, set()) == close
    assert next_goal((close,), scene, models, set(), {close}) == wide
    assert next_goal((close,), scene, models, {wide}, {close}) == close


def test_a_drawer_is_closed_at_another_lean_after_a_failure() -> None:
    scene = drawer_scene(-0.14)
    goal = Goal("close", f"{CABINET}_bottom_region", index=0)
    setting = Setting(load_models(), HOME)
    first = CloseDrawer(goal, setting, scene).lean
    setting.failures[goal] += 1
    assert CloseDrawer(goal, setting, scene).lean < first - 0.3


def test_into_a_drawer_means_behind_its_front() -> None:
    models, scene = load_models(), drawer_scene(-0.14)
    goal = Goal("in", "akita_black_bowl_1", f"{CABINET}_bottom_region", 0)
    place = place_of(goal, scene, models)
    # The front's inner face is 65 mm before the cabinet's middle, and 140 mm more as it is open.
    front = -0.4 + 0.065 + 0.14
    assert front - 0.054 - 0.01 < place[1] < front - 0.054
