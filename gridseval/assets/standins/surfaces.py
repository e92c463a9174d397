"""Materials as pictures: wood, boards, tiles, marble, plaster, linen, brushed metal.

Every function returns tones, float64 (size, size), mostly in [0, 1], that repeat at the edges;
:class:`Shades` turns them into colours. The grain of wood and metal runs along u (left to right).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridseval.assets.standins.canvas import Colour
from gridseval.assets.standins.mesh import Array
from gridseval.assets.standins.noise import layered_noise, smooth_noise, white_noise

_LINE = 2048


@dataclass(frozen=True)
class Shades:
    """How tones become colours.

    Attributes:
        middle: Colour of tone 0.5, red, green and blue in [0, 255].
        swing: What is added for tone 1 and taken away for tone 0.
    """

    middle: Colour
    swing: Colour

    def coloured(self, tones: Array) -> NDArray[np.uint8]:
        """Return an image, uint8 (size, size, 3)."""
        colours = np.array(self.middle) + (2.0 * tones[..., None] - 1.0) * np.array(self.swing)
        # Rounded twice: what lies on a half by the last digit falls to the same side everywhere.
        image: NDArray[np.uint8] = np.clip(np.round(np.round(colours, 4)), 0, 255).astype(np.uint8)
        return image


def plaster(size: int, seed: int, blotches: int = 6, grit: float = 0.25) -> Array:
    """Return a wall: soft blotches, ``blotches`` to the side, and a share of fine grit."""
    soft = layered_noise(size, size, blotches, blotches, seed, 4)
    return soft * (1 - grit) + white_noise(size, size, seed + 50) * grit


def stucco(size: int, seed: int) -> Array:
    """Return small bumps, lit from one side."""
    bumps = layered_noise(size, size, size // 3, size // 3, seed, 2)
    return np.clip(0.5 + 1.8 * (bumps - np.roll(bumps, (1, 1), (0, 1))), 0, 1)


def linen(size: int, seed: int) -> Array:
    """Return a cloth of upright threads."""
    threads = layered_noise(size, size, 4, size // 2, seed, 1)
    return 0.8 * threads + 0.2 * white_noise(size, size, seed + 50)


def wood(size: int, seed: int, rings: int = 7, fibre: float = 0.4) -> Array:
    """Return sawn wood.

    Args:
        size: Edge, pixels.
        seed: Another seed, another board.
        rings: How many year rings are cut across the board.
        fibre: Share of the fine fibres beside the rings, in [0, 1].
    """
    height = (np.arange(size) / size)[:, None]
    bend = layered_noise(size, size, 3, 1, seed, 2) + 0.5 * smooth_noise(size, size, 6, 2, seed + 9)
    # Rings of uneven width: a random line, drawn along the bent lines of growth.
    line = layered_noise(_LINE, 1, 3 * rings, 1, seed + 31, 3)[:, 0]
    place = np.floor((height + 0.9 * bend / rings) * _LINE).astype(np.int64) % _LINE
    fibres = layered_noise(size, size, size // 2, 4, seed + 20, 1)
    return np.clip(1.6 * line[place] - 0.3, 0, 1) * (1 - fibre) + fibres * fibre


def brushed(size: int, seed: int) -> Array:
    """Return metal with fine scratches along u."""
    return 0.7 * layered_noise(size, size, size, 3, seed, 1) + 0.3 * plaster(size, seed + 5, 3)


def marble(size: int, seed: int, cells: int = 3, veins: float = 1.0) -> Array:
    """Return pale stone with darker veins, the stronger the larger ``veins``."""
    cloud = layered_noise(size, size, cells, cells, seed, 5)
    ridge = layered_noise(size, size, cells + 1, cells + 1, seed + 40, 5)
    vein = np.clip(1.0 - 14.0 * np.abs(ridge - 0.5), 0, 1)
    return np.clip(0.75 + 0.5 * (cloud - 0.5) - veins * 0.55 * vein * cloud, 0, 1)


def tiles(size: int, seed: int, count: int, joint: float = 1.0) -> Array:
    """Return square stone tiles, ``count`` to the side, with joints of tone ``joint``."""
    stone = 0.8 * layered_noise(size, size, 7, 7, seed, 5) + 0.2 * white_noise(size, size, seed + 2)
    own = white_noise(count, count, seed + 7)
    cell = np.arange(size) * count // size
    tones = 0.75 * stone + 0.25 * own[np.ix_(cell, cell)]
    return _with_joints(tones, _near_edge(size, count), joint)


@dataclass(frozen=True)
class Boards:
    """A floor of boards: ``rows`` above each other, each cut into ``pieces`` along u.

    Attributes:
        rows: Number of rows.
        pieces: Boards per row.
        variety: How much boards differ in tone, in [0, 1].
        joint: Tone of the joints, may lie outside of [0, 1].
        width: Joint, pixels.
        rings: Year rings per board.
    """

    rows: int
    pieces: int
    variety: float = 0.4
    joint: float = 1.2
    width: int = 1
    rings: int = 3

    def tones(self, size: int, seed: int) -> Array:
        """Return the floor, float64 (size, size)."""
        row = np.arange(size) * self.rows // size
        shifts = np.floor(white_noise(1, self.rows, seed)[0] * size)
        place = (np.arange(size)[None, :] + shifts[row][:, None]).astype(np.int64) % size
        piece = place * self.pieces // size
        own = white_noise(self.rows, self.pieces, seed + 3)[row[:, None], piece]
        grain = wood(size, seed + 11, self.rings * self.rows)
        # Every board is sawn from elsewhere in the same wood.
        away = (own * 7919.0).astype(np.int64)
        cut = grain[(np.arange(size)[:, None] + away) % size, (place + 3 * away) % size]
        tones = self.variety * own + (1 - self.variety) * cut
        return _with_joints(tones, self._joints(size, place), self.joint)

    def _joints(self, size: int, place: NDArray[np.int64]) -> NDArray[np.bool_]:
        across = np.arange(size) % (size // self.rows) < self.width
        along = place % (size // self.pieces) < self.width
        joints: NDArray[np.bool_] = np.logical_or(across[:, None], along)
        return joints


def _near_edge(size: int, count: int) -> NDArray[np.bool_]:
    edge = np.arange(size) % (size // count) == 0
    near: NDArray[np.bool_] = np.logical_or(edge[:, None], edge[None, :])
    return near


def _with_joints(tones: Array, joints: NDArray[np.bool_], tone: float) -> Array:
    return np.where(joints, tone, tones)
