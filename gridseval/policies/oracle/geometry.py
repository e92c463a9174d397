"""Rotations, and boxes seen from above: the little geometry that the scripted expert needs.

Lengths are metres, angles radians, all frames right-handed; ``z`` points up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def rotation_matrix(quaternion: Array) -> Array:
    """Return the float64 (3, 3) rotation of a unit quaternion (w, x, y, z)."""
    w, x, y, z = (float(value) for value in quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def rotation_from_vector(vector: Array) -> Array:
    """Return the rotation matrix of an axis-angle vector (Rodrigues' formula)."""
    angle = float(np.linalg.norm(vector))
    if angle < 1e-9:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.asarray(np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross)


def rotation_vector(rotation: Array) -> Array:
    """Return the axis-angle vector (length in [0, pi)) of a rotation matrix, no half turn."""
    axis = np.array(
        [
            rotation[2, 1] - rotation[1, 2],
            rotation[0, 2] - rotation[2, 0],
            rotation[1, 0] - rotation[0, 1],
        ]
    )
    sine = float(np.linalg.norm(axis)) / 2
    if sine < 1e-9:
        return np.zeros(3)
    angle = math.atan2(sine, (float(np.trace(rotation)) - 1) / 2)
    return axis * (angle / (2 * sine))


def hand_rotation(yaw: float, lean: Array | None = None) -> Array:
    """Return the rotation of a hand that points down; ``yaw`` is where its x axis points.

    The fingers move along the hand's y axis, at ``yaw - pi/2`` seen from above.

    Args:
        yaw: Radians.
        lean: Float64 (2,), the horizontal direction into which the fingertips point, with the angle
            from straight down (rad) as its length; ``None`` for straight down.
    """
    cosine, sine = math.cos(yaw), math.sin(yaw)
    down = np.array([[cosine, sine, 0.0], [sine, -cosine, 0.0], [0.0, 0.0, -1.0]])
    if lean is None:
        return down
    return np.asarray(rotation_from_vector(np.array([lean[1], -lean[0], 0.0])) @ down)


def hand_yaw(rotation: Array) -> float:
    """Return the yaw in (-pi, pi] of a hand that points roughly down."""
    return math.atan2(rotation[1, 0], rotation[0, 0])


@dataclass(frozen=True, eq=False)
class Boxes:
    """N boxes in the world, as a top view sees them: rectangles with a lower and an upper end.

    Attributes:
        centers: float64 (N, 2).
        axes: float64 (N, 2, 2), the two unit vectors of each rectangle's sides, by row.
        halves: float64 (N, 2), half the side lengths along ``axes``.
        lows: float64 (N,), z of the lower end.
        tops: float64 (N,), z of the upper end.
    """

    centers: Array
    axes: Array
    halves: Array
    lows: Array
    tops: Array

    def distances(self, points: Array) -> Array:
        """Return how far points (..., 2) are from each rectangle: (..., N), zero inside."""
        offset = points[..., None, :] - self.centers
        along = np.abs(np.einsum("...nj,nij->...ni", offset, self.axes))
        outside = np.maximum(along - self.halves, 0.0)
        return np.asarray(np.hypot(outside[..., 0], outside[..., 1]))


def place_boxes(local: Array, position: Array, rotation: Array) -> Boxes:
    """Return a body's boxes, float64 (N, 6) low and high corners in its frame, in the world."""
    signs = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)], dtype=bool)
    corners = np.where(signs[None], local[:, None, 3:], local[:, None, :3]) @ rotation.T + position
    # A lying or tilted body is seen from above along its most level axis.
    level = rotation[:2, int(np.argmin(np.abs(rotation[2])))]
    level = level / np.linalg.norm(level)
    axes = np.array([level, [-level[1], level[0]]])
    sides = corners[..., :2] @ axes.T
    low, high = sides.min(axis=1), sides.max(axis=1)
    count = len(local)
    return Boxes(
        centers=(low + high) / 2 @ axes,
        axes=np.broadcast_to(axes, (count, 2, 2)),
        halves=(high - low) / 2,
        lows=corners[..., 2].min(axis=1),
        tops=corners[..., 2].max(axis=1),
    )


def join_boxes(parts: list[Boxes]) -> Boxes:
    """Return all boxes of several groups as one group; no groups give no boxes."""
    if not parts:
        return Boxes(
            np.zeros((0, 2)), np.zeros((0, 2, 2)), np.zeros((0, 2)), np.zeros(0), np.zeros(0)
        )
    return Boxes(
        np.concatenate([part.centers for part in parts]),
        np.concatenate([part.axes for part in parts]),
        np.concatenate([part.halves for part in parts]),
        np.concatenate([part.lows for part in parts]),
        np.concatenate([part.tops for part in parts]),
    )
