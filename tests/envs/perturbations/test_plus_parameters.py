"""What every camera, robot and noise task of LIBERO-Plus perturbs, without a simulation."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import numpy as np
from scipy.spatial.transform import Rotation

from gridseval.envs.perturbations import NOMINAL_JOINTS, NOMINAL_POSES, exact_nominal
from gridseval.envs.plus import find_plus, task_perturbation
from gridseval.suites import Task, load_suite

SUITES = ("libero_plus_spatial", "libero_plus_object", "libero_plus_goal", "libero_plus_10")
CENTRE = np.array([0, 0, 0.8])


def scene_of(task: Task) -> str:
    assert task.variant is not None
    for prefix, kind in (("KITCHEN", "kitchen"), ("LIVING", "living_room"), ("STUDY", "study")):
        if task.variant.base.startswith(prefix):
            return kind
    return "floor" if task.suite == "libero_plus_object" else "tabletop"


def test_every_variant() -> None:
    """All 4,750: cameras within what rounding can do to the pose without it, arms at their norm."""
    folder, counts = find_plus(), Counter[str]()
    for suite in SUITES:
        for task in load_suite(suite).tasks:
            variant = task.variant
            assert variant is not None
            if variant.dimension not in ("camera", "robot", "noise"):
                continue
            counts[variant.dimension] += 1
            perturbation = task_perturbation(task, folder)
            assert perturbation.camera is not None
            pose = perturbation.camera.pose_from(NOMINAL_POSES[scene_of(task)])
            assert [round(number, 4) for number in pose.position] == list(pose.position)
            if variant.dimension == "camera":
                check_pose(NOMINAL_POSES[scene_of(task)], pose, *variant.parameters)
            if variant.dimension == "robot":
                (k,) = variant.parameters
                assert perturbation.joints is not None
                norm = np.linalg.norm(np.array(perturbation.joints) - NOMINAL_JOINTS)
                assert abs(norm - (k - 1) // 100 / 10 - 0.1) < 2e-8  # angles have 8 decimals
                assert not perturbation.joints_true
            if variant.dimension == "noise":
                assert perturbation.noise == variant.parameters[0]
    assert counts == {"camera": 1599, "robot": 1550, "noise": 1601}


def check_pose(nominal: tuple, pose: tuple, h: int, v: int, s: int, r: int, e: int) -> None:
    """The same moves as one rotation and one vector, in double precision."""
    lift, turn = (
        Rotation.from_euler("y", -v, degrees=True),
        Rotation.from_euler("z", h, degrees=True),
    )
    place = turn.apply(CENTRE + lift.apply(np.array(nominal[0]) - CENTRE))
    place = CENTRE + s / 100 * (place - CENTRE)
    np.testing.assert_allclose(pose[0], place, rtol=0, atol=4e-4)
    in_place = Rotation.from_euler("y", -e, degrees=True) * Rotation.from_euler(
        "z", r, degrees=True
    )
    whole = in_place * turn * lift * Rotation.from_quat(np.roll(nominal[1], -1))
    got = Rotation.from_quat(np.roll(pose[1], -1))
    assert np.rad2deg((got * whole.inv()).magnitude()) < 0.05


def test_a_compiled_pose_is_recognised() -> None:
    """MuJoCo normalises quaternions; rounding must start from the numbers that upstream has."""
    for pose in NOMINAL_POSES.values():
        unit = np.array(pose.quaternion) / np.linalg.norm(pose.quaternion)
        assert exact_nominal(pose.position, unit) in NOMINAL_POSES.values()
        assert exact_nominal(pose.position, unit).position == pose.position
    moved = exact_nominal((1.0, 2.0, 3.0), (1.0, 0.0, 0.0, 0.0))
    assert moved == ((1.0, 2.0, 3.0), (1.0, 0.0, 0.0, 0.0))


def test_parameters_need_no_simulation() -> None:
    code = (
        "import sys; from gridseval.envs.perturbations.plan import parse_plan;"
        "parse_plan(['camera:3', 'noise:2', 'background:5']).draw(7, 's', 0, 0);"
        "print({'mujoco', 'robosuite', 'torch', 'numba'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
