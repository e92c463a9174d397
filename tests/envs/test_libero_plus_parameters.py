"""The parameters of every task that needs no file of upstream's, constructed without MuJoCo."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
import numpy as np
from gridseval.envs.perturbations import NOMINAL_JOINTS, NOMINAL_POSES
from gridseval.envs.plus import task_perturbation
from gridseval.suites import PlusFolder, load_suite

folder, counts = PlusFolder(None), {}
for suite in ("spatial", "object", "goal", "10"):
    for task in load_suite(f"libero_plus_{suite}").tasks:
        variant = task.variant
        if variant.dimension not in ("camera", "robot", "noise"):
            continue
        made = task_perturbation(task, folder)
        counts[variant.dimension] = counts.get(variant.dimension, 0) + 1
        assert made == type(made).from_json(made.to_json()), task.name
        numbers = [int(word) for word in task.name.split("_view_")[1].split("_") if word.isdigit()]
        h, v, s, r, e, k, *noise = numbers
        for nominal in NOMINAL_POSES.values():
            position, quaternion = made.camera.pose_from(nominal)
            assert abs(np.linalg.norm(quaternion) - 1) < 1e-3, task.name
            assert np.array_equal(np.round(position, 4), position), task.name
            centre = np.array([0.0, 0.0, 0.8])
            if (h, v) == (0, 0):  # only the distance from what it looks at changes
                stretched = centre + s / 100 * (np.array(nominal.position) - centre)
                assert np.abs(stretched - position).max() < 2e-4, task.name
        if k:
            off = np.linalg.norm(np.array(made.joints) - NOMINAL_JOINTS)
            assert abs(off - 0.1 * -(-k // 100)) < 2e-8, task.name  # angles have 8 decimals
        assert (made.joints is not None) == bool(k)
        assert made.noise == (noise[0] if noise else None)
assert counts == {"camera": 1599, "robot": 1550, "noise": 1601}, counts
assert "mujoco" not in sys.modules
"""


def test_every_camera_robot_and_noise_task_has_its_parameters() -> None:
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
