"""Triangle meshes: what they are, how they are put together, and MuJoCo's binary file of them.

Two machines must write the same bytes, although their sines differ in the last digit: angles come
from :func:`directions`, everything else is built by the four operations and square roots, which
IEEE 754 fixes, and no matrix product is left to a BLAS.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rectangle = tuple[float, float, float, float]
"""Part of a texture: u and v of its lower left, u and v of its upper right corner, in [0, 1]."""

WHOLE: Rectangle = (0.0, 0.0, 1.0, 1.0)
_DECIMALS = 6
_AXES = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}


@dataclass(frozen=True, eq=False)
class Mesh:
    """A triangle mesh with one normal and one texture coordinate per vertex.

    Attributes:
        vertices: float64 (V, 3), metres.
        normals: float64 (V, 3), unit vectors.
        uvs: float64 (V, 2), u to the right and v upwards in [0, 1] of the texture.
        faces: int64 (F, 3), counter-clockwise from outside.
    """

    vertices: Array
    normals: Array
    uvs: Array
    faces: NDArray[np.int64]

    def moved(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Mesh:
        """Return the mesh, shifted (m)."""
        return Mesh(self.vertices + np.array((x, y, z)), self.normals, self.uvs, self.faces)

    def turned(self, axis: str, degrees: float) -> Mesh:
        """Return the mesh, turned about ``axis`` (``"x"``, ``"y"`` or ``"z"``) of the origin."""
        cosine, sine = (round(f(math.radians(degrees)), 9) for f in (math.cos, math.sin))
        first, second = _AXES[axis]
        turned = []
        for old in (self.vertices, self.normals):
            new = old.copy()
            new[:, first] = cosine * old[:, first] - sine * old[:, second]
            new[:, second] = sine * old[:, first] + cosine * old[:, second]
            turned.append(new)
        return Mesh(turned[0], turned[1], self.uvs, self.faces)

    def framed(self, quaternion: tuple[float, float, float, float]) -> Mesh:
        """Return the mesh, turned about the origin by a unit quaternion w, x, y, z."""
        w, x, y, z = quaternion
        rows = (
            (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
            (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
            (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
        )
        turned = [
            np.stack([a * old[:, 0] + b * old[:, 1] + c * old[:, 2] for a, b, c in rows], axis=1)
            for old in (self.vertices, self.normals)
        ]
        return Mesh(turned[0], turned[1], self.uvs, self.faces)

    def stretched(self, x: float = 1.0, y: float = 1.0, z: float = 1.0) -> Mesh:
        """Return the mesh, scaled by three positive factors."""
        factors = np.array((x, y, z))
        normals = self.normals / factors
        return Mesh(self.vertices * factors, unit(normals), self.uvs, self.faces)

    def printed(self, part: Rectangle) -> Mesh:
        """Return the mesh with its texture coordinates squeezed into one part of the texture."""
        low, high = np.array(part[:2]), np.array(part[2:])
        return Mesh(self.vertices, self.normals, low + self.uvs * (high - low), self.faces)

    def faceted(self) -> Mesh:
        """Return the mesh with flat faces: every triangle shaded by its own normal."""
        corners = self.vertices[self.faces]
        (a, b, c) = (corners[:, number] for number in range(3))
        (ux, uy, uz), (vx, vy, vz) = (b - a).T, (c - a).T
        across = np.stack([uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx], axis=1)
        return Mesh(
            corners.reshape(-1, 3),
            np.repeat(unit(across * 1e6), 3, axis=0),
            self.uvs[self.faces].reshape(-1, 2),
            np.arange(3 * len(self.faces), dtype=np.int64).reshape(-1, 3),
        )

    def turned_inside_out(self) -> Mesh:
        """Return the mesh, seen from its other side."""
        return Mesh(self.vertices, -self.normals, self.uvs, self.faces[:, ::-1])


def join(*meshes: Mesh) -> Mesh:
    """Return several meshes as one."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes[:-1])])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.normals for mesh in meshes]),
        np.concatenate([mesh.uvs for mesh in meshes]),
        np.concatenate([mesh.faces + start for mesh, start in zip(meshes, starts, strict=True)]),
    )


def directions(count: int) -> Array:
    """Return ``count`` + 1 unit vectors, float64 (count + 1, 2), once round; the last is the first.

    Rounded to nine decimals, so that every machine's sine and cosine give the same.
    """
    angles = 2.0 * math.pi * (np.arange(count + 1) % count) / count
    return np.round(np.stack([np.cos(angles), np.sin(angles)], axis=1), 9)


def unit(vectors: Array) -> Array:
    """Return vectors, float64 (N, 3), scaled to length 1; zeros become the z direction."""
    x, y, z = vectors.T
    length = np.sqrt(x * x + y * y + z * z)
    scaled = vectors / np.where(length > 0, length, 1.0)[:, None]
    return np.where((length > 0)[:, None], scaled, np.array((0.0, 0.0, 1.0)))


def cross(one: Array, two: Array) -> Array:
    """Return the cross products of float64 (N, 3), without leaving the order of sums to numpy."""
    (a, b, c), (d, e, f) = one.T, two.T
    return np.stack([b * f - c * e, c * d - a * f, a * e - b * d], axis=1)


def write_mesh(path: Path, mesh: Mesh) -> None:
    """Write a mesh in MuJoCo's binary format (.msh): four counts, then the arrays."""
    counts = (len(mesh.vertices), len(mesh.normals), len(mesh.uvs), len(mesh.faces))
    # MuJoCo's v runs downwards in this format.
    uvs = np.stack([mesh.uvs[:, 0], 1.0 - mesh.uvs[:, 1]], axis=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        struct.pack("<4i", *counts)
        # Adding zero makes -0.0 and 0.0 the same bytes.
        + b"".join(
            (np.round(part, _DECIMALS) + 0.0).astype("<f4").tobytes()
            for part in (mesh.vertices, mesh.normals, uvs)
        )
        + mesh.faces.astype("<i4").tobytes()
    )
