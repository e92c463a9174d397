"""Where to grasp an object: candidates from its model, the best by what is in the way."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gridseval.policies.oracle.clearance import FINGERTIP_DROP, hand_columns
from gridseval.policies.oracle.geometry import Array, Boxes, hand_yaw
from gridseval.policies.oracle.models import Model, Rim
from gridseval.policies.oracle.scene import Pose, Scene

MAX_OPENING = 0.078
_RIM_DEPTH = 0.012
_SIDE_DEPTH = 0.024
_FLOOR_GAP = 0.002
_MARGIN = 0.004
_RIM_ANGLES = 24
# The wall need not be in the middle between the fingers: the first to touch draws the object along.
_RIM_SHIFTS = (0.0, 0.015, 0.028)
# Where else to take a body whose middle the hand cannot reach for what stands beside it.
_OFF_MIDDLE = (-0.6, 0.6, -0.35, 0.35)
# Beyond this reach (m) the arm nears its singularity.
_EASY_REACH = 0.72
# From here on (m) each centimetre less is worth a turn of the hand.
_FAR_REACH = 0.8
# The last joint of the arm turns further from where it starts, but others then near their limits.
_MAX_YAW = math.radians(100)


@dataclass(frozen=True, eq=False)
class Grasp:
    """A place for the grip site and the hand, and where the object was when it was chosen.

    Attributes:
        position: float64 (3,), metres, world.
        yaw: Yaw of the hand (rad), see ``hand_rotation``.
        object_position: float64 (3,), for noticing that the object has moved since.
        shift: How far (m) the object is from the middle between the fingers.
    """

    position: Array
    yaw: float
    object_position: Array
    shift: float = 0.0


def choose_grasp(scene: Scene, name: str, model: Model, base: Array, attempt: int) -> Grasp | None:
    """Return the best grasp of an object, or for later attempts the next best ones.

    Args:
        scene: What is where.
        name: Instance name of the object.
        model: Its model.
        base: Where the robot's base is, float64 (3,), metres.
        attempt: How many grasps failed already; each rules out one more candidate.

    Returns:
        The grasp, or ``None`` if the object is too wide for the hand on all sides.
    """
    pose = scene.bodies[name]
    upright = model.rim is not None and pose.rotation[2, 2] > 0.8
    found = list(
        _rim_grasps(pose, model.rim)
        if upright and model.rim
        else _side_grasps(pose, scene.boxes[name], model.hold)
    )
    if not found:
        return None
    boxes = scene.obstacles(without={name})
    yaw = hand_yaw(scene.hand.rotation)

    def cost(grasp: Grasp) -> float:
        return _cost(grasp, boxes, scene.hand.position, base, yaw)

    found.sort(key=cost)
    if attempt and not upright and _blocked(found[0], boxes, _MARGIN) > 0:
        found += _side_grasps(pose, scene.boxes[name], model.hold, _OFF_MIDDLE)
        found.sort(key=cost)
    return found[(attempt * 5) % len(found)]


def _rim_grasps(pose: Pose, rim: Rim) -> Iterator[Grasp]:
    """Yield grasps of the wall all around, with one finger inside and one outside."""
    center = pose.position + pose.rotation @ [rim.x, rim.y, rim.height]
    height = center[2] - _RIM_DEPTH
    for angle in np.linspace(0, 2 * math.pi, _RIM_ANGLES, endpoint=False):
        for inwards in _RIM_SHIFTS:
            spoke = (rim.radius - inwards) * np.array([math.cos(angle), math.sin(angle)])
            position = np.array([*(center[:2] + spoke), height])
            for yaw in _yaws(angle):
                yield Grasp(position, yaw, pose.position, inwards)


def _side_grasps(
    pose: Pose, boxes: Boxes, hold: int, off_middle: Sequence[float] = ()
) -> Iterator[Grasp]:
    """Yield grasps of opposite sides of one of the boxes, as high as the palm allows.

    Args:
        pose: Of the object.
        boxes: Of the object.
        hold: Which box to grasp.
        off_middle: Where else than in its middle, along the sides, as shares of their half length.
    """
    low, top = boxes.lows[hold], boxes.tops[hold]
    lowest = low + FINGERTIP_DROP + _FLOOR_GAP
    height = max(lowest, min(top - _SIDE_DEPTH, top))
    halves, axes = boxes.halves[hold], boxes.axes[hold]
    for axis, half, along, length in zip(axes, halves, axes[::-1], halves[::-1], strict=True):
        # Beside a handle along its length stands what it belongs to.
        if 2 * half >= MAX_OPENING or (hold and half > length):
            continue
        # A long handle can be taken where nothing else stands.
        shares = off_middle or ((0.0, -0.6, 0.6) if hold else (0.0,))
        for shift in (share * length for share in shares):
            position = np.array([*(boxes.centers[hold] + shift * along), height])
            for yaw in _yaws(math.atan2(axis[1], axis[0])):
                yield Grasp(position, yaw, pose.position)


def _yaws(opening_angle: float) -> list[float]:
    """Return the yaws within reach of a hand whose fingers move along a direction (rad)."""
    first = (opening_angle + math.pi / 2) % math.pi
    return [yaw for yaw in (first, first - math.pi) if abs(yaw) <= _MAX_YAW]


def _cost(grasp: Grasp, boxes: Boxes, hand: Array, base: Array, yaw: float) -> float:
    """Return what speaks against a grasp, in metres: blocked first, then narrow, far, turned."""
    blocked, narrow = (_blocked(grasp, boxes, margin) for margin in (_MARGIN, 3 * _MARGIN))
    reach = float(np.hypot(*(grasp.position - base)[:2]))
    way = float(np.linalg.norm(grasp.position[:2] - hand[:2]))
    turn = abs(grasp.yaw - yaw)
    far = max(0.0, reach - _EASY_REACH) + 9 * max(0.0, reach - _FAR_REACH)
    awkward = 2 * narrow + 6 * grasp.shift + far
    return float(100 * blocked + awkward + 0.05 * turn + 0.3 * way)


def _blocked(grasp: Grasp, boxes: Boxes, margin: float) -> float:
    """Return how far (m) above the grasp something stops the open hand."""
    columns = hand_columns(grasp.yaw, MAX_OPENING)
    free = float(columns.lowest(grasp.position[None, :2], boxes, margin)[0])
    return max(0.0, free - float(grasp.position[2]))
