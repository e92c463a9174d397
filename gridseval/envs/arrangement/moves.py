"""Moves of things in the plane that they stand on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]


class Planar(NamedTuple):
    """A turn about a vertical axis, then a shift.

    Attributes:
        x: Where the axis stands, m.
        y: Where the axis stands, m.
        dx: The shift, m.
        dy: The shift, m.
        angle: The turn, rad, anticlockwise from above.
    """

    x: float = 0.0
    y: float = 0.0
    dx: float = 0.0
    dy: float = 0.0
    angle: float = 0.0

    def points(self, points: Float) -> Float:
        """Return moved points, float64 (n, 3)."""
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        x, y = points[:, 0] - self.x, points[:, 1] - self.y
        moved = points.copy()
        moved[:, 0] = self.x + self.dx + cosine * x - sine * y
        moved[:, 1] = self.y + self.dy + sine * x + cosine * y
        return moved

    def quaternion(self, quaternion: Float) -> Float:
        """Return a turned orientation, float64 (4,), w x y z."""
        cosine, sine = math.cos(self.angle / 2), math.sin(self.angle / 2)
        w, x, y, z = quaternion
        return np.array(
            [
                cosine * w - sine * z,
                cosine * x - sine * y,
                cosine * y + sine * x,
                cosine * z + sine * w,
            ]
        )

    def pose(self, pose: Float) -> Float:
        """Return a moved pose, float64 (7,): position (m), quaternion (w x y z)."""
        return np.concatenate([self.points(pose[None, :3])[0], self.quaternion(pose[3:])])


@dataclass(frozen=True)
class Moves:
    """Where things go.

    Attributes:
        objects: Moves of movable objects, by the name of their free joint.
        fixtures: Moves of fixtures, by the id of their body.
        placed: Poses of added objects, float64 (7,), by the name of their free joint.
    """

    objects: Mapping[str, Planar] = field(default_factory=dict)
    fixtures: Mapping[int, Planar] = field(default_factory=dict)
    placed: Mapping[str, Float] = field(default_factory=dict)

    def moved_fixtures(
        self, drawn: Mapping[int, tuple[Float, Float]]
    ) -> dict[int, tuple[Float, Float]]:
        """Return position and quaternion of each fixture that a reset has drawn, moved."""
        moved = {}
        for body, (position, quaternion) in drawn.items():
            move = self.fixtures.get(body)
            moved[body] = position, quaternion
            if move is not None:
                pose = move.pose(np.concatenate([position, quaternion]))
                moved[body] = pose[:3], pose[3:]
        return moved


NO_MOVES = Moves()
"""Everything stays."""
