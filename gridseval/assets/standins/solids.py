"""What collides, made of boxes: MuJoCo rests boxes on each other more calmly than round shapes.

All of it stands upright (z up); :meth:`Block.element` turns it into the frame of a body that
lies otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from gridseval.assets.standins.mjcf import Element, solid

Quaternion = tuple[float, float, float, float]
Vector = tuple[float, float, float]

UPRIGHT: Quaternion = (1.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Block:
    """A colliding box.

    Attributes:
        half: Half sizes (m).
        center: Its middle (m).
        turn: Quaternion w, x, y, z.
    """

    half: Vector
    center: Vector
    turn: Quaternion = UPRIGHT

    def element(self, frame: Quaternion = UPRIGHT) -> Element:
        """Return the geom, turned about the origin by ``frame``."""
        turn = multiply(frame, self.turn)
        shown = {} if turn == UPRIGHT else {"quat": turn}
        return solid("box", self.half, rotate(frame, self.center), **shown)


def between(low: Vector, high: Vector) -> Block:
    """Return a box between two corners (m)."""
    half = ((high[0] - low[0]) / 2, (high[1] - low[1]) / 2, (high[2] - low[2]) / 2)
    return Block(half, (low[0] + half[0], low[1] + half[1], low[2] + half[2]))


def prism(
    radius: float, low: float, high: float, x: float = 0.0, y: float = 0.0, boxes: int = 4
) -> list[Block]:
    """Return an upright round body as boxes through its axis: a polygon of 2 × ``boxes`` sides.

    Args:
        radius: To the middle of the sides (m).
        low: Height of the bottom (m).
        high: Height of the top (m).
        x: Where the axis is (m).
        y: Where the axis is (m).
        boxes: How many boxes, evenly turned.
    """
    width = radius * _round(math.tan(math.pi / (2 * boxes)))
    half, center = (radius, width, (high - low) / 2), (x, y, (high + low) / 2)
    return [Block(half, center, about_z(math.pi * k / boxes)) for k in range(boxes)]


def ring(
    bottom: tuple[float, float],
    top: tuple[float, float],
    thickness: float,
    x: float = 0.0,
    y: float = 0.0,
    boxes: int = 16,
) -> list[Block]:
    """Return a round wall, upright or leaning, as boxes side by side.

    Args:
        bottom: Radius of the outside and height (m) at the lower edge.
        top: Radius of the outside and height (m) at the upper edge.
        thickness: Of the wall (m), to the inside.
        x: Where the axis is (m).
        y: Where the axis is (m).
        boxes: How many.
    """
    run, rise = top[0] - bottom[0], top[1] - bottom[1]
    length = math.sqrt(run * run + rise * rise)
    radius = (top[0] + bottom[0] - thickness * rise / length) / 2
    height = (top[1] + bottom[1] + thickness * run / length) / 2
    width = max(top[0], bottom[0]) * _round(math.tan(math.pi / boxes))
    lean = about_y(math.atan2(run, rise))
    blocks = []
    for number in range(boxes):
        turn = about_z(2 * math.pi * number / boxes)
        spoke = rotate(turn, (radius, 0.0, height))
        blocks.append(
            Block(
                (thickness / 2, width, length / 2),
                (x + spoke[0], y + spoke[1], spoke[2]),
                multiply(turn, lean),
            )
        )
    return blocks


def rod(path: Sequence[Vector], half_width: float, half_height: float) -> list[Block]:
    """Return a handle: one box along each step of a path in the xz plane (m)."""
    blocks = []
    for (ax, y, az), (bx, _, bz) in pairwise(path):
        run, rise = bx - ax, bz - az
        length = math.sqrt(run * run + rise * rise)
        blocks.append(
            Block(
                (half_height, half_width, length / 2),
                ((ax + bx) / 2, y, (az + bz) / 2),
                about_y(math.atan2(run, rise)),
            )
        )
    return blocks


def about_y(angle: float) -> Quaternion:
    """Return the turn about y by an angle (rad), which leans z towards x."""
    return (_round(math.cos(angle / 2)), 0.0, _round(math.sin(angle / 2)), 0.0)


def about_z(angle: float) -> Quaternion:
    """Return the turn about z by an angle (rad)."""
    return (_round(math.cos(angle / 2)), 0.0, 0.0, _round(math.sin(angle / 2)))


def multiply(first: Quaternion, second: Quaternion) -> Quaternion:
    """Return the turn that does ``second``, then ``first``."""
    a, b, c, d = first
    e, f, g, h = second
    return (
        a * e - b * f - c * g - d * h,
        a * f + b * e + c * h - d * g,
        a * g - b * h + c * e + d * f,
        a * h + b * g - c * f + d * e,
    )


def rotate(turn: Quaternion, vector: Vector) -> Vector:
    """Return a vector, turned."""
    w, x, y, z = turn
    _, a, b, c = multiply(multiply(turn, (0.0, *vector)), (w, -x, -y, -z))
    return (a, b, c)


def _round(value: float) -> float:
    """Return a value without the last digits, in which the machines' libraries differ."""
    return round(value, 9)
