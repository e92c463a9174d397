"""What an environment observes of its arm, as float32 (8,) in the two forms that policies read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gridseval.envs.scene import Float
from gridseval.envs.simulation import Simulation


def observed_state(simulation: Simulation) -> NDArray[np.float32]:
    """Return ``state``: eef position, axis-angle (robosuite's, 0 to 2π) and gripper joints."""
    from robosuite.utils.transform_utils import quat2axisangle

    view = simulation.view
    parts = [view.eef_pos, quat2axisangle(view.eef_quat), view.gripper_qpos]
    return np.concatenate(parts).astype(np.float32)


def controller_state(simulation: Simulation) -> NDArray[np.float32]:
    """Return ``controller_state``: the controller's own pose, and the gripper joints.

    vla-eval sends it beside the state (``controller_states``, 0.8.0): position and axis-angle of
    the grip site, the angle at most π, of the controller's last update.
    """
    position, orientation = simulation.arm.pose()
    turn = axis_angle_of(orientation.astype(np.float32))
    parts = [position, turn, simulation.view.gripper_qpos]
    return np.concatenate(parts).astype(np.float32)


def axis_angle_of(matrix: NDArray[np.floating]) -> Float:
    """Return a rotation matrix as axis times angle, the angle within 0 and π.

    The largest of the quaternion's components is found first, which keeps the division exact
    (Shepperd, "Quaternion from rotation matrix", 1978).

    Args:
        matrix: float (3, 3).
    """
    m = np.asarray(matrix, np.float64)
    trace = m[0, 0] + m[1, 1] + m[2, 2]
    skew = np.array([m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]])
    if trace > 0:
        root = 2 * np.sqrt(trace + 1)
        real, imaginary = root / 4, skew / root
    else:
        i = int(np.argmax(np.diag(m)))
        root = 2 * np.sqrt(1 + 2 * m[i, i] - trace)
        imaginary = (m[i] + m[:, i]) / root
        imaginary[i] = root / 4
        real = skew[i] / root
    if real < 0:
        real, imaginary = -real, -imaginary
    real = min(real, 1.0)
    sine = np.sqrt(1 - real * real)
    if sine < _SMALLEST_SINE:
        return np.zeros(3)
    turn: Float = imaginary / sine * (2 * np.arccos(real))
    return turn


_SMALLEST_SINE = 1e-8
"""Of half an angle that still has an axis."""


PROPRIOCEPTION = {"state": observed_state, "controller_state": controller_state}
"""By observation key."""
