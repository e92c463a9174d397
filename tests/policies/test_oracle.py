"""The scripted expert on made-up scenes, and its model of the arm on itself; no simulator."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from gridseval.policies.chunk_check import check_actions
from gridseval.policies.oracle import OraclePolicy
from gridseval.policies.oracle.clearance import hand_columns
from gridseval.policies.oracle.expert import Expert
from gridseval.policies.oracle.geometry import (
    Boxes,
    hand_rotation,
    hand_yaw,
    place_boxes,
    rotation_from_vector,
    rotation_matrix,
    rotation_vector,
)
from gridseval.policies.oracle.grasp import Grasp, choose_grasp
from gridseval.policies.oracle.models import load_models
from gridseval.policies.oracle.motion import Motion, arm_at, observe
from gridseval.policies.oracle.scene import Pose, Scene, parse_scene
from gridseval.policies.oracle.skill import Phase, nearer_yaw
from gridseval.policies.oracle.tasks import next_goal, read_goals
from gridseval.suites import Episode

HOME = np.array([-0.205, 0.0, 1.173])
BASE = HOME - [0.455, 0.0, 0.261]
HAND_DOWN = np.array([0.0, 1.0, 0.0, 0.0])
EPISODE = Episode("libero_spatial", 0, 0)
ON_PLATE = (("on", "akita_black_bowl_1", "plate_1"),)


def make_privileged(goal: Any = ON_PLATE, bowl: Any = (-0.05, -0.1, 0.9)) -> dict[str, Any]:
    level = np.array([1.0, 0.0, 0.0, 0.0])
    return {
        "objects": {
            "akita_black_bowl_1": np.concatenate([bowl, level]),
            "plate_1": np.concatenate([[0.05, 0.2, 0.902], level]),
        },
        "sites": {},
        "joints": {},
        "eef": np.concatenate([HOME, HAND_DOWN]),
        "goal": goal,
    }


def make_observations(*privileged: dict[str, Any], slots: Any = None) -> dict[str, Any]:
    batch = len(privileged)
    state = np.zeros((batch, 8), np.float32)
    state[:, 6:] = (0.039, -0.039)
    return {
        "slots": np.arange(batch) if slots is None else np.array(slots),
        "steps": np.zeros(batch, np.int64),
        "instruction": ("",) * batch,
        "state": state,
        "privileged": privileged,
    }


def make_scene(privileged: dict[str, Any], step: int = 0, opening: float = 0.078) -> Scene:
    state = np.array([0, 0, 0, 0, 0, 0, opening / 2, -opening / 2])
    return parse_scene(privileged, state, step, load_models())


@pytest.mark.parametrize("chunk", [1, 4, 8])
def test_actions_can_be_executed(chunk: int) -> None:
    policy = OraclePolicy(chunk)
    policy.reset([0, 1], [EPISODE, EPISODE])
    actions = check_actions(policy.act(make_observations(make_privileged(), make_privileged())), 2)
    assert actions.shape == (2, chunk, 7)
    assert np.abs(actions).max() <= 1


def test_same_observations_give_same_actions() -> None:
    seen = make_observations(make_privileged())
    assert np.array_equal(OraclePolicy().act(seen).actions, OraclePolicy().act(seen).actions)


def test_slots_do_not_disturb_each_other() -> None:
    near, far = make_privileged(), make_privileged(bowl=(0.1, 0.1, 0.9))
    together = OraclePolicy().act(make_observations(near, far, slots=[3, 5])).actions
    alone = OraclePolicy().act(make_observations(far, slots=[0])).actions
    assert np.array_equal(together[1], alone[0])
    assert not np.array_equal(together[0], together[1])


def test_reset_forgets_the_episode() -> None:
    policy = OraclePolicy()
    first = policy.act(make_observations(make_privileged())).actions
    policy.act(make_observations(make_privileged(goal=())))
    policy.reset([0], [EPISODE])
    assert np.array_equal(policy.act(make_observations(make_privileged())).actions, first)


@pytest.mark.parametrize(
    "goal",
    [
        (),
        (("turnon", "flat_stove_1"),),
        (("open", "wooden_cabinet_1_top_region"),),
        (("on", "unheard_of_1", "plate_1"),),
        (("on", "akita_black_bowl_1", "nowhere_1"),),
    ],
)
def test_unknown_goals_give_no_motion(goal: Any) -> None:
    actions = OraclePolicy().act(make_observations(make_privileged(goal))).actions
    assert not actions[..., :6].any()
    assert (actions[..., 6] == -1).all()


def test_known_part_of_a_mixed_goal_is_pursued() -> None:
    scene = make_scene(make_privileged())
    goals = read_goals((("close", "wooden_cabinet_1"), *ON_PLATE), scene, load_models())
    assert [(goal.thing, goal.target) for goal in goals] == [("akita_black_bowl_1", "plate_1")]


LEVEL = [1.0, 0.0, 0.0, 0.0]
BOWL_IN_DRAWER = (
    ("close", "wooden_cabinet_1_top_region"),
    ("in", "akita_black_bowl_1", "wooden_cabinet_1_top_region"),
)


def make_kitchen(drawer: float, goal: Any = BOWL_IN_DRAWER, **more: Any) -> dict[str, Any]:
    seen = make_privileged(goal)
    seen["objects"]["wooden_cabinet_1"] = np.array([0.04, -0.45, 0.905, 0.0, 0.0, 0.0, 1.0])
    seen["sites"]["wooden_cabinet_1_top_region"] = np.array([0.036, -0.46, 1.09, *np.eye(3).flat])
    seen["joints"] = {"wooden_cabinet_1_top_level": drawer}
    return {**seen, **more}


def first_goal(seen: dict[str, Any]) -> str:
    scene, models = make_scene(seen), load_models()
    return str(next_goal(read_goals(seen["goal"], scene, models), scene, models, set()))


def test_a_shut_drawer_is_opened_before_something_is_put_into_it() -> None:
    assert first_goal(make_kitchen(0.0)) == "open wooden_cabinet_1_top_region"


def test_a_drawer_is_closed_after_something_was_put_into_it() -> None:
    put = "in akita_black_bowl_1 wooden_cabinet_1_top_region"
    assert first_goal(make_kitchen(-0.15)) == put
    assert first_goal(make_kitchen(-0.15, holds=(True, False))) == put
    assert first_goal(make_kitchen(-0.15, holds=(False, True))) == (
        "close wooden_cabinet_1_top_region"
    )
    assert first_goal(make_kitchen(-0.15, holds=(True, True))) == "None"


def test_what_stands_where_a_drawer_opens_is_moved_away_first() -> None:
    seen = make_kitchen(0.0)
    seen["objects"]["akita_black_bowl_1"] = np.array([0.0, -0.25, 0.9, *LEVEL])
    assert first_goal(seen) == "clear akita_black_bowl_1 wooden_cabinet_1_top_region"


def test_what_others_are_put_onto_is_put_in_its_place_first() -> None:
    goal = (("on", "akita_black_bowl_1", "plate_1"), ("on", "plate_1", "table_region"))
    seen = make_privileged(goal)
    seen["sites"]["table_region"] = np.array([0.0, 0.1, 0.9, *np.eye(3).flat])
    assert first_goal(seen) == "on plate_1 table_region"


@pytest.mark.parametrize(("hand", "yaw"), [(0.1, 0.0), (3.0, math.pi), (-1.4, 0.0)])
def test_the_nearer_of_two_yaws_is_taken(hand: float, yaw: float) -> None:
    found = nearer_yaw(np.array([0.0, 1.0]), hand_rotation(hand))
    assert math.cos(found - yaw) == pytest.approx(1.0)


def test_moves_to_the_object_first_with_the_gripper_open() -> None:
    actions = OraclePolicy().act(make_observations(make_privileged())).actions[0]
    assert actions[0, 0] > 0, "the bowl is in front of the hand"
    assert actions[0, 1] < 0, "and to its right"
    assert (actions[:, 6] == -1).all()


def test_phases_follow_what_is_observed() -> None:
    seen = make_privileged()
    scene = make_scene(seen)
    models = load_models()
    bowl = models.categories["akita_black_bowl"]
    grasp = choose_grasp(scene, "akita_black_bowl_1", bowl, BASE, 0)
    assert grasp is not None
    there = {**seen, "eef": np.concatenate([grasp.position, quaternion_of(grasp.yaw)])}
    lifted = {**there, "eef": there["eef"] + np.array([0, 0, 0.1, 0, 0, 0, 0])}
    expert = Expert(models, read_goals(ON_PLATE, scene, models), scene)
    story = (
        (scene, Phase.APPROACH, -1),
        (make_scene(there, 30), Phase.CLOSE, 1),
        (make_scene(there, 36, opening=0.02), Phase.CLOSE, 1),  # the fingers still move
        (make_scene(there, 40, opening=0.02), Phase.CARRY, 1),
        (make_scene(lifted, 60, opening=0.0), Phase.RECOVER, -1),  # the bowl stayed behind
    )
    for observed, phase, gripper in story:
        actions = expert.plan(observed, 8)
        assert expert.phase is phase
        assert (actions[:, 6] == gripper).all()


def quaternion_of(yaw: float) -> Any:
    return np.array([0.0, math.cos(yaw / 2), math.sin(yaw / 2), 0.0])


def test_grasp_keeps_clear_of_a_neighbour() -> None:
    seen = make_privileged()
    bowl = load_models().categories["akita_black_bowl"]
    free = choose_grasp(make_scene(seen), "akita_black_bowl_1", bowl, BASE, 0)
    assert free is not None
    away = free.position - free.object_position
    away[2] = 0.0
    beside = np.array([-0.05, -0.1, 0.9]) + away / np.linalg.norm(away) * 0.115
    seen["objects"]["milk_1"] = np.concatenate([beside, [0.5, 0.5, 0.5, 0.5]])  # standing
    scene = make_scene(seen)
    grasp = choose_grasp(scene, "akita_black_bowl_1", bowl, BASE, 0)
    assert grasp is not None
    milk = scene.boxes["milk_1"]
    assert lowest_free(free, milk) > free.position[2], (
        "the milk stands where a finger would have been"
    )
    assert lowest_free(grasp, milk) <= grasp.position[2]


def lowest_free(grasp: Grasp, boxes: Boxes) -> float:
    columns = hand_columns(grasp.yaw, 0.078)
    return float(columns.lowest(grasp.position[None, :2], boxes, 0.0)[0])


def test_wide_box_is_grasped_across_its_narrow_side() -> None:
    seen = make_privileged((("on", "cookies_1", "plate_1"),))
    seen["objects"]["cookies_1"] = np.array([0.0, -0.1, 0.91, 1.0, 0.0, 0.0, 0.0])
    models = load_models()
    grasp = choose_grasp(make_scene(seen), "cookies_1", models.categories["cookies"], BASE, 0)
    assert grasp is not None
    fingers = hand_rotation(grasp.yaw)[:, 1]
    assert abs(fingers[0]) == pytest.approx(1.0), "along x, where the box has 6 cm and not 8"


@pytest.mark.parametrize("vector", [(0.0, 0.0, 0.0), (0.3, -0.2, 1.0), (0.0, 3.0, 0.0)])
def test_rotation_vectors_survive_the_way_there_and_back(vector: Any) -> None:
    assert rotation_vector(rotation_from_vector(np.array(vector))) == pytest.approx(vector)


@pytest.mark.parametrize("yaw", [-1.5, 0.0, 0.7])
def test_hand_points_down(yaw: float) -> None:
    rotation = hand_rotation(yaw)
    assert rotation[:, 2] == pytest.approx([0, 0, -1])
    assert hand_yaw(rotation) == pytest.approx(yaw)
    assert rotation_matrix(quaternion_of(yaw)) == pytest.approx(rotation)
    leaning = hand_rotation(yaw, np.array([0.2, 0.0]))
    assert leaning[:, 2] == pytest.approx([math.sin(0.2), 0, -math.cos(0.2)])


def test_lying_box_is_seen_from_above() -> None:
    lying = rotation_from_vector(np.array([math.pi / 2, 0.0, 0.0]))
    boxes = place_boxes(np.array([[-0.1, -0.2, 0.0, 0.1, 0.2, 0.3]]), np.zeros(3), lying)
    assert (boxes.lows[0], boxes.tops[0]) == pytest.approx((-0.2, 0.2))
    assert boxes.distances(np.array([[0.0, -0.1], [0.3, -0.1]]))[:, 0] == pytest.approx([0.0, 0.2])


@pytest.mark.parametrize("forward", [(0.45, 0.0, 0.2), (0.7, 0.2, 0.05), (0.6, -0.3, 0.3)])
def test_regulator_brings_the_modelled_hand_to_its_target(forward: Any) -> None:
    start = Pose(BASE + forward, hand_rotation(0.0))
    target = Pose(start.position + np.array([-0.08, 0.06, 0.03]), hand_rotation(0.8))
    motion = Motion(start, np.zeros(6))
    for _ in range(80):
        arm = arm_at(motion.pose, HOME)
        motion = arm.predict(motion, arm.action_towards(motion, target))
    assert motion.pose.position == pytest.approx(target.position, abs=2e-3)
    assert np.abs(rotation_vector(target.rotation @ motion.pose.rotation.T)).max() < 0.02


def test_velocity_is_the_predicted_one_where_the_prediction_was_right() -> None:
    start = Motion(Pose(HOME, hand_rotation(0.0)), np.zeros(6))
    arm = arm_at(start.pose, HOME)
    moved = arm.predict(start, np.array([1.0, 0.0, 0.0, 0.0, 0.0, 0.0]))
    assert moved.velocity[0] > 0.1
    assert observe([start, moved], 1, moved.pose).velocity == pytest.approx(moved.velocity)
    assert not observe([], 0, moved.pose).velocity.any()


@pytest.mark.parametrize("watches", [False, True])
def test_an_expert_that_watches_takes_the_velocity_that_it_observes(watches: bool) -> None:
    """Another policy may have moved the hand otherwise than the expert had planned."""
    planned = []
    for speed in (0.0, 0.3):
        policy = OraclePolicy(watches=watches)
        policy.reset([0], [EPISODE])
        velocity = np.array([0.0, speed, 0.0, 0.0, 0.0, 0.0])
        seen = {**make_privileged(), "velocity": velocity, "response": np.diag([150.0] * 6)}
        planned.append(policy.act(make_observations(seen)).actions[0])
    assert (planned[0] == planned[1]).all() == (not watches)
