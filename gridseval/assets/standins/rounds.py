"""Round shapes: what a lathe turns, its oval relatives, discs and bent rods.

Sizes in metres; shapes are closed unless they say otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

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

_SMOOTH_COSINE = 0.5
_TINY = 1e-9


def lathe(
    profile: Sequence[tuple[float, float]],
    segments: int = 40,
    part: Rectangle = WHOLE,
    smooth: bool = False,
    by_length: bool = True,
) -> Mesh:
    """Return a profile turned round the z axis.

    Args:
        profile: Points (radius, z) in metres, from the bottom outside upwards (and inside down
            again for hollow things); begin and end at radius 0 for a closed surface.
        segments: How many steps once round.
        part: Part of the texture: u once round from +x towards +y, v along the profile.
        smooth: Whether obtuse corners of the profile are shaded as curves; else all are edges.
        by_length: Whether v grows with the length along the profile; else with the point's number.
    """
    sections = [(radius, radius, z) for radius, z in profile]
    return loft(sections, segments, part, smooth, by_length)


def loft(
    sections: Sequence[tuple[float, float, float]],
    segments: int = 40,
    part: Rectangle = WHOLE,
    smooth: bool = True,
    by_length: bool = True,
) -> Mesh:
    """Return the surface through upright ellipses: like :func:`lathe`, but oval.

    Args:
        sections: Half extent along x, half extent along y, z (m), otherwise as for a lathe.
        segments: As for a lathe; ``part``, ``smooth`` and ``by_length`` too.
        part: See ``segments``.
        smooth: See ``segments``.
        by_length: See ``segments``.
    """
    points = np.array(sections, dtype=np.float64)
    steps = points[1:] - points[:-1]
    lengths = np.sqrt(steps[:, 0] * steps[:, 0] + steps[:, 2] * steps[:, 2])
    along = np.concatenate([[0.0], np.cumsum(lengths if by_length else np.ones(len(steps)))])
    starts, ends = _ring_slopes(unit(steps), smooth)
    circle = directions(segments)
    bands = []
    for number in range(len(steps)):
        pair = points[number : number + 2]
        slopes = np.stack([starts[number], ends[number]])
        bands.append(_band(pair, slopes, along[number : number + 2] / along[-1], circle))
    return join(*bands).printed(part)


def disc(radius: float, z: float, segments: int = 40, part: Rectangle = WHOLE) -> Mesh:
    """Return a flat disc that faces up, with the texture's part laid flat on it; not closed."""
    circle = directions(segments)[:-1]
    flat = np.concatenate([np.zeros((1, 2)), circle])
    vertices = np.concatenate([flat * radius, np.full((len(flat), 1), z)], axis=1)
    numbers = np.arange(segments)
    faces = np.stack([np.zeros_like(numbers), numbers + 1, (numbers + 1) % segments + 1], axis=1)
    normals = np.repeat(np.array([[0.0, 0.0, 1.0]]), len(vertices), 0)
    return Mesh(vertices, normals, 0.5 + flat / 2, faces).printed(part)


def tube(
    path: Sequence[tuple[float, float, float]],
    radius: float | Sequence[float],
    segments: int = 12,
    part: Rectangle = WHOLE,
    flatten: float = 1.0,
) -> Mesh:
    """Return a round rod along a path of points, with flat ends.

    Args:
        path: Points (m); bends are mitred.
        radius: Radius (m), one for all points or one each.
        segments: Steps once round.
        part: Part of the texture: u once round, v along the path.
        flatten: Scale of the rod's second cross axis, for straps and handles.
    """
    points = np.array(path, dtype=np.float64)
    radii = np.broadcast_to(np.asarray(radius, dtype=np.float64), (len(points),))
    ways = unit(points[1:] - points[:-1])
    tangents = unit(np.concatenate([ways[:1], ways[:-1] + ways[1:], ways[-1:]]))
    first, second = _frames(tangents)
    circle = directions(segments)
    spokes = circle[None, :, :1] * first[:, None] + flatten * circle[None, :, 1:] * second[:, None]
    vertices = points[:, None] + spokes * radii[:, None, None]
    v = np.linspace(0, 1, len(points))
    u = np.linspace(0, 1, segments + 1)
    uvs = np.stack(np.broadcast_arrays(u[None], v[:, None]), axis=-1)
    side = Mesh(
        vertices.reshape(-1, 3),
        unit(spokes.reshape(-1, 3)),
        uvs.reshape(-1, 2),
        _grid_faces(len(points), segments),
    )
    return join(side, _cap(vertices[0], -tangents[0]), _cap(vertices[-1], tangents[-1])).printed(
        part
    )


def curved(
    path: Sequence[tuple[float, float, float]], steps: int = 4
) -> list[tuple[float, float, float]]:
    """Return a path of points (m) with ``steps`` - 1 more between two, along a smooth curve.

    A Catmull-Rom spline, which passes through every given point.
    """
    points = np.array([path[0], *path, path[-1]], dtype=np.float64)
    found = [path[0]]
    for a, b, c, d in zip(points[:-3], points[1:-2], points[2:-1], points[3:], strict=True):
        for number in range(1, steps + 1):
            t = number / steps
            place = b + 0.5 * t * (
                (c - a) + t * ((2 * a - 5 * b + 4 * c - d) + t * (3 * (b - c) + d - a))
            )
            found.append((float(place[0]), float(place[1]), float(place[2])))
    return found


def _ring_slopes(steps: Array, smooth: bool) -> tuple[Array, Array]:
    """Return the direction of the profile at both ends of each step, shared at blunt corners."""
    if not smooth:
        return steps, steps
    one, two = steps[:-1], steps[1:]
    bend = one[:, 0] * two[:, 0] + one[:, 1] * two[:, 1] + one[:, 2] * two[:, 2]
    curved = (bend > _SMOOTH_COSINE)[:, None]
    middle = unit(one + two)
    starts = np.concatenate([steps[:1], np.where(curved, middle, two)])
    ends = np.concatenate([np.where(curved, middle, one), steps[-1:]])
    return starts, ends


def _band(pair: Array, slopes: Array, v: Array, circle: Array) -> Mesh:
    """Return the band between two ellipses of a profile."""
    count = len(circle)
    cosine, sine = circle.T
    vertices = np.empty((2, count, 3))
    normals = np.empty((2, count, 3))
    for row, ((a, b, z), (slope_a, slope_b, slope_z)) in enumerate(zip(pair, slopes, strict=True)):
        vertices[row] = np.stack([a * cosine, b * sine, np.full(count, z)], axis=1)
        # On the axis an ellipse has no direction round; a tiny one has.
        a, b = max(a, _TINY), max(b, _TINY)
        rise = -(a * slope_b * sine * sine + b * slope_a * cosine * cosine)
        around = np.stack([b * cosine * slope_z, a * sine * slope_z, rise], axis=1)
        normals[row] = unit(around / _TINY)
    uvs = np.stack(np.broadcast_arrays(np.linspace(0, 1, count)[None], v[:, None]), axis=-1)
    faces = _grid_faces(2, count - 1)
    # A point on the axis would give every other triangle no area.
    if pair[0, 0] == 0:
        faces = faces[1::2]
    elif pair[1, 0] == 0:
        faces = faces[0::2]
    return Mesh(vertices.reshape(-1, 3), normals.reshape(-1, 3), uvs.reshape(-1, 2), faces)


def _grid_faces(rows: int, columns: int) -> NDArray[np.int64]:
    """Return int64 faces of ``rows`` × (``columns`` + 1) vertices, two per cell."""
    faces = []
    width = columns + 1
    for row in range(rows - 1):
        for column in range(columns):
            corner = row * width + column
            faces.append((corner, corner + 1, corner + width))
            faces.append((corner + 1, corner + width + 1, corner + width))
    return np.array(faces, dtype=np.int64)


def _cap(ring: Array, normal: Array) -> Mesh:
    """Return the flat end of a rod; its outside is where ``normal`` points."""
    center = ring[:-1].mean(axis=0, keepdims=True)
    vertices = np.concatenate([center, ring])
    numbers = np.arange(1, len(ring))
    faces = np.stack([np.zeros_like(numbers), numbers, numbers + 1], axis=1)
    way = cross(ring[0:1] - center, ring[1:2] - center)[0]
    if way[0] * normal[0] + way[1] * normal[1] + way[2] * normal[2] < 0:
        faces = faces[:, ::-1]
    normals = np.repeat(normal[None], len(vertices), 0)
    return Mesh(vertices, normals, np.full((len(vertices), 2), 0.5), faces)


def _frames(tangents: Array) -> tuple[Array, Array]:
    """Return two unit vectors across each tangent, turning as little as possible along the way."""
    start = np.eye(3)[[int(np.argmin(np.abs(tangents[0])))]]
    firsts, seconds = [], []
    for tangent in tangents[:, None]:
        second = unit(cross(tangent, start))
        start = cross(second, tangent)
        firsts.append(start)
        seconds.append(second)
    return np.concatenate(firsts), np.concatenate(seconds)
