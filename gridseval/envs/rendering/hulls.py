"""Points around every geom, whose convex hull contains what is drawn of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

# Drawing happens in float32: whatever is this close (metres) to a plane counts as reaching it.
_MARGIN_M = 2e-3
_CELLS = 5
_FINE_FROM_TRIANGLES = 300
_CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=float)


class Hulls:
    """Bounding points of geoms, for asking on which side of planes they lie.

    A box has its eight corners. A mesh of many triangles is cut into 5×5×5 cells, and the corners
    of the cells that hold vertices surround it far more tightly than one box.

    Args:
        model: ``mujoco.MjModel``.
        geoms: int (n,): the geoms.
    """

    def __init__(self, model: Any, geoms: NDArray[np.intp]) -> None:
        self._geoms = geoms
        points = [_local_points(model, int(geom)) for geom in geoms]
        self._points = np.concatenate(points)
        self._owner = np.repeat(np.arange(len(geoms)), [len(p) for p in points])
        self._starts = np.cumsum([0, *(len(p) for p in points[:-1])])

    def place(self, data: Any) -> Float:
        """Return the points in the world, float64 (p, 3), for the other methods."""
        rotation = data.geom_xmat[self._geoms].reshape(-1, 3, 3)[self._owner]
        turned = (rotation @ self._points[:, :, None])[:, :, 0]
        return np.asarray(turned + data.geom_xpos[self._geoms][self._owner])

    def beyond(self, points: Float, normals: Float, offsets: Float) -> NDArray[np.bool_]:
        """Return bool (n,): wholly outside at least one of the half-spaces ``normals·x ≥ offsets``.

        Args:
            points: What :meth:`place` returned.
            normals: float64 (k, 3), unit vectors.
            offsets: float64 (k,), metres.
        """
        reach = np.maximum.reduceat(points @ normals.T - offsets, self._starts, axis=0)
        return np.asarray((reach < -_MARGIN_M).any(axis=1))

    def corners(self, points: Float, index: int) -> Float:
        """Return the points of geom number ``index`` among the given ones, float64 (m, 3)."""
        return np.asarray(points[self._owner == index])


def _local_points(model: Any, geom: int) -> Float:
    center, half = model.geom_aabb[geom, :3], model.geom_aabb[geom, 3:]
    mesh = int(model.geom_dataid[geom])
    is_mesh = model.geom_type[geom] == _mesh_type()
    if not is_mesh or model.mesh_facenum[mesh] < _FINE_FROM_TRIANGLES:
        return np.asarray(center + _CORNERS * half)
    first = int(model.mesh_vertadr[mesh])
    vertices = model.mesh_vert[first : first + int(model.mesh_vertnum[mesh])].astype(float)
    low = vertices.min(axis=0)
    step = np.maximum((vertices.max(axis=0) - low) / _CELLS, 1e-9)
    cell = np.minimum((vertices - low) / step, _CELLS - 1).astype(np.intp)
    occupied = np.zeros((_CELLS, _CELLS, _CELLS), dtype=bool)
    occupied[tuple(cell.T)] = True
    corners = np.zeros((_CELLS + 1, _CELLS + 1, _CELLS + 1), dtype=bool)
    for x, y, z in (_CORNERS > 0).astype(int):
        corners[x : x + _CELLS, y : y + _CELLS, z : z + _CELLS] |= occupied
    return np.asarray(low + np.argwhere(corners) * step)


def _mesh_type() -> int:
    import mujoco

    return int(mujoco.mjtGeom.mjGEOM_MESH)
