"""Camera moves, against rotations of scipy put together by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from gridseval.envs.perturbations import NOMINAL_POSES, CameraMove, Pose, camera_pose

CENTRE = np.array([0, 0, 0.8])


def by_scipy(kind: str, h: float, v: float, s: float, r: float, e: float) -> Pose:
    """LIBERO-Plus's five steps, each rounded to four decimals."""
    p, wxyz = map(np.array, NOMINAL_POSES[kind])
    q = np.roll(wxyz, -1)

    def turned(turn: Rotation) -> np.ndarray:
        return np.round((turn * Rotation.from_quat(q)).as_quat(), 4)

    if v != 0:
        turn = Rotation.from_rotvec([0, -np.deg2rad(v), 0])
        p, q = np.round(CENTRE + turn.apply(p - CENTRE), 4), turned(turn)
    turn = Rotation.from_euler("z", h, degrees=True)
    p, q = np.round(turn.apply(p), 4), turned(turn)
    if s != 100:
        p = np.round(CENTRE + s / 100 * (p - CENTRE), 4)
    if r != 0:
        q = turned(Rotation.from_euler("z", r, degrees=True))
    if e != 0:
        q = turned(Rotation.from_rotvec([0, -np.deg2rad(e), 0]))
    return Pose(tuple(p), tuple(np.roll(q, 1)))


@pytest.mark.parametrize("kind", NOMINAL_POSES)
def test_every_combination_equals_scipys(kind: str) -> None:
    degrees = (0, 7, 75, 285, 353)
    for move in itertools.product(degrees, (0, 15, -15), (100, 115, 200), (0, 10, -4), (0, -10, 2)):
        expected, got = by_scipy(kind, *move), camera_pose(kind, *move)
        np.testing.assert_allclose(got.position, expected.position, atol=1e-4)
        same = abs(np.dot(got.quaternion, expected.quaternion))
        np.testing.assert_allclose(same / np.linalg.norm(expected.quaternion) ** 2, 1, atol=1e-7)
        sign = np.sign(np.dot(got.quaternion, expected.quaternion))
        np.testing.assert_allclose(
            sign * np.array(got.quaternion), expected.quaternion, rtol=0, atol=1.01e-4
        )


def test_the_nominal_pose_is_rounded_too() -> None:
    pose = camera_pose("tabletop", 0, 0)
    assert pose.position == (0.6586, 0, 1.6104)
    assert pose.quaternion == (0.638, 0.3048, 0.3048, 0.638)


def test_nothing_is_rounded_unless_asked() -> None:
    nominal = NOMINAL_POSES["floor"]
    assert CameraMove().pose_from(nominal).position == nominal.position
    np.testing.assert_allclose(CameraMove().pose_from(nominal).quaternion, nominal.quaternion, 1e-6)


def test_directions_are_as_documented() -> None:
    nominal = NOMINAL_POSES["kitchen"]
    assert CameraMove(elevation=10).pose_from(nominal).position[2] > nominal.position[2]
    assert CameraMove(azimuth=10).pose_from(nominal).position[1] > 0
    away = np.array(CameraMove(distance=150).pose_from(nominal).position) - CENTRE
    np.testing.assert_allclose(away, 1.5 * (np.array(nominal.position) - CENTRE))
    assert CameraMove(yaw=5, pitch=5).pose_from(nominal).position == nominal.position


def test_an_unknown_kind_of_scene() -> None:
    with pytest.raises(KeyError):
        camera_pose("garage", 0, 0)
