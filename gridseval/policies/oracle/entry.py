"""How something held goes into a region under a roof: from which side, and how the hand leans.

The boxes of a fixture say from where a region is open. Postures of the hand are tried, from upright
to level: what is held, the fingers, the palm and the wrist, as points, must pass no box on the way.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gridseval.policies.oracle.clearance import FINGERTIP_DROP
from gridseval.policies.oracle.geometry import Array, Boxes, hand_rotation, hand_yaw
from gridseval.policies.oracle.models import Model, Models, split_region
from gridseval.policies.oracle.scene import Pose, Scene

_RAY_M = np.arange(0.0, 0.4, 0.001)
_MARGIN_M = 0.004
_ABOVE_FLOOR_M = (0.006, 0.02)
_SPACING_M = 0.01
# How far inside the origin of what is put in should be at least, and its middle above a drop.
_INSIDE_M, _RESTS_M = 0.03, 0.02
_OUTSIDE_M = 0.03
_LEANS = tuple(math.radians(degrees) for degrees in (0, 25, 45, 62, 72, 80))
_ASIDE_M = (0.0, 0.03, -0.03, 0.06, -0.06, 0.09, -0.09)
# How far the arm's last joint lets the hand turn. Leaning, it turns easily to the one side only.
_LEAST_YAW, _MOST_YAW, _LEAST_LEANING_YAW = -1.9, 2.7, -1.2
# The hand in its own frame: half its width and thickness, and how far behind the grip it ends.
_PALM_M, _THICK_M, _PALM_FROM_M, _PALM_TO_M = 0.1, 0.032, 0.03, 0.11
_WRIST_M, _WRIST_TO_M = 0.045, 0.2
_FINGER_M, _TIP_M = 0.012, 0.009


@dataclass(frozen=True, eq=False)
class Opening:
    """The open side of a region that has a roof.

    Attributes:
        inward: Unit vector (3,), horizontal.
        front: Point (3,) straight before the region's site, under the edge of the roof (m).
        floor: Height (m) of the board on which things rest inside; ``None`` for the table.
    """

    inward: Array
    front: Array
    floor: float | None


@dataclass(frozen=True, eq=False)
class Entry:
    """How the hand brings something in.

    Attributes:
        inside: Pose of the hand at the end.
        outside: Pose of the hand before it moves straight in.
    """

    inside: Pose
    outside: Pose


def opening_of(region: str, scene: Scene, models: Models) -> Opening | None:
    """Return the open side of a region; ``None`` if it has no roof, or no open side."""
    fixture = split_region(region)[0]
    if fixture not in scene.boxes or region not in scene.sites or models.of(fixture) is None:
        return None
    site, boxes, body = scene.sites[region], scene.boxes[fixture], scene.bodies[fixture]
    up = np.array([0.0, 0.0, 1.0])
    if not _meets(_ray(site, up), boxes).any() or _meets(site[None], boxes).any():
        return None
    sides = [body.rotation[:, axis] * sign for axis in (1, 0) for sign in (1.0, -1.0)]
    ways = [way for way in sides if not _meets(_ray(site, -way), boxes).any()]
    if not ways:
        return None
    inward = ways[0]
    covered = boxes.distances(_ray(site, -inward)[:, :2]) <= 0.0
    covered &= boxes.lows > site[2]
    front = float(_RAY_M[np.flatnonzero(covered.any(axis=1))[-1]])
    below = _meets(_ray(site, -up), boxes)
    floor = float(site[2] - _RAY_M[int(np.argmax(below))]) if below.any() else None
    return Opening(inward, site - front * inward, floor)


def plan_entry(
    thing: str, region: str, opening: Opening, ground: float, scene: Scene, models: Models
) -> Entry | None:
    """Return how to bring what the hand holds through an opening; ``None`` if nothing fits.

    What stands before the opening is spared if there is a way past it.

    Args:
        thing: Instance name of what the hand holds.
        region: Name of the region.
        opening: Its open side.
        ground: Height (m) of the table.
        scene: What is where, with the thing between the fingers.
        models: What is known of LIBERO's models.
    """
    model = models.of(thing)
    assert model is not None  # goals with unknown objects were left out
    held, own = _held(model, scene.bodies[thing], scene.hand), _hand_points(scene.opening)
    inward = opening.inward
    all_others, fixture = scene.obstacles(without={thing}), scene.boxes[split_region(region)[0]]
    postures = list(_postures(inward, scene.hand.rotation))
    for obstacles, rotation in itertools.product((all_others, fixture), postures):
        turned = held.turned(rotation)
        points = np.concatenate([turned.points, own @ rotation.T])
        lead = float((turned.points @ inward).max()) + _OUTSIDE_M
        least, most = _depth_wanted(scene.sites[region], opening, turned)
        for aside, above in itertools.product(_ASIDE_M, _ABOVE_FLOOR_M):
            place = opening.front + aside * np.array([-inward[1], inward[0], 0.0])
            start = place - lead * inward - turned.origin + turned.origin @ inward * inward
            start[2] = above + _lowest(opening, ground, turned.points, points)
            free = _free_way(points + start, inward, obstacles) - lead
            if free >= least:
                end = start + (lead + min(free, most)) * inward
                return Entry(Pose(end, rotation), Pose(start, rotation))
    return None


@dataclass(frozen=True, eq=False)
class _Held:
    """What the hand holds, from the grip site: points (N, 3), origin (3,) and middle (3,) (m)."""

    points: Array
    origin: Array
    middle: Array

    def turned(self, rotation: Array) -> _Held:
        """Return the same with the hand at a rotation (3, 3)."""
        parts = (self.points, self.origin, self.middle)
        return _Held(*(np.asarray(part @ rotation.T) for part in parts))


def _held(model: Model, body: Pose, hand: Pose) -> _Held:
    """Return an object in the frame of the hand that holds it."""
    points = np.concatenate([_grid(box[:3], box[3:]) for box in model.boxes])
    middle = (model.boxes[0, :3] + model.boxes[0, 3:]) / 2
    turn, origin = body.rotation.T @ hand.rotation, (body.position - hand.position) @ hand.rotation
    return _Held(points @ turn + origin, origin, middle @ turn + origin)


def _lowest(opening: Opening, ground: float, held: Array, points: Array) -> float:
    """Return how low (m) the hand may be for what it holds, and for itself behind the opening."""
    floor = ground if opening.floor is None else opening.floor
    return max(floor - float(held[:, 2].min()), ground + _MARGIN_M - float(points[:, 2].min()))


def _depth_wanted(middle: Array, opening: Opening, held: _Held) -> tuple[float, float]:
    """Return how far (m) the hand must go beyond the front at least, and at most."""
    least = _INSIDE_M - float(held.origin @ opening.inward)
    if opening.floor is not None:
        least = max(least, _RESTS_M - float(held.middle @ opening.inward))
    most = float((middle - opening.front - held.middle) @ opening.inward)
    return least, max(least, most)


def _postures(inward: Array, hand: Array) -> Iterator[Array]:
    """Yield rotations of the hand, upright first, that face the opening one way or the other."""
    now = hand_yaw(hand)
    ahead = math.atan2(inward[1], inward[0])
    yaws = [(ahead + turn * math.pi / 2 + math.pi) % (2 * math.pi) - math.pi for turn in range(4)]
    yaws.sort(key=lambda yaw: abs(yaw - now))
    for lean in _LEANS:
        least = _LEAST_LEANING_YAW if lean else _LEAST_YAW
        for yaw in yaws:
            if least < yaw < _MOST_YAW:
                yield hand_rotation(yaw, inward[:2] * lean)


def _hand_points(opening: float) -> Array:
    """Return points (N, 3) on the fingers, the palm and the wrist in the hand's frame (m)."""
    finger = opening / 2 + _FINGER_M
    boxes = [
        (-_TIP_M, finger - _TIP_M, -_PALM_FROM_M, _TIP_M, finger + _TIP_M, FINGERTIP_DROP),
        (-_TIP_M, -finger - _TIP_M, -_PALM_FROM_M, _TIP_M, -finger + _TIP_M, FINGERTIP_DROP),
        (-_THICK_M, -_PALM_M, -_PALM_TO_M, _THICK_M, _PALM_M, -_PALM_FROM_M),
        (-_WRIST_M, -_WRIST_M, -_WRIST_TO_M, _WRIST_M, _WRIST_M, -_PALM_TO_M),
    ]
    return np.concatenate([_grid(np.array(box[:3]), np.array(box[3:])) for box in boxes])


def _grid(low: Array, high: Array) -> Array:
    """Return points (N, 3) close to one another on the surface of a box."""
    counts = [2 + int((b - a) / _SPACING_M) for a, b in zip(low, high, strict=True)]
    index = np.indices(counts).reshape(3, -1).T
    last = np.array(counts) - 1
    index = index[((index == 0) | (index == last)).any(axis=1)]
    return np.asarray(low + index / last * (high - low))


def _ray(start: Array, way: Array) -> Array:
    return np.asarray(start + _RAY_M[:, None] * way)


def _free_way(points: Array, way: Array, boxes: Boxes) -> float:
    """Return how far (m) points (N, 3) can move along a level way until one meets a box."""
    height = points[:, 2:]
    level = (height > boxes.lows - _MARGIN_M) & (height < boxes.tops + _MARGIN_M)
    along = np.einsum("pnj,nij->pni", points[:, None, :2] - boxes.centers, boxes.axes)
    speed = boxes.axes @ way[:2]
    speed = np.where(np.abs(speed) < 1e-9, 1e-9, speed)
    ends = np.stack([-along - boxes.halves - _MARGIN_M, -along + boxes.halves + _MARGIN_M]) / speed
    enter, leave = ends.min(axis=0).max(axis=-1), ends.max(axis=0).min(axis=-1)
    met = level & (enter < leave) & (leave > 0)
    return float(np.where(met, np.maximum(enter, 0.0), np.inf).min())


def _meets(points: Array, boxes: Boxes) -> Array:
    """Return whether points (N, 3) are in a box: bool (N,)."""
    near = boxes.distances(points[:, :2]) <= 0.0
    height = points[:, 2:]
    near &= (height > boxes.lows) & (height < boxes.tops)
    return np.asarray(near.any(axis=1))
