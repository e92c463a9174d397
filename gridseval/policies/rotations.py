"""Rotations as three numbers, from one convention to another."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Turns = NDArray[np.floating[Any]]


def shortest(turns: Turns) -> Turns:
    """Return axis-angle vectors with angles of at most π: from the other end of the axis beyond.

    robosuite's own conversion gives angles of 0 to 2π; flipping the quaternion where w < 0 before,
    as vla-eval does, gives these.

    Args:
        turns: float (..., 3), rad, with angles below 2π.

    Returns:
        The same type and shape; the given array is left as it is.
    """
    exact = turns.astype(np.float64)
    angle = np.linalg.norm(exact, axis=-1, keepdims=True)
    beyond = angle > np.pi
    scale = np.where(beyond, 1 - 2 * np.pi / np.where(beyond, angle, 1), 1)
    return (exact * scale).astype(turns.dtype)


def euler_xyz_to_axis_angle(angles: Turns) -> Turns:
    """Return Euler angles about the fixed axes x, y, z, in this order, as axis-angle.

    That is what vla-eval 0.8.0 means by ``euler_xyz`` (``rotation.py``: extrinsic, Rz · Ry · Rx),
    and SciPy by ``from_euler("xyz", …)``.

    Args:
        angles: float (..., 3), rad.

    Returns:
        The same type and shape, rad, with angles of at most π.
    """
    half = angles.astype(np.float64) / 2
    sx, sy, sz = np.moveaxis(np.sin(half), -1, 0)
    cx, cy, cz = np.moveaxis(np.cos(half), -1, 0)
    real = cx * cy * cz + sx * sy * sz
    imaginary = np.stack(
        [
            sx * cy * cz - cx * sy * sz,
            cx * sy * cz + sx * cy * sz,
            cx * cy * sz - sx * sy * cz,
        ],
        axis=-1,
    )
    imaginary *= np.where(real < 0, -1, 1)[..., None]
    sine = np.linalg.norm(imaginary, axis=-1)
    angle = 2 * np.arctan2(sine, np.abs(real))
    # A small turn's vector is twice the imaginary part; dividing two zeros would not say so.
    scale = np.where(sine > _SMALL, angle / np.where(sine > _SMALL, sine, 1), 2)
    return (imaginary * scale[..., None]).astype(angles.dtype)


_SMALL = 1e-12
