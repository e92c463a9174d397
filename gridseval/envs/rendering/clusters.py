"""Boxes around parts of geoms, for asking what a camera can see of them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Mask = NDArray[np.bool_]

_CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=float)

# OpenGL draws in float32: a box this close (metres) to a plane counts as reaching it.
_MARGIN_M = 2e-3
_CELLS = 3
# From here on looking closer at a mesh costs less than drawing it.
_SPLIT_FROM_TRIANGLES = 2_000


class Boxes(NamedTuple):
    """Oriented boxes in the world.

    Attributes:
        center: float64 (c, 3), metres.
        axes: float64 (c, 3, 3), whose rows are the half-size axes, metres.
    """

    center: Float
    axes: Float

    def corners(self) -> Float:
        """Return float64 (c, 8, 3)."""
        return np.asarray(self.center[:, None] + _CORNERS @ self.axes)


class Clusters:
    """Boxes around geoms: one for a primitive, several for a mesh of many triangles.

    A mesh is cut into 3×3×3 cells; each cell's box contains all triangles whose centre lies in it.

    Args:
        model: ``mujoco.MjModel``.
        geoms: int (n,): the geoms.
    """

    def __init__(self, model: Any, geoms: NDArray[np.intp]) -> None:
        self._geoms = geoms
        parts = [_boxes_of(model, int(geom)) for geom in geoms]
        self._low = np.concatenate([low for low, _ in parts])
        self._high = np.concatenate([high for _, high in parts])
        counts = [len(low) for low, _ in parts]
        self._owner = np.repeat(np.arange(len(geoms)), counts)
        self._starts = np.cumsum([0, *counts[:-1]])

    def place(self, data: Any) -> Boxes:
        """Return the boxes where the geoms are now."""
        rotation = data.geom_xmat[self._geoms].reshape(-1, 3, 3)[self._owner]
        middle, half = (self._low + self._high) / 2, (self._high - self._low) / 2
        turned = np.einsum("nij,nj->ni", rotation, middle)
        center = turned + data.geom_xpos[self._geoms][self._owner]
        return Boxes(center, rotation.transpose(0, 2, 1) * half[:, :, None])

    def of_geom(self, boxes: Boxes, index: int) -> Boxes:
        """Return the boxes of geom number ``index`` among the given ones."""
        mine = self._owner == index
        return Boxes(boxes.center[mine], boxes.axes[mine])

    def whole(self, per_box: Mask) -> Mask:
        """Return bool (n,): geoms whose boxes are all true."""
        return np.asarray(np.logical_and.reduceat(per_box, self._starts))


def outside(boxes: Boxes, normals: Float, offsets: Float) -> Mask:
    """Return bool (c,): boxes wholly outside one of the half-spaces ``normals·x ≥ offsets``.

    Args:
        boxes: The boxes.
        normals: float64 (k, 3), unit vectors.
        offsets: float64 (k,), metres.
    """
    distance = boxes.center @ normals.T - offsets
    along = np.abs(boxes.axes.reshape(-1, 3) @ normals.T)
    reach = along[0::3] + along[1::3] + along[2::3]
    return np.asarray((distance + reach < -_MARGIN_M).any(axis=1))


def _boxes_of(model: Any, geom: int) -> tuple[Float, Float]:
    """Return lowest and highest corners, float64 (m, 3) each, in the geom's own frame."""
    import mujoco

    mesh = int(model.geom_dataid[geom])
    is_mesh = model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_MESH
    if not is_mesh or model.mesh_facenum[mesh] < _SPLIT_FROM_TRIANGLES:
        center, half = model.geom_aabb[geom, :3], model.geom_aabb[geom, 3:]
        return (center - half)[None], (center + half)[None]
    vertex, face = int(model.mesh_vertadr[mesh]), int(model.mesh_faceadr[mesh])
    vertices = model.mesh_vert[vertex : vertex + int(model.mesh_vertnum[mesh])].astype(float)
    faces = model.mesh_face[face : face + int(model.mesh_facenum[mesh])]
    triangles = vertices[faces]
    return _split(triangles)


def _split(triangles: Float) -> tuple[Float, Float]:
    """Return the corners of boxes around the triangles, float64 (t, 3, 3), cell by cell."""
    middle = triangles.mean(axis=1)
    low, size = middle.min(axis=0), np.maximum(np.ptp(middle, axis=0), 1e-9)
    cell = np.minimum((middle - low) / size * _CELLS, _CELLS - 1).astype(np.intp)
    key = cell @ np.array([_CELLS * _CELLS, _CELLS, 1])
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.diff(key[order], prepend=-1))
    ordered = triangles[order]
    return (
        np.minimum.reduceat(ordered.min(axis=1), starts),
        np.maximum.reduceat(ordered.max(axis=1), starts),
    )
