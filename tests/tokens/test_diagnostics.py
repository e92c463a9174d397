"""Diagnostics of traces, on traces small enough to be counted by eye."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from gridseval.tokens import CameraTrace, TokenTrace
from gridseval.tokens.diagnostics import border_share, duplicate_share, movement, turnover


def kept(*picture: str, camera: str = "agentview") -> TokenTrace:
    """Return a trace from rows of ``#`` and ``.``."""
    mask = np.array([[sign == "#" for sign in row] for row in picture])
    return TokenTrace((CameraTrace(camera, mask.shape, kept=mask.ravel()),))


def points(*places: Sequence[float], camera: str = "wrist") -> TokenTrace:
    array = np.array(places, np.float32).reshape(-1, 2)
    return TokenTrace((CameraTrace(camera, (4, 4), points=array),))


def test_border_of_kept_tokens() -> None:
    assert border_share(kept("#...", ".#..", "..#.", "...#")) == 0.5
    assert border_share(kept("....", ".##.", ".##.", "....")) == 0.0
    assert border_share(kept("..", "..")) is None
    assert border_share(kept(".###", "...#", "...#")) == 1.0


def test_border_of_points() -> None:
    assert border_share(points((0, 0), (1, 1), (0.5, 0.99), (0.5, 0.5))) == 0.75
    assert border_share(points((0.251, 0.251), (0.749, 0.749))) == 0.0
    assert border_share(points()) is None


def test_border_of_a_whole_map_is_60_of_256() -> None:
    everything = TokenTrace((CameraTrace("agentview", (16, 16), kept=np.ones(256, bool)),))
    assert border_share(everything) == 60 / 256


def test_duplicates() -> None:
    assert duplicate_share(kept("##", "..")) == 0.0
    assert duplicate_share(points((0.1, 0.1), (0.2, 0.2), (0.3, 0.1), (0.24, 0))) == 0.5
    assert duplicate_share(points()) is None
    two = TokenTrace((*points((0.1, 0.1)).cameras, *points((0.1, 0.1), camera="a").cameras))
    assert duplicate_share(two) == 0.0


def test_movement_is_in_cells_and_of_points_only() -> None:
    before, after = points((0, 0), (0.5, 0.5)), points((0.75, 1.0), (0.5, 0.5))
    assert movement(before, after) == pytest.approx((np.hypot(3, 4) + 0) / 2)
    assert movement(before, before) == 0.0
    assert movement(before, points((0, 0))) is None
    assert movement(before, kept("#.", "..")) is None
    assert movement(points((0, 0), camera="agentview"), points((0, 0))) is None


def test_turnover_is_the_share_that_is_new() -> None:
    assert turnover(kept("##", ".."), kept("#.", "#.")) == 0.5
    assert turnover(kept("##", ".."), kept("##", "..")) == 0.0
    assert turnover(kept("##", ".."), kept("..", "..")) is None
    assert turnover(kept("##", ".."), kept("##", "..", camera="wrist")) == 1.0
    assert turnover(points((0.1, 0.1)), points((0.2, 0.2), (0.9, 0.9))) == 0.5
