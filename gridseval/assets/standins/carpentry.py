"""What furniture is made of: boards and rods whose texture has the same scale everywhere.

:func:`boxes` and friends give meshes in one piece per material, so that a cabinet of thirty boards
costs one geom.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from gridseval.assets.standins.mesh import Mesh, join
from gridseval.assets.standins.rounds import lathe
from gridseval.assets.standins.shapes import box

Point = Sequence[float]
Corners = tuple[Point, Point]
"""A box: its lowest and its highest corner, x y z in metres."""

Axis = Literal["x", "y", "z"]
_METRES = 0.25


def grained(mesh: Mesh, grain: Axis, metres: float = _METRES) -> Mesh:
    """Return a mesh whose texture is laid on from the six sides, u along the grain.

    Args:
        mesh: Any mesh; every vertex is textured from the side its normal points to.
        grain: The axis along which the texture's u runs.
        metres: How long one repetition of the texture is.
    """
    side = np.argmax(np.abs(np.round(mesh.normals, 6)), axis=1)
    along = "xyz".index(grain)
    uvs = np.empty((len(side), 2))
    for axis in range(3):
        first, second = (other for other in range(3) if other != axis)
        if second == along:
            first, second = second, first
        chosen = side == axis
        uvs[chosen] = mesh.vertices[chosen][:, (first, second)] / metres
        # Parallel boards are cut from different places.
        uvs[chosen] += 0.37 * mesh.vertices[chosen][:, axis, None] / metres
    return Mesh(mesh.vertices, mesh.normals, uvs, mesh.faces)


def boxes(corners: Sequence[Corners], grain: Axis = "x", metres: float = _METRES) -> Mesh:
    """Return several boxes, given by their corners, as one mesh with continuous texture."""
    return grained(join(*(between(*pair) for pair in corners)), grain, metres)


def between(low: Point, high: Point) -> Mesh:
    """Return a box by its lowest and its highest corner (m)."""
    lowest, highest = np.array(low, dtype=np.float64), np.array(high, dtype=np.float64)
    x, y, z = highest - lowest
    middle = (lowest + highest) / 2
    return box(float(x), float(y), float(z)).moved(*(float(value) for value in middle))


def rod(low: Point, length: float, radius: float, axis: Axis = "z", segments: int = 20) -> Mesh:
    """Return a closed cylinder that begins at a point (m) and runs along an axis."""
    upright = lathe([(0, 0), (radius, 0), (radius, length), (0, length)], segments)
    turned = {"x": ("y", 90.0), "y": ("x", -90.0), "z": ("z", 0.0)}[axis]
    return upright.turned(*turned).moved(*low)
