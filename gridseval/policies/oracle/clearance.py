"""How low the hand may go: the Panda hand as a few upright columns, against boxes seen from above.

The hand always points down and comes from above, so that it can only collide with something that is
higher than the bottom of one of its columns. One number per place says it all: the lowest free
height.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gridseval.policies.oracle.geometry import Array, Boxes

FINGERTIP_DROP = 0.0125
"""Height of the grip site above the lowest point of the fingers (m)."""

NO_LIMIT = -10.0
"""A height (m) below everything, for places where nothing is in the way."""

_FINGER_RADIUS = 0.012
_PALM_HEIGHT = 0.03
_PALM_RADIUS = 0.032
_PALM_REACH = (-0.075, -0.0375, 0.0, 0.0375, 0.075)


@dataclass(frozen=True, eq=False)
class Columns:
    """M upright columns that move with the hand.

    Attributes:
        offsets: float64 (M, 2), from the grip site, in world axes (m).
        bottoms: float64 (M,), height of the lower end above the grip site (m).
        radii: float64 (M,), metres.
    """

    offsets: Array
    bottoms: Array
    radii: Array

    def turned(self, angle: float) -> Columns:
        """Return the columns of the same hand, turned about the grip site by an angle (rad)."""
        cosine, sine = math.cos(angle), math.sin(angle)
        turn = np.array([[cosine, sine], [-sine, cosine]])
        return Columns(self.offsets @ turn, self.bottoms, self.radii)

    def lowest(self, places: Array, boxes: Boxes, margin: float) -> Array:
        """Return the lowest free height of the grip site (m) at each of ``places``, float64 (P, 2).

        Args:
            places: Where the grip site might be, in the world.
            boxes: What is in the way.
            margin: Free distance (m) to keep, sideways and above.
        """
        if not len(boxes.tops):
            return np.full(len(places), NO_LIMIT)
        distances = boxes.distances(places[:, None, :] + self.offsets)
        near = distances < (self.radii + margin)[:, None]
        heights = boxes.tops - self.bottoms[:, None] + margin
        return np.asarray(np.where(near, heights, NO_LIMIT).max(axis=(1, 2)))


def hand_columns(yaw: float, opening: float) -> Columns:
    """Return the two fingers, ``opening`` (m) apart, and the palm of a hand at ``yaw`` (rad)."""
    finger = opening / 2 + _FINGER_RADIUS
    reach = np.array((-finger, finger, *_PALM_REACH))
    direction = np.array([math.sin(yaw), -math.cos(yaw)])
    palms = len(_PALM_REACH)
    return Columns(
        offsets=reach[:, None] * direction,
        bottoms=np.array([-FINGERTIP_DROP] * 2 + [_PALM_HEIGHT] * palms),
        radii=np.array([_FINGER_RADIUS] * 2 + [_PALM_RADIUS] * palms),
    )


def with_load(columns: Columns, load: Boxes, grip: Array) -> Columns:
    """Return the columns of a hand at ``grip`` (3,) and of what it holds, the boxes ``load``."""
    return Columns(
        offsets=np.concatenate([columns.offsets, load.centers - grip[:2]]),
        bottoms=np.concatenate([columns.bottoms, load.lows - grip[2]]),
        radii=np.concatenate([columns.radii, load.halves.max(axis=1)]),
    )
