"""What an episode's traces say of a pruner: how much it keeps, where, and how it moves.

All figures are plain numbers, per query or between two queries. A map of rows × columns tokens is
meant wherever a cell is named; a sampled point lies in the cell that its place falls into.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from gridseval.tokens.token_trace import CameraTrace, TokenTrace


def border_share(trace: TokenTrace) -> float | None:
    """Return the share of what was kept that lies in its map's outermost ring of cells.

    Keeping everything, or sampling evenly, gives 60/256 = 0.23 on a map of 16 × 16. A sampler whose
    coordinates run into the border gives 1. ``None`` if nothing was kept.
    """
    kept = [_cells(camera) for camera in trace.cameras]
    if not trace.kept_count:
        return None
    on_border = 0
    for camera, cells in zip(trace.cameras, kept, strict=True):
        rows, columns = camera.grid
        outer = (cells == 0) | (cells == (columns - 1, rows - 1))
        on_border += int(outer.any(axis=1).sum())
    return on_border / trace.kept_count


def duplicate_share(trace: TokenTrace) -> float | None:
    """Return the share of what was kept that lies in a cell where something else was kept already.

    Always 0 for kept tokens, which are unique by their form. ``None`` if nothing was kept.
    """
    if not trace.kept_count:
        return None
    unique = sum(len(np.unique(_cells(camera), axis=0)) for camera in trace.cameras)
    return 1 - unique / trace.kept_count


def movement(earlier: TokenTrace, later: TokenTrace) -> float | None:
    """Return how far sampled points moved between two queries: the mean distance in cells.

    A point is compared with the one of the same number. ``None`` for kept tokens, and where the
    cameras or the numbers of points differ.
    """
    moved: list[NDArray[np.float64]] = []
    for before, after in zip(earlier.cameras, later.cameras, strict=False):
        if before.points is None or after.points is None:
            return None
        if before.camera != after.camera or before.points.shape != after.points.shape:
            return None
        size = np.array([after.grid[1], after.grid[0]], np.float64)
        moved.append(np.linalg.norm((after.points - before.points) * size, axis=1))
    return float(np.concatenate(moved).mean()) if sum(map(len, moved)) else None


def turnover(earlier: TokenTrace, later: TokenTrace) -> float | None:
    """Return which share of the cells that are kept now was not kept in the query before.

    For sampled points, the cells that they lie in. ``None`` if nothing is kept now.
    """
    before: Mapping[str, set[tuple[int, int]]] = {c.camera: _cell_set(c) for c in earlier.cameras}
    now = [(camera.camera, _cell_set(camera)) for camera in later.cameras]
    total = sum(len(cells) for _, cells in now)
    fresh = sum(len(cells - before.get(name, set())) for name, cells in now)
    return fresh / total if total else None


def _cells(camera: CameraTrace) -> NDArray[np.int64]:
    """Return the cells kept, int64 (K, 2): column, row; one row per token or point."""
    rows, columns = camera.grid
    if camera.points is not None:
        size = np.array([columns, rows])
        cells: NDArray[np.int64] = np.floor(camera.points * size).astype(np.int64)
        return cells.clip(max=size - 1)
    assert camera.kept is not None
    index = np.flatnonzero(camera.kept)
    return np.stack([index % columns, index // columns], axis=1)


def _cell_set(camera: CameraTrace) -> set[tuple[int, int]]:
    return {(int(column), int(row)) for column, row in _cells(camera)}
