"""What culling leaves out changes no pixel, wherever arm, objects and cameras are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest

from gridseval.assets import find_assets
from gridseval.envs.rendering.backend import GLContext, choose_backend
from gridseval.envs.rendering.culling import Culler
from gridseval.envs.rendering.renderer import SceneRenderer
from gridseval.envs.scene import Scene
from gridseval.envs.simulation import Simulation, View
from gridseval.envs.task_files import TaskFiles
from gridseval.suites import load_suite

CAMERAS = ("agentview", "robot0_eye_in_hand")


@pytest.fixture(scope="module")
def context() -> Iterator[GLContext]:
    made = GLContext(choose_backend().backend)
    yield made
    made.close()


@pytest.fixture(scope="module")
def simulate(assets: Path) -> Callable[[str, int], Simulation]:
    """Return a function that starts a task's trial 0 in a model of its own."""

    def start(suite: str, task: int) -> Simulation:
        name = load_suite(suite).task(task).name
        simulation = Simulation(Scene(TaskFiles.of(suite, name, find_assets(assets).root)))
        simulation.start(0, 7, 1)
        return simulation

    return start


def random_qpos(model: Any, start: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return joint positions: hinges within their limits, objects anywhere about the table."""
    qpos = start.copy()
    for joint in range(model.njnt):
        address = model.jnt_qposadr[joint]
        if model.jnt_type[joint] == mujoco.mjtJoint.mjJNT_FREE:
            if random.random() < 0.7:
                qpos[address : address + 3] += random.normal(0, 0.25, 3)
                turned = random.normal(size=4)
                qpos[address + 3 : address + 7] = turned / np.linalg.norm(turned)
        elif random.random() < 0.8:
            qpos[address] = random.uniform(*model.jnt_range[joint])
    return qpos


def move_camera(model: Any, camera: str, random: np.random.Generator) -> None:
    """Put a camera anywhere about the table, looking anywhere, narrow or wide."""
    number = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_CAMERA, camera)
    model.cam_pos[number] = random.uniform([-1, -1, 0.2], [1.5, 1, 2])
    turned = random.normal(size=4)
    model.cam_quat[number] = turned / np.linalg.norm(turned)
    model.cam_fovy[number] = random.uniform(20, 100)


def compare(simulation: Simulation, context: GLContext, poses: int, seed: int) -> None:
    """Assert that images with and without culling are equal in random poses."""
    random = np.random.default_rng(seed)
    scene = simulation.scene
    culled = SceneRenderer(scene, context)
    whole = SceneRenderer(scene, context, cull=False)
    start = simulation.view
    before = scene.model.cam_pos.copy(), scene.model.cam_quat.copy(), scene.model.cam_fovy.copy()
    for pose in range(poses):
        view: View = replace(start, qpos=random_qpos(scene.model, start.qpos, random))
        if pose == 0:
            view = start
        elif pose % 2 == 0:
            move_camera(scene.model, "agentview", random)
        for camera in CAMERAS:
            first, second = culled.render(view, camera), whole.render(view, camera)
            unequal = int((first != second).any(axis=2).sum())
            assert unequal == 0, f"{camera}, pose {pose} of seed {seed}: {unequal} pixels"
    scene.model.cam_pos[:], scene.model.cam_quat[:], scene.model.cam_fovy[:] = before
    culled.close()
    whole.close()


@pytest.mark.parametrize(
    ("suite", "task"), [("libero_goal", 7), ("libero_10", 5)], ids=["stove", "study"]
)
def test_culling_changes_no_pixel(
    simulate: Callable[..., Simulation], context: GLContext, suite: str, task: int
) -> None:
    compare(simulate(suite, task), context, 7, seed=task)


def test_culling_changes_no_pixel_with_other_mirrors_and_shadows(
    simulate: Callable[..., Simulation], context: GLContext
) -> None:
    """A mirror for a floor beside the stove's own mirror; then a light that casts shadows."""
    simulation = simulate("libero_spatial", 0)
    model = simulation.scene.model
    planes = model.geom_type == mujoco.mjtGeom.mjGEOM_PLANE
    materials = model.geom_matid[planes]
    materials = materials[materials >= 0]
    assert len(materials)
    model.mat_reflectance[materials] = 0.5
    compare(simulation, context, 4, seed=1)
    model.light_castshadow[:] = 1
    compare(simulation, context, 3, seed=2)
    model.mat_reflectance[:] = 0
    compare(simulation, context, 3, seed=3)


def test_many_small_mirrors(simulate: Callable[..., Simulation], context: GLContext) -> None:
    """Every box with a material reflects, also upright ones and those that objects carry."""
    simulation = simulate("libero_goal", 3)
    model = simulation.scene.model
    boxes = (model.geom_type == mujoco.mjtGeom.mjGEOM_BOX) & (model.geom_matid >= 0)
    model.mat_reflectance[model.geom_matid[boxes]] = 0.3
    compare(simulation, context, 4, seed=4)


def test_culling_leaves_out_much(simulate: Callable[..., Simulation]) -> None:
    """Guard the guards: at the start of an episode many triangles need not be drawn."""
    scene = simulate("libero_spatial", 0).scene
    model = scene.model
    culler = Culler(model, 256, np.isin(model.geom_group, (1, 2)))
    data = mujoco.MjData(model)
    data.qpos[:] = scene.data.qpos
    mujoco.mj_forward(model, data)
    meshes = model.geom_type == mujoco.mjtGeom.mjGEOM_MESH
    triangles = np.where(meshes, model.mesh_facenum[model.geom_dataid], 0)
    drawn = triangles[np.isin(model.geom_group, (1, 2))].sum()
    for camera, most in (("agentview", 0.95), ("robot0_eye_in_hand", 0.85)):
        number = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_CAMERA, camera)
        hidden = culler.hidden(data, number)
        assert drawn - triangles[hidden].sum() < most * drawn, camera


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suite", "task"),
    [
        ("libero_spatial", 4),
        ("libero_object", 0),
        ("libero_goal", 7),
        ("libero_10", 0),
        ("libero_10", 2),
        ("libero_10", 4),
        ("libero_10", 5),
        ("libero_10", 8),
        ("libero_10", 9),
    ],
)
def test_culling_changes_no_pixel_in_many_poses(
    simulate: Callable[..., Simulation], context: GLContext, suite: str, task: int
) -> None:
    compare(simulate(suite, task), context, 40, seed=1000 + task)
