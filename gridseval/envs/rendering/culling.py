"""Which geoms an image needs: exact culling before drawing.

Software OpenGL is vertex-bound: a LIBERO scene has 200,000 triangles, half of which (the robot's
pedestal, most arm links in the wrist camera) lie outside what a camera sees, and where a reflective
box shows (the stove), MuJoCo draws the whole scene twice. A geom is left out if each of its parts
lies outside what the camera sees, and the mirror image of each outside what the camera sees in a
mirror. No pixel changes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridseval.envs.rendering.clusters import Boxes, Clusters, outside

Float = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Antialiasing and rounding reach this far beyond a mirror's outline.
_MARGIN_PX = 3
_DIRECTIONS = 16


class Region(NamedTuple):
    """A rectangle of pixels, counted from the lower left corner."""

    left: int
    bottom: int
    width: int
    height: int


class Culler:
    """Decides for one compiled model what a camera cannot show.

    Args:
        model: ``mujoco.MjModel``.
        size_px: Width and height of the image.
        drawn: bool (ngeom,): which geoms are drawn at all.
    """

    def __init__(self, model: Any, size_px: int, drawn: Mask) -> None:
        import mujoco

        self._model, self._size_px = model, size_px
        self._ids = np.flatnonzero(drawn)
        self._clusters = Clusters(model, self._ids)
        kind = model.geom_type[self._ids]
        is_plane, is_box = kind == mujoco.mjtGeom.mjGEOM_PLANE, kind == mujoco.mjtGeom.mjGEOM_BOX
        # A geom without extent in the tables is drawn by its own rules: always keep it.
        self._cullable: Mask = ~is_plane & (model.geom_aabb[self._ids, 3:].max(axis=1) > 0)
        material = model.geom_matid[self._ids]
        shiny = (material >= 0) & (model.mat_reflectance[material] > 0)
        self._mirrors: list[int] = np.flatnonzero(shiny & (is_plane | is_box)).tolist()
        self._top = np.where(is_box, model.geom_size[self._ids, 2], 0.0)

    def hidden(self, data: Any, camera: int) -> Mask:
        """Return bool (ngeom,): geoms that can be left out without changing a pixel.

        Args:
            data: ``mujoco.MjData`` with present kinematics, camera and light poses.
            camera: Id of a fixed camera.
        """
        hidden = np.zeros(self._model.ngeom, dtype=bool)
        if (self._model.light_castshadow & self._model.light_active).any():
            return hidden  # what is out of sight may still cast a shadow into it
        eye = _Eye(data, camera, self._model.cam_fovy[camera], self._size_px)
        boxes = self._clusters.place(data)
        everything = Region(0, 0, self._size_px, self._size_px)
        shown = self._visible(outside(boxes, *eye.planes(everything)))
        mirrors = [m for m in self._mirrors if shown[m] and self._faces(data, m, eye.position)]
        if mirrors:
            planes = eye.planes(self._around(eye, boxes, mirrors))
            shown |= self._reflected(data, boxes, mirrors, planes)
        hidden[self._ids] = ~shown
        return hidden

    def _visible(self, unseen: Mask) -> Mask:
        """Return bool (n,): geoms that have a box which may be seen."""
        return ~(self._clusters.whole(unseen) & self._cullable)

    def _faces(self, data: Any, mirror: int, position: Float) -> bool:
        """Return whether the eye is on the reflecting side of a mirror (or too near to tell)."""
        point, normal = self._mirror_plane(data, mirror)
        return bool((position - point) @ normal > -1e-3)

    def _mirror_plane(self, data: Any, mirror: int) -> tuple[Float, Float]:
        """Return a point and the unit normal of a plane, or of a box's upper side."""
        normal = data.geom_xmat[self._ids[mirror]].reshape(3, 3)[:, 2]
        return data.geom_xpos[self._ids[mirror]] + normal * self._top[mirror], normal

    def _reflected(
        self, data: Any, boxes: Boxes, mirrors: list[int], planes: tuple[Float, Float]
    ) -> Mask:
        """Return bool (n,): whose reflection in one of the mirrors may show between the planes."""
        shown = np.zeros(len(self._ids), dtype=bool)
        for mirror in mirrors:
            point, normal = self._mirror_plane(data, mirror)
            behind = outside(boxes, normal[None], np.array([point @ normal]))
            # Reflecting the planes instead of all boxes gives the same signed distances.
            normals, offsets = planes
            along = normals @ normal
            reflected = normals - 2 * along[:, None] * normal
            shifted = offsets - 2 * along * (point @ normal)
            shown |= self._visible(behind | outside(boxes, reflected, shifted))
        return shown

    def _around(self, eye: _Eye, boxes: Boxes, mirrors: list[int]) -> Region:
        """Return the rectangle of pixels that the mirrors can touch."""
        if not all(self._cullable[mirror] for mirror in mirrors):
            return Region(0, 0, self._size_px, self._size_px)
        corners = [self._clusters.of_geom(boxes, mirror).corners() for mirror in mirrors]
        return eye.region(np.concatenate(corners).reshape(-1, 3))


class _Eye:
    """A fixed camera's position, orientation and square image."""

    def __init__(self, data: Any, camera: int, fovy_deg: float, size_px: int) -> None:
        self.position: Float = data.cam_xpos[camera]
        # Columns are the camera's right, up and backward axes.
        self._axes: Float = data.cam_xmat[camera].reshape(3, 3)
        self._edge = float(np.tan(np.deg2rad(fovy_deg) / 2))
        self._size_px = size_px

    def planes(self, region: Region) -> tuple[Float, Float]:
        """Return half-spaces that contain all that is seen in a region: inward normals, offsets.

        They pass through the eye and touch the region from directions all around, not only from
        its four sides: more of them separate more.
        """
        scale = 2 * self._edge / self._size_px
        left, bottom, width, height = region
        x = np.array([left, left + width]) * scale - self._edge
        y = np.array([bottom, bottom + height]) * scale - self._edge
        angle = np.arange(_DIRECTIONS) * (2 * np.pi / _DIRECTIONS)
        across, up = np.cos(angle), np.sin(angle)
        nearest = np.minimum(across * x[0], across * x[1]) + np.minimum(up * y[0], up * y[1])
        rows = np.stack([across, up, nearest], axis=1)
        rows = np.concatenate([rows, [[0.0, 0.0, -1.0]]])
        normals = rows / np.linalg.norm(rows, axis=1, keepdims=True) @ self._axes.T
        return normals, normals @ self.position

    def region(self, points: Float) -> Region:
        """Return the rectangle of pixels that a convex body with these points can touch."""
        size = self._size_px
        seen = (points - self.position) @ self._axes
        if (seen[:, 2] > -1e-2).any():
            return Region(0, 0, size, size)
        pixels = (seen[:, :2] / -seen[:, 2:] / self._edge + 1) / 2 * size
        low = np.floor(pixels.min(axis=0)) - _MARGIN_PX
        high = np.ceil(pixels.max(axis=0)) + _MARGIN_PX
        left, bottom = (int(edge) for edge in low.clip(0, size - 1))
        right, top = (int(edge) for edge in high.clip(1, size))
        return Region(left, bottom, right - left, top - bottom)
