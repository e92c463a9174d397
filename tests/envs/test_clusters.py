"""Boxes contain what they stand for, so that a box outside means a mesh outside."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridseval.envs.rendering.clusters import Clusters, outside

SHAPES = """
<mujoco>
  <asset>
    <mesh name="blob" vertex="{blob}" face="{faces}"/>
  </asset>
  <worldbody>
    <body><freejoint/><geom type="mesh" mesh="blob"/></body>
    <body><freejoint/><geom type="box" size=".1 .2 .3"/></body>
    <body><freejoint/><geom type="sphere" size=".2"/></body>
    <body><freejoint/><geom type="capsule" size=".1 .3"/></body>
    <body><freejoint/><geom type="cylinder" size=".1 .3"/></body>
    <body><freejoint/><geom type="ellipsoid" size=".1 .2 .3"/></body>
  </worldbody>
</mujoco>
"""


@pytest.fixture(scope="module")
def model() -> Any:
    """Return a model with one of each shape, and a mesh of 3,000 long, thin triangles."""
    random = np.random.default_rng(0)
    centers = random.normal(0, 0.5, (3000, 1, 3))
    vertices = (centers + random.normal(0, 0.2, (3000, 3, 3))).reshape(-1, 3)
    numbers = " ".join(f"{number:.6f}" for number in vertices.ravel())
    faces = " ".join(str(number) for number in range(len(vertices)))
    return mujoco.MjModel.from_xml_string(SHAPES.format(blob=numbers, faces=faces))


def surface(model: Any, geom: int, random: np.random.Generator) -> np.ndarray:
    """Return faces (t, 3, 3) of a mesh, or points (n, 1, 3) of a shape, in the geom's frame."""
    if model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_MESH:
        vertices = model.mesh_vert.astype(float)
        return vertices[model.mesh_face]
    size = model.geom_size[geom]
    unit = random.normal(size=(400, 3))
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    kind = model.geom_type[geom]
    if kind == mujoco.mjtGeom.mjGEOM_BOX:
        points = np.sign(unit) * size
    elif kind == mujoco.mjtGeom.mjGEOM_SPHERE:
        points = unit * size[0]
    elif kind == mujoco.mjtGeom.mjGEOM_ELLIPSOID:
        points = unit * size
    elif kind == mujoco.mjtGeom.mjGEOM_CAPSULE:
        points = unit * size[0] + np.outer(np.sign(unit[:, 2]), [0, 0, size[1]])
    else:
        round_part = unit[:, :2] / np.linalg.norm(unit[:, :2], axis=1, keepdims=True) * size[0]
        points = np.column_stack([round_part, np.sign(unit[:, 2]) * size[1]])
    return points[:, None]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_what_is_outside_has_no_point_inside(model: Any, seed: int) -> None:
    random = np.random.default_rng(seed)
    data = mujoco.MjData(model)
    data.qpos[:] = random.normal(size=model.nq)
    mujoco.mj_kinematics(model, data)
    geoms = np.arange(model.ngeom)
    clusters = Clusters(model, geoms)
    normals = random.normal(size=(5, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    offsets = random.uniform(-1.5, 1.5, 5)
    said = clusters.whole(outside(clusters.place(data), normals, offsets))
    for geom in geoms[said]:
        faces = surface(model, geom, random)
        rotation = data.geom_xmat[geom].reshape(3, 3)
        placed = faces @ rotation.T + data.geom_xpos[geom]
        # Each face lies wholly beyond one of the planes, so no part of it is in their middle.
        beyond = (placed @ normals.T < offsets).all(axis=1).any(axis=1)
        assert beyond.all()


def test_a_split_mesh_is_told_outside_where_one_box_is_not(model: Any) -> None:
    """Guard the guards: far planes leave shapes out, and several boxes tell more than one."""
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    clusters = Clusters(model, np.arange(model.ngeom))
    boxes = clusters.place(data)
    far = outside(boxes, np.array([[1.0, 0, 0]]), np.array([100.0]))
    assert clusters.whole(far).all()
    near = outside(boxes, np.array([[1.0, 0, 0]]), np.array([-100.0]))
    assert not clusters.whole(near).any()
    assert len(boxes.center) > model.ngeom
