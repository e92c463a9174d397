"""Flat-sided shapes: boxes, quadrilaterals, extruded outlines.

Sizes are full extents in metres; every shape is closed or says so, and is centred on the origin
unless its arguments say where it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gridseval.assets.standins.mesh import (
    WHOLE,
    Array,
    Mesh,
    Rectangle,
    cross,
    directions,
    join,
    unit,
)

_SIDES = {
    # name: normal, direction of u, direction of v (all as the face is looked at from outside)
    "+x": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "-x": ((-1, 0, 0), (0, -1, 0), (0, 0, 1)),
    "+y": ((0, 1, 0), (-1, 0, 0), (0, 0, 1)),
    "-y": ((0, -1, 0), (1, 0, 0), (0, 0, 1)),
    "+z": ((0, 0, 1), (1, 0, 0), (0, 1, 0)),
    "-z": ((0, 0, -1), (1, 0, 0), (0, -1, 0)),
}


def box(x: float, y: float, z: float, faces: Mapping[str, Rectangle] | Rectangle = WHOLE) -> Mesh:
    """Return a box.

    Args:
        x: Extent along x (m).
        y: See ``x``.
        z: See ``x``.
        faces: Which part of the texture each face ``"+x"``, ``"-x"``, … shows, upright (z up) on
            the four sides, x to the right on top and bottom; one part for all, or a mapping, whose
            key ``"else"`` stands for the faces that it does not name.
    """
    half = np.array((x, y, z)) / 2
    parts = []
    for side, vectors in _SIDES.items():
        normal, right, up = np.array(vectors, dtype=np.float64)
        part = faces if isinstance(faces, tuple) else faces.get(side) or faces["else"]
        corners = np.array([normal - right - up, normal + right - up, normal + right + up,
                            normal - right + up]) * half  # fmt: skip
        parts.append(quad(corners, part))
    return join(*parts)


def quad(corners: Array, part: Rectangle = WHOLE) -> Mesh:
    """Return a flat quadrilateral; not closed: it is seen from one side.

    Args:
        corners: float64 (4, 3): lower left, lower right, upper right, upper left as looked at.
        part: Which part of the texture it shows.
    """
    normal = unit(cross(corners[1:2] - corners[0:1], corners[3:4] - corners[0:1]))
    uvs = np.array(((0, 0), (1, 0), (1, 1), (0, 1)), dtype=np.float64)
    faces = np.array(((0, 1, 2), (0, 2, 3)), dtype=np.int64)
    return Mesh(np.asarray(corners, dtype=np.float64), np.repeat(normal, 4, 0), uvs, faces).printed(
        part
    )


def triangle(corners: Array, part: Rectangle = WHOLE) -> Mesh:
    """Return a flat triangle; not closed.

    Args:
        corners: float64 (3, 3), counter-clockwise as looked at; the first two are its base.
        part: Which part of the texture it shows, the tip at the top right.
    """
    shape = quad(corners[[0, 1, 2, 2]], part)
    return Mesh(shape.vertices, shape.normals, shape.uvs, shape.faces[:1])


def extrude(
    outline: Sequence[tuple[float, float]], low: float, high: float, part: Rectangle = WHOLE
) -> Mesh:
    """Return a convex outline in the xy plane, counter-clockwise (m), drawn up from low to high.

    The texture lies flat on top and bottom, and goes once round the wall.
    """
    points = np.array(outline, dtype=np.float64)
    count = len(points)
    size = points.max(0) - points.min(0)
    flat_uv = (points - points.min(0)) / size
    walls = []
    for number in range(count):
        (ax, ay), (bx, by) = points[number], points[(number + 1) % count]
        corners = np.array(((ax, ay, low), (bx, by, low), (bx, by, high), (ax, ay, high)))
        walls.append(quad(corners, (number / count, 0.0, (number + 1) / count, 1.0)))
    fan = np.stack(
        [np.zeros(count - 2, np.int64), np.arange(1, count - 1), np.arange(2, count)], axis=1
    )
    for z, faces, direction in ((low, fan[:, ::-1], -1.0), (high, fan, 1.0)):
        vertices = np.concatenate([points, np.full((count, 1), z)], axis=1)
        normals = np.repeat(np.array([[0.0, 0.0, direction]]), count, 0)
        walls.append(Mesh(vertices, normals, flat_uv, faces))
    return join(*walls).printed(part)


def rounded_rectangle(
    x: float, y: float, radius: float, steps: int = 6
) -> list[tuple[float, float]]:
    """Return the outline of a rectangle with round corners, for :func:`extrude` (m)."""
    circle = directions(4 * steps)
    outline = []
    for quarter, (sx, sy) in enumerate(((1, 1), (-1, 1), (-1, -1), (1, -1))):
        for cosine, sine in circle[quarter * steps : (quarter + 1) * steps + 1]:
            outline.append(
                (
                    float(sx * (x / 2 - radius) + radius * cosine),
                    float(sy * (y / 2 - radius) + radius * sine),
                )
            )
    return outline
