"""Moves of the agent camera, with LIBERO-Plus's formulas and its rounding.

A move has five numbers, as upstream's task names have them (``_view_H_V_S_R_E``). Position p and
quaternion q change in this order, c = (0, 0, 0.8) being where the camera looks:

1. V ≠ 0: the camera circles c about the y axis by −V degrees, turning with it.
2. always: it circles the world's z axis by H degrees, turning with it.
3. S ≠ 100: its distance from c becomes S percent.
4. R ≠ 0: it turns in place about the z axis by R degrees.
5. E ≠ 0: it turns in place about the y axis by −E degrees.

Upstream rounds p and q to four decimals after each of these steps. Field of view and wrist camera
stay. Source: LIBERO-Plus, commit 4976dc3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

_CENTRE = np.array([0.0, 0.0, 0.8])
_DECIMALS = 4
_LOOKING_DOWN = (0.6380177736282349, 0.3048497438430786, 0.30484986305236816, 0.6380177736282349)
_LOOKING_AHEAD = (0.6182166934013367, 0.3432307541370392, 0.3432314395904541, 0.6182177066802979)


class Pose(NamedTuple):
    """Where a camera is, in the world.

    Attributes:
        position: x, y, z in metres.
        quaternion: w, x, y, z; of norm 1 but for rounding.
    """

    position: tuple[float, ...]
    quaternion: tuple[float, ...]


@dataclass(frozen=True)
class CameraMove:
    """A move of the agent camera, in the notation of LIBERO-Plus's task names.

    Attributes:
        azimuth: H, degrees about the world's z axis; positive counterclockwise seen from above.
        elevation: V, degrees; positive lifts the camera.
        distance: S, percent of the nominal distance from c; positive.
        yaw: R, degrees by which the camera turns in place about the world's z axis.
        pitch: E, degrees by which it turns in place about the world's y axis, by −E.
        rounded: Whether each step rounds to four decimals, as LIBERO-Plus does.

    Raises:
        ValueError: A number is not finite, or the distance not positive.
    """

    azimuth: float = 0.0
    elevation: float = 0.0
    distance: float = 100.0
    yaw: float = 0.0
    pitch: float = 0.0
    rounded: bool = False

    def __post_init__(self) -> None:
        numbers = (self.azimuth, self.elevation, self.distance, self.yaw, self.pitch)
        if not all(map(math.isfinite, numbers)) or self.distance <= 0:
            raise ValueError(f"a camera cannot move by {numbers}")

    def pose_from(self, nominal: Pose) -> Pose:
        """Return the camera's pose after the move, starting from a nominal pose."""
        camera = _Camera(nominal, self.rounded)
        if self.elevation != 0:
            camera.circle(_CENTRE, _turn("y", -self.elevation))
        camera.circle(np.zeros(3), _turn("z", self.azimuth))
        if self.distance != 100:
            camera.scale(self.distance / 100)
        if self.yaw != 0:
            camera.turn(_turn("z", self.yaw))
        if self.pitch != 0:
            camera.turn(_turn("y", -self.pitch))
        return camera.pose


NOMINAL_POSES = {
    "tabletop": Pose((0.6586131746834771, 0.0, 1.6103500240372423), _LOOKING_DOWN),
    "kitchen": Pose((0.6586131746834771, 0.0, 1.6103500240372423), _LOOKING_DOWN),
    "study": Pose((0.4586131746834771, 0.0, 1.6103500240372423), _LOOKING_DOWN),
    "floor": Pose((0.8965773716836134, 5.216182733499864e-07, 0.65), _LOOKING_AHEAD),
    "living_room": Pose((0.6065773716836134, 0.0, 0.96), _LOOKING_AHEAD),
}
"""LIBERO's pose of ``agentview`` by kind of scene."""


def camera_pose(
    scene_kind: str, h: float, v: float, s: float = 100, r: float = 0, e: float = 0
) -> Pose:
    """Return the pose that LIBERO-Plus's ``_view_H_V_S_R_E`` stands for, rounded as there.

    Args:
        scene_kind: A key of ``NOMINAL_POSES``.
        h: Degrees, from 0 to 360; negative ones are stored modulo 360.
        v: Degrees.
        s: Percent.
        r: Degrees.
        e: Degrees.

    Raises:
        KeyError: There is no such kind of scene.
    """
    return CameraMove(h, v, s, r, e, rounded=True).pose_from(NOMINAL_POSES[scene_kind])


def exact_nominal(position: Sequence[float], quaternion: Sequence[float]) -> Pose:
    """Return LIBERO's own numbers for a compiled camera's pose, if it has one of its poses.

    MuJoCo normalises quaternions when it compiles, which shifts them by 1e-8: enough to round to
    another fourth decimal than upstream, who rounds the numbers of the source.
    """
    for pose in NOMINAL_POSES.values():
        same_place = np.allclose(pose.position, position, rtol=0, atol=1e-6)
        if same_place and np.allclose(pose.quaternion, quaternion, rtol=0, atol=1e-6):
            return pose
    return Pose(tuple(map(float, position)), tuple(map(float, quaternion)))


class _Camera:
    """A pose in motion."""

    def __init__(self, pose: Pose, rounded: bool) -> None:
        self._rounded = rounded
        self._position = np.array(pose.position)
        self._quaternion = np.array(pose.quaternion)

    @property
    def pose(self) -> Pose:
        return Pose(tuple(self._position.tolist()), tuple(self._quaternion.tolist()))

    def circle(self, centre: Float, turn: Float) -> None:
        """Rotate position and view about an axis through ``centre``."""
        self._move_to(centre + _matrix(turn) @ (self._position - centre))
        self.turn(turn)

    def scale(self, factor: float) -> None:
        self._move_to(_CENTRE + factor * (self._position - _CENTRE))

    def turn(self, turn: Float) -> None:
        unit = self._quaternion / np.linalg.norm(self._quaternion)
        self._quaternion = self._kept(_product(turn, unit))

    def _move_to(self, position: Float) -> None:
        self._position = self._kept(position)

    def _kept(self, values: Float) -> Float:
        if not self._rounded:
            return values
        # Python's rounding, as upstream's: numpy's takes some numbers such as 1.15255 to the other
        # side, for it multiplies by a power of ten first.
        return np.array([round(value, _DECIMALS) for value in values.tolist()])


def _turn(axis: str, degrees: float) -> Float:
    """Return the quaternion (w x y z) of a rotation about the world's y or z axis."""
    half = np.deg2rad(degrees) / 2
    quaternion = np.zeros(4)
    quaternion[0], quaternion["xyz".index(axis) + 1] = np.cos(half), np.sin(half)
    return quaternion


def _product(one: Float, other: Float) -> Float:
    """Return the Hamilton product: first the rotation ``other``, then ``one``."""
    w, v = one[0], one[1:]
    scalar = w * other[0] - v @ other[1:]
    return np.concatenate([[scalar], w * other[1:] + other[0] * v + np.cross(v, other[1:])])


def _matrix(quaternion: Float) -> Float:
    """Return the rotation matrix, float64 (3, 3), of a unit quaternion."""
    w, v = quaternion[0], quaternion[1:]
    cross = np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])
    result: Float = np.eye(3) + 2 * w * cross + 2 * cross @ cross
    return result
