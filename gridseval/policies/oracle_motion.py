"""How the arm follows actions, and the actions that bring it to a target.

robosuite's OSC_POSE is a critically damped spring (kp = 150 / s²) to a goal that each action sets anew, relative
to where the hand is: action 1.0 is 5 cm, or 0.5 rad. Predicting the hand with the same equation lets a chunk
of several actions be chosen in advance as well as if the hand were observed before each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gridseval.policies.oracle_geometry import (
    Array,
    rotation_from_vector,
    rotation_vector,
)
from gridseval.policies.oracle_scene import Pose

STEP_S = 0.05
_OMEGA = math.sqrt(150.0)
_DECAY = math.exp(-_OMEGA * STEP_S)
_SCALE = np.array([0.05, 0.05, 0.05, 0.5, 0.5, 0.5])
# These feedback gains place both poles of the sampled spring at 0.35: twice as fast as the spring
# itself, without overshoot.
_POSITION_GAIN = 2.0
_VELOCITY_GAIN_S = 0.063


@dataclass(frozen=True, eq=False)
class Motion:
    """The hand's pose and its velocity (6,): m/s, then rad/s as a world-frame rotation vector."""

    pose: Pose
    velocity: Array


def action_towards(motion: Motion, target: Pose) -> Array:
    """Return the six motion components, in [-1, 1], that bring the hand to the target pose soonest."""
    error = np.concatenate(
        [
            target.position - motion.pose.position,
            rotation_vector(target.rotation @ motion.pose.rotation.T),
        ]
    )
    wanted = _POSITION_GAIN * error - _VELOCITY_GAIN_S * motion.velocity
    return np.clip(wanted / _SCALE, -1.0, 1.0)


def predict(motion: Motion, action: Array) -> Motion:
    """Return the motion one control step (50 ms) after ``motion`` under six motion components."""
    goal = np.asarray(action[:6]) * _SCALE
    pull = motion.velocity - _OMEGA * goal
    moved = goal + (-goal + pull * STEP_S) * _DECAY
    velocity = (motion.velocity - _OMEGA * pull * STEP_S) * _DECAY
    pose = Pose(
        motion.pose.position + moved[:3],
        rotation_from_vector(moved[3:]) @ motion.pose.rotation,
    )
    return Motion(pose, velocity)
