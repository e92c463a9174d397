"""Figures of motion, of arrays alone.

Sources: Balasubramanian, Melendez-Calderon, Roby-Brami and Burdet, "On the analysis of movement
smoothness", Journal of NeuroEngineering and Rehabilitation 12:112 (2015), for jerk and spectrum.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Float: TypeAlias = NDArray[np.float64]

_CUTOFF_HZ = 10.0
_AMPLITUDE = 0.05
_PADDING = 4
_MOVING_M_S = 0.01


def path_length(positions: Float) -> float:
    """Return the length of a path in m, of positions (T, 3) in m."""
    return float(np.linalg.norm(np.diff(positions, axis=0), axis=1).sum())


def log_dimensionless_jerk(positions: Float, hz: float) -> float | None:
    """Return the log dimensionless jerk of a path: 0 and below; nearer to 0 is smoother.

    −ln(T³ / v² · ∫ |jerk|² dt), with the duration T and the greatest speed v. A straight
    minimum-jerk motion has −ln 204.8 = −5.32.

    Args:
        positions: float64 (T, 3), m.
        hz: How many of them there are per second.

    Returns:
        ``None`` of fewer than four positions, or of a path that does not move or has no jerk.
    """
    if len(positions) < 4:
        return None
    velocity = np.diff(positions, axis=0) * hz
    jerk = np.diff(velocity, n=2, axis=0) * hz**2
    peak = float(np.linalg.norm(velocity, axis=1).max())
    total = float((jerk**2).sum()) / hz
    if peak == 0 or total == 0:
        return None
    duration = len(velocity) / hz
    return float(-np.log(duration**3 / peak**2 * total))


def spectral_arc_length(positions: Float, hz: float) -> float | None:
    """Return the spectral arc length of a path's speed (SPARC): below 0; nearer to 0 is smoother.

    The length of the normalised amplitude spectrum of the speed, up to the last frequency, of at
    most 10 Hz, where it is 0.05 or more; the spectrum is padded sixteenfold.

    Args:
        positions: float64 (T, 3), m.
        hz: How many of them there are per second.

    Returns:
        ``None`` of fewer than two positions, or of a path that does not move.
    """
    if len(positions) < 2:
        return None
    speed = np.linalg.norm(np.diff(positions, axis=0), axis=1) * hz
    if not speed.any():
        return None
    count = 1 << (int(np.ceil(np.log2(len(speed)))) + _PADDING)
    amplitude = np.abs(np.fft.rfft(speed, count))
    amplitude /= amplitude.max()
    frequency = np.arange(len(amplitude)) * hz / count
    amplitude = amplitude[frequency <= _CUTOFF_HZ]
    frequency = frequency[frequency <= _CUTOFF_HZ]
    last = int(np.flatnonzero(amplitude >= _AMPLITUDE)[-1])
    if last == 0:
        return None
    steps = np.diff(frequency[: last + 1]) / frequency[last]
    return float(-np.hypot(steps, np.diff(amplitude[: last + 1])).sum())


def reversals(positions: Float, hz: float) -> int:
    """Return how often a path turns by more than a right angle from one step to the next.

    Steps slower than 1 cm/s count as standing still, and are left out.

    Args:
        positions: float64 (T, 3), m.
        hz: How many of them there are per second.
    """
    velocity = np.diff(positions, axis=0) * hz
    moving = velocity[np.linalg.norm(velocity, axis=1) >= _MOVING_M_S]
    return int((np.einsum("ij,ij->i", moving[:-1], moving[1:]) < 0).sum())


def toggles(commands: NDArray[np.floating]) -> int:
    """Return how often the gripper's command changes between opening and closing.

    Args:
        commands: float (T,): of each action; below 0 opens, above 0 closes, 0 changes nothing.
    """
    signs = np.sign(commands)
    signs = signs[signs != 0]
    return int((np.diff(signs) != 0).sum())


def seam_jump(actions: NDArray[np.floating], seams: NDArray[np.integer]) -> float | None:
    """Return how far the translation jumps where one answer follows another, in units of actions.

    Args:
        actions: float (T, 7), executed.
        seams: int (n,): steps whose action is the first one of a later answer.

    Returns:
        The mean of the jumps' lengths, 1 is 5 cm; ``None`` without a seam.
    """
    inside = seams[(seams > 0) & (seams < len(actions))]
    if not len(inside):
        return None
    moves = np.clip(actions[:, :3], -1, 1)
    return float(np.linalg.norm(moves[inside] - moves[inside - 1], axis=1).mean())


def motion_of_actions(actions: NDArray[np.floating], seams: Sequence[int]) -> dict[str, float]:
    """Return the figures of an episode that follow from its executed actions.

    Args:
        actions: float (T, 7), T may be 0.
        seams: Steps whose action is the first one of a later answer.
    """
    jump = seam_jump(actions, np.array(seams, int))
    found = {"toggles": toggles(actions[:, 6]), "seam_jump": jump}
    return {name: round(value, 5) for name, value in found.items() if value is not None}
