"""How the arm follows actions, and the actions that bring the hand to a target.

robosuite's OSC_POSE is a critically damped spring (kp = 150 / s²) to a goal that each action sets anew, relative
to where the hand is: action 1.0 is 5 cm, or 0.5 rad. LIBERO decouples position from orientation with two separate
inertias, so that a force also turns the hand and a torque also moves it. At full reach that nearly cancels
(pushing forward while keeping the hand upright has a twentieth of the nominal acceleration), and a controller
that ignores it overshoots by centimetres. Hence the model below and a linear-quadratic regulator on it.

Vectors of six are translation (m), then rotation (rad, as a world-frame axis-angle vector).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gridseval.policies.oracle_geometry import (
    Array,
    rotation_from_vector,
    rotation_vector,
)
from gridseval.policies.oracle_scene import Pose

STEP_S = 0.05
_SUBSTEPS = 25
_KP = 150.0
_KD = 2 * math.sqrt(_KP)
_SCALE = np.array([0.05, 0.05, 0.05, 0.5, 0.5, 0.5])
# Every LIBERO episode starts with the arm in one posture: this far from its base.
_HOME = np.array([0.455, 0.0, 0.261])

# Rows of 1, r, z, r², rz, z² with r = reach − 0.6 and z = height − 0.2 (m, grip site from the base), fitted to the
# mass matrix and Jacobian of robosuite's Panda over reach 0.33–0.82 and height 0–0.5. Keys are the row and column
# in the 6 × 6 matrix from wanted to real acceleration, x pointing from the base to the hand.
_COUPLING = {
}
_MAX_LOOP = 0.93

# What the regulator thinks of errors (1 cm and 0.07 rad are equally bad), of speed, and of effort.
_ERROR_COST = np.array([1e4] * 3 + [200.0] * 3)
_SPEED_COST = np.array([10.0] * 3 + [0.5] * 3)
_EFFORT_COST = 0.4
_RICCATI_STEPS = 40
# Further away than this the hand flies at full speed anyway, and must not tilt to gain more.
_ERROR_CAP = np.array([0.06] * 3 + [0.3] * 3)
