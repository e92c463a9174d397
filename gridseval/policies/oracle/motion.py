"""How the arm follows actions, and the actions that bring the hand to a target.

robosuite's OSC_POSE is a critically damped spring (kp = 150 / s²) to a goal that each action sets
anew, relative to where the hand is: action 1.0 is 5 cm, or 0.5 rad. It decouples position from
orientation with two separate inertias (``uncouple_pos_ori``), so that a force also turns the hand
and a torque also moves it. At full reach that nearly cancels (pushing forward while keeping the
hand upright has a twentieth of the nominal acceleration), and a controller that ignores it
overshoots by centimetres. This module models that, with a linear-quadratic regulator.

Vectors of six are translation (m), then rotation (rad, as a world-frame axis-angle vector).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gridseval.policies.oracle.geometry import (
    Array,
    rotation_from_vector,
    rotation_vector,
)
from gridseval.policies.oracle.scene import Pose

STEP_S = 0.05
_SUBSTEPS = 25
_KP = 150.0
_KD = 2 * math.sqrt(_KP)
_SCALE = np.array([0.05, 0.05, 0.05, 0.5, 0.5, 0.5])
# Every LIBERO episode starts with the arm in one posture: this far from its base.
_HOME = np.array([0.455, 0.0, 0.261])

# Factors of 1, r, z, r², rz, z² with r = reach − 0.6 and z = height − 0.2 (m, grip site from the
# base), fitted to the mass matrix and Jacobian of robosuite's Panda over reach 0.32–0.81 and height
# 0.1–0.5. Keys are row and column in the 6 × 6 matrix from wanted to real acceleration, with x
# pointing from the base to the hand.
_COUPLING = {
    (0, 4): (-0.240, 0.126, 0.221, 0.626, -0.104, 0.075),
    (1, 3): (0.305, 0.051, -0.643, -2.140, 0.163, 1.286),
    (1, 5): (0.107, -0.048, -0.044, -1.003, -0.187, 0.090),
    (2, 4): (-0.185, -0.018, -0.084, 0.172, 0.161, 0.193),
    (3, 1): (0.871, 2.752, 0.796, 5.204, -3.409, 0.252),
    (4, 0): (-2.794, -5.157, -1.724, -17.486, 2.073, 3.619),
    (4, 2): (-0.330, -0.106, -2.423, -6.752, -9.603, -9.039),
    (5, 1): (0.780, -1.084, -0.271, 3.169, 7.408, 4.506),
}
_MAX_LOOP = 0.93

# Over longer spans what was missed says less about the velocity at their end.
_TRUSTED_STEPS = 2
_LEAN_FROM_M = 0.74
_LEAN_RAD_PER_M = 3.0
_MAX_LEAN = 0.35
# Near the end of its reach (0.87 m at the table's height) the arm needs as much again.
_FAR_M = 0.82
_FAR_RAD_PER_M = 12.0

# What the regulator thinks of errors (1 cm and 0.07 rad are equally bad), of speed, and of effort.
_ERROR_COST = np.array([1e4] * 3 + [200.0] * 3)
_SPEED_COST = np.array([10.0] * 3 + [0.5] * 3)
_EFFORT_COST = 1.0
_RICCATI_STEPS = 40
# Further away than this the hand flies at full speed anyway, and must not tilt to gain more.
_ERROR_CAP = np.array([0.06] * 3 + [0.3] * 3)


@dataclass(frozen=True, eq=False)
class Motion:
    """The hand's pose and its velocity (6,), per second."""

    pose: Pose
    velocity: Array


@dataclass(frozen=True, eq=False)
class Arm:
    """The arm near one pose, linearised.

    Attributes:
        frame: float64 (6, 6), rotates world vectors so that x points from the base to the hand.
        step: float64 (12, 12), from velocity and the action's goal to the change of pose and the
            velocity after a control step.
        gains: float64 (6, 12), the regulator: goal from pose error and velocity.
    """

    frame: Array
    step: Array
    gains: Array

    def action_towards(self, motion: Motion, target: Pose) -> Array:
        """Return the six motion components, in [-1, 1], that bring the hand to the target soon."""
        error = np.concatenate(
            [
                target.position - motion.pose.position,
                rotation_vector(target.rotation @ motion.pose.rotation.T),
            ]
        )
        error = np.clip(self.frame @ error, -_ERROR_CAP, _ERROR_CAP)
        state = np.concatenate([-error, self.frame @ motion.velocity])
        goal = self.frame.T @ (-self.gains @ state)
        return np.asarray(np.clip(goal / _SCALE, -1.0, 1.0))

    def predict(self, motion: Motion, action: Array) -> Motion:
        """Return the motion one control step (50 ms) later under an action's motion components."""
        goal = np.asarray(action[:6]) * _SCALE
        after = self.step @ np.concatenate([self.frame @ motion.velocity, self.frame @ goal])
        moved = self.frame.T @ after[:6]
        pose = Pose(
            motion.pose.position + moved[:3],
            rotation_from_vector(moved[3:]) @ motion.pose.rotation,
        )
        return Motion(pose, self.frame.T @ after[6:])


def base_position(home: Array) -> Array:
    """Return where the robot's base is (3,), from where its hand was when the episode began."""
    return np.asarray(home - _HOME)


def arm_at(hand: Pose, home: Array) -> Arm:
    """Return the arm with its hand at a pose.

    Args:
        hand: The hand's pose.
        home: Where the hand was when the episode began, float64 (3,), metres.
    """
    forward = hand.position - base_position(home)
    reach = float(np.hypot(forward[0], forward[1]))
    cosine, sine = forward[:2] / reach
    turn = np.array([[cosine, sine, 0.0], [-sine, cosine, 0.0], [0.0, 0.0, 1.0]])
    step, gains = _linearised(round(reach / 0.02), round(float(forward[2]) / 0.02))
    return Arm(np.kron(np.eye(2), turn), step, gains)


def arm_with(response: Array) -> Arm:
    """Return the arm whose response (6, 6) to its controller is known, in any posture."""
    step, gains = _controlled(response)
    return Arm(np.eye(6), step, gains)


def lean_at(forward: Array, reach: float) -> Array:
    """Return how far the fingertips should point outwards for the arm not to be stretched.

    With the hand straight down the arm passes a singularity at about 0.8 m of reach: the elbow can
    then open while the hand stays, and the arm is stuck with its elbow straight.

    Args:
        forward: Direction from the base to the hand; its first two components count.
        reach: Horizontal distance of the hand from the base (m).

    Returns:
        Float64 (2,), for ``hand_rotation``: a direction whose length is an angle (rad).
    """
    angle = min(max(0.0, (reach - _LEAN_FROM_M) * _LEAN_RAD_PER_M), _MAX_LEAN)
    angle += min(max(0.0, (reach - _FAR_M) * _FAR_RAD_PER_M), _MAX_LEAN)
    return np.asarray(angle * forward[:2] / np.linalg.norm(forward[:2]))


def observe(predicted: Sequence[Motion], executed: int, pose: Pose) -> Motion:
    """Return the motion at an observed pose.

    Observations hold no velocity; the predicted one is corrected by how far the hand really moved.

    Args:
        predicted: Motions at the last observation and after each action planned then.
        executed: How many of these actions were executed, at least 1.
        pose: The hand as observed now.
    """
    if not 0 < executed < len(predicted):
        return Motion(pose, np.zeros(6))
    expected = predicted[executed]
    missed = np.concatenate(
        [
            pose.position - expected.pose.position,
            rotation_vector(pose.rotation @ expected.pose.rotation.T),
        ]
    )
    trust = min(1.0, _TRUSTED_STEPS / executed)
    return Motion(pose, expected.velocity + trust * missed / (executed * STEP_S))


@functools.lru_cache(maxsize=1024)
def _linearised(reach_2cm: int, height_2cm: int) -> tuple[Array, Array]:
    """Return the step matrix (12, 12) and the regulator's gains (6, 12) at a reach and height."""
    return _controlled(_response(reach_2cm * 0.02, height_2cm * 0.02))


def _controlled(response: Array) -> tuple[Array, Array]:
    """Return the step matrix (12, 12) and the regulator's gains (6, 12) for a response (6, 6)."""
    substep = STEP_S / _SUBSTEPS
    # Displacement since the step's start, velocity, goal; the goal stays, the rest falls after it.
    once = np.eye(18)
    once[6:12, :6] -= substep * _KP * response
    once[6:12, 6:12] -= substep * _KD * response
    once[6:12, 12:] += substep * _KP * response
    once[:6] += substep * once[6:12]
    step = np.linalg.matrix_power(once, _SUBSTEPS)[:12, 6:]
    drift = np.eye(12)
    drift[:, 6:] = step[:, :6]
    drift[:6, :6] = np.eye(6)
    return step, _regulator(drift, step[:, 6:])


def _response(reach: float, height: float) -> Array:
    """Return the matrix (6, 6) from the acceleration that the controller wants to the real one."""
    r, z = reach - 0.6, height - 0.2
    terms = np.array([1.0, r, z, r * r, r * z, z * z])
    matrix = np.eye(6)
    for (row, column), factors in _COUPLING.items():
        matrix[row, column] = terms @ np.array(factors)
    # The fit may overshoot what physics allows: with a loop of 1 the arm could not move at all.
    loop = float(np.abs(np.linalg.eigvals(matrix - np.eye(6))).max()) ** 2
    if loop > _MAX_LOOP:
        matrix = np.eye(6) + (matrix - np.eye(6)) * math.sqrt(_MAX_LOOP / loop)
    return matrix


def _regulator(drift: Array, push: Array) -> Array:
    """Return the gains of the linear-quadratic regulator of ``x' = drift x + push u``."""
    cost = np.diag(np.concatenate([_ERROR_COST, _SPEED_COST]))
    effort = np.diag(_EFFORT_COST / _SCALE**2)
    value: Array = cost
    gains: Array = np.zeros((6, 12))
    for _ in range(_RICCATI_STEPS):
        gains = np.asarray(
            np.linalg.solve(effort + push.T @ value @ push, push.T @ value @ drift), np.float64
        )
        value = cost + drift.T @ value @ (drift - push @ gains)
    return gains
