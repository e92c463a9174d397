"""Which geoms can reach an image: exact culling before drawing.

Software OpenGL is vertex-bound: a LIBERO scene has 200,000 triangles, half of which (the robot's
pedestal, most arm links in the wrist camera) lie outside what a camera sees. A geom is left out only
if its oriented bounding box lies wholly outside the camera's frustum and cannot be seen in a mirror
(a reflective plane or box, in which MuJoCo draws the whole scene once more). No pixel changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Drawing happens in float32: whatever is this close (metres) to a frustum's plane stays.
_MARGIN_M = 2e-3
_MIRROR_MIN_FRONT_M = -1e-3


@dataclass(frozen=True)
class Boxes:
    """Oriented boxes around geoms.

    Attributes:
        center: float64 (n, 3), world.
        axes: float64 (n, 3, 3), columns are the box's half-size axes, world.
    """

    center: Float
    axes: Float

    def mirrored(self, point: Float, normal: Float) -> Boxes:
        """Return the boxes reflected in the plane through ``point`` with unit ``normal``."""
        center = self.center - 2 * ((self.center - point) @ normal)[:, None] * normal
        reflect = np.eye(3) - 2 * np.outer(normal, normal)
        return Boxes(center, reflect @ self.axes)

    def beyond(self, normals: Float, offsets: Float) -> Mask:
        """Return bool (n,): wholly outside at least one of the planes ``normals·x ≥ offsets``."""
        distance = self.center @ normals.T - offsets
        reach = np.abs(np.einsum("pk,nkj->npj", normals, self.axes)).sum(axis=2)
        return np.asarray((distance + reach < -_MARGIN_M).any(axis=1))


class Culler:
    """Decides for one compiled model which geoms a camera cannot show.

    Args:
        model: ``mujoco.MjModel``.
    """

    def __init__(self, model: Any) -> None:
        import mujoco

        self._model = model
        self._center, self._half = model.geom_aabb[:, :3].copy(), model.geom_aabb[:, 3:].copy()
        is_plane = model.geom_type == mujoco.mjtGeom.mjGEOM_PLANE
        # A geom without extent in the tables is drawn by rules of its own: always keep it.
        self._cullable: Mask = ~is_plane & (self._half.max(axis=1) > 0)
        is_box = model.geom_type == mujoco.mjtGeom.mjGEOM_BOX
        shiny = np.zeros(model.ngeom, dtype=bool)
        with_material = model.geom_matid >= 0
        shiny[with_material] = model.mat_reflectance[model.geom_matid[with_material]] > 0
        self._mirrors: list[int] = list(np.flatnonzero(shiny & (is_plane | is_box)))
        self._top = np.where(is_box, model.geom_size[:, 2], 0.0)

    @property
    def is_exact(self) -> bool:
        """Whether leaving geoms out changes no pixel: not where lights cast shadows from outside."""
        return not bool((self._model.light_castshadow & self._model.light_active).any())

    def hidden(self, data: Any, camera: int, aspect: float) -> Mask:
        """Return which geoms cannot reach the image.

        Args:
            data: ``mujoco.MjData`` with present kinematics and camera poses.
            camera: Id of a fixed camera.
            aspect: Width over height of the image.

        Returns:
            bool (ngeom,).
        """
        rotation = data.geom_xmat.reshape(-1, 3, 3)
        boxes = Boxes(
            data.geom_xpos + np.einsum("nij,nj->ni", rotation, self._center),
            rotation * self._half[:, None, :],
        )
        tangent_y = np.tan(np.deg2rad(self._model.cam_fovy[camera]) / 2)
        view = (-tangent_y * aspect, tangent_y * aspect, -tangent_y, tangent_y)
        normals, offsets = _frustum(data, camera, view)
        unseen = boxes.beyond(normals, offsets) & self._cullable
        for mirror in self._mirrors:
            if not unseen[mirror]:
                unseen &= ~self._reflected(data, camera, mirror, boxes, view)
        return unseen

    def _reflected(
        self, data: Any, camera: int, mirror: int, boxes: Boxes, view: tuple[float, ...]
    ) -> Mask:
        """Return bool (ngeom,): whose reflection may show in a mirror."""
        normal = data.geom_xmat[mirror].reshape(3, 3)[:, 2]
        point = data.geom_xpos[mirror] + normal * self._top[mirror]
        in_front = ~boxes.beyond(normal[None], np.array([point @ normal + _MIRROR_MIN_FRONT_M]))
        if self._cullable[mirror]:
            view = _bounds(data, camera, boxes.center[mirror], boxes.axes[mirror], view)
        normals, offsets = _frustum(data, camera, view)
        return in_front & ~boxes.mirrored(point, normal).beyond(normals, offsets)


def _frustum(data: Any, camera: int, view: tuple[float, ...]) -> tuple[Float, Float]:
    """Return inward unit normals (5, 3) and offsets (5,): the four sides and the eye's plane."""
    left, right, bottom, top = view
    rows = np.array([[1, 0, left], [-1, 0, -right], [0, 1, bottom], [0, -1, -top], [0, 0, -1]])
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    # Columns of cam_xmat are the camera's right, up and backward axes.
    normals: Float = rows @ data.cam_xmat[camera].reshape(3, 3).T
    return normals, normals @ data.cam_xpos[camera]


def _bounds(
    data: Any, camera: int, center: Float, axes: Float, view: tuple[float, ...]
) -> tuple[float, ...]:
    """Return the part of ``view`` (tangents: left, right, bottom, top) that a box can cover."""
    signs = np.array([[i, j, k] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)])
    corners = center + signs @ axes.T - data.cam_xpos[camera]
    x, y, z = (corners @ data.cam_xmat[camera].reshape(3, 3)).T
    if (z > -_MARGIN_M).any():
        return view
    across, up = x / -z, y / -z
    return (
        max(view[0], across.min()),
        min(view[1], across.max()),
        max(view[2], up.min()),
        min(view[3], up.max()),
    )
