"""Camera moves, against rotations of scipy put together by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from gridseval.envs.perturbations import NOMINAL_POSES, CameraMove, Pose, camera_pose

CENTRE = np.array([0, 0, 0.8])


def to_four(values: np.ndarray) -> np.ndarray:
    """Round as upstream does, with Python's function: numpy's differs by 1e-4 near a half."""
    return np.array([round(float(value), 4) for value in values])


def by_scipy(kind: str, h: float, v: float, s: float, r: float, e: float) -> Pose:
    """LIBERO-Plus's five steps, each rounded to four decimals."""
    p, wxyz = map(np.array, NOMINAL_POSES[kind])
    q = np.roll(wxyz, -1)

    def turned(turn: Rotation) -> np.ndarray:
        return to_four((turn * Rotation.from_quat(q)).as_quat())

    if v != 0:
        turn = Rotation.from_rotvec([0, -np.deg2rad(v), 0])
        p, q = to_four(CENTRE + turn.apply(p - CENTRE)), turned(turn)
    turn = Rotation.from_euler("z", h, degrees=True)
    p, q = to_four(turn.apply(p)), turned(turn)
    if s != 100:
        p = to_four(CENTRE + (p - CENTRE) * (s / 100))
    if r != 0:
        q = turned(Rotation.from_euler("z", r, degrees=True))
    if e != 0:
        q = turned(Rotation.from_rotvec([0, -np.deg2rad(e), 0]))
    return Pose(tuple(p), tuple(np.roll(q, 1)))


@pytest.mark.parametrize("kind", NOMINAL_POSES)
def test_every_combination_equals_scipys(kind: str) -> None:
    degrees = (0, 7, 75, 285, 353)
    scales = (100, 115, 125, 175, 200)
    for move in itertools.product(degrees, (0, 15, 345), scales, (0, 10, -4), (0, -10, 2)):
        assert camera_pose(kind, *move) == by_scipy(kind, *move), move


def test_halves_round_as_in_upstream() -> None:
    """0.6586 · 1.75 = 1.15255, which the next double below stands for."""
    assert camera_pose("tabletop", 0, 0, 175).position == (1.1525, 0, 2.2182)
    assert camera_pose("floor", 0, 0, 125).position == (1.1207, 0, 0.6125)
    assert camera_pose("living_room", 0, 0, 175).position == (1.0615, 0, 1.08)


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
