"""Marks and cells lie where arithmetic says, whatever the model did to the frame before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from gridseval.tokens import CameraTrace, ImageMapping
from gridseval.tokens.mapping import centre_crop, resize_with_pad, rotated_by_180
from gridseval.video.overlay import MARK_RGB, Overlay

SIDE = 0.9**0.5


class Case(NamedTuple):
    """A mapping, the frame's size, and the same map by hand, in pixels of the frame."""

    mapping: ImageMapping
    width: int
    height: int
    x_px: Callable[[Any], Any]
    y_px: Callable[[Any], Any]


CASES = {
    "identity": Case(ImageMapping(), 256, 256, lambda u: 256 * u, lambda v: 256 * v),
    "rotated": Case(rotated_by_180(), 256, 256, lambda u: 256 * (1 - u), lambda v: 256 * (1 - v)),
    # 90 % of the area, in the middle.
    "cropped": Case(
        centre_crop(0.9),
        256,
        256,
        lambda u: 128 + 256 * SIDE * (u - 0.5),
        lambda v: 128 + 256 * SIDE * (v - 0.5),
    ),
    # 320 × 240 becomes 224 × 168 between two black bars of 28 pixels, upside down.
    "padded and rotated": Case(
        resize_with_pad((320, 240), (224, 224)).after(rotated_by_180()),
        320,
        240,
        lambda u: 320 - 320 * u,
        lambda v: 240 - (224 * v - 28) * 240 / 168,
    ),
}
POINTS = [(0, 0), (1, 0), (0, 1), (1, 1), (0.5, 0.5), (0.031, 0.47), (0.81, 0.1234), (0.3, 0.9)]


def drawn(trace: CameraTrace | None, case: Case, colour: tuple[int, int, int]) -> Any:
    frame = np.full((case.height, case.width, 3), colour, np.uint8)
    before = frame.copy()
    made = Overlay(trace, case.mapping, case.width, case.height).draw(frame)
    assert made.shape == frame.shape and made.dtype == np.uint8
    assert np.array_equal(frame, before), "the frame itself is left alone"
    return made.astype(int)


def chroma(image: Any) -> Any:
    """Return red minus blue, which grey has none of."""
    return image[..., 0] - image[..., 2]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("point", POINTS)
def test_a_point_is_marked_where_it_lies(name: str, point: tuple[float, float]) -> None:
    case = CASES[name]
    trace = CameraTrace("wrist", (16, 16), points=np.array([point], np.float32))
    mark = np.clip(chroma(drawn(trace, case, (0, 0, 0))) / (MARK_RGB[0] - MARK_RGB[2]), 0, 1)
    x, y = case.x_px(point[0]), case.y_px(point[1])
    rows, columns = np.mgrid[: case.height, : case.width] + 0.5
    distance = np.hypot(columns - x, rows - y)
    assert (mark[distance > 5] == 0).all()
    assert (mark[distance < 2] > 0.97).all()
    if 5 < x < case.width - 5 and 5 < y < case.height - 5:
        assert (mark * columns).sum() / mark.sum() == pytest.approx(x, abs=0.1)
        assert (mark * rows).sum() / mark.sum() == pytest.approx(y, abs=0.1)


@pytest.mark.parametrize("name", CASES)
def test_corners_that_are_on_the_frame_are_marked(name: str) -> None:
    case = CASES[name]
    corners = np.array([(0, 0), (1, 0), (0, 1), (1, 1)], np.float32)
    image = drawn(CameraTrace("wrist", (16, 16), points=corners), case, (0, 0, 0))
    for u, v in corners:
        x, y = case.x_px(u), case.y_px(v)
        if name == "padded and rotated":
            assert not 0 <= y <= case.height, "corners are on the bars"
            continue
        pixel = image[int(np.clip(y, 0, 255)), int(np.clip(x, 0, 255))]
        assert np.abs(pixel - MARK_RGB).max() < 10
    if name == "padded and rotated":
        assert (chroma(image) == 0).all()


def shares_of_cells(case: Case, grid: tuple[int, int], fine: int = 8) -> Any:
    """Return which cell every subpixel of a frame belongs to, (H·fine, W·fine, 2), −1 for none."""
    scale_x, scale_y = case.x_px(1) - case.x_px(0), case.y_px(1) - case.y_px(0)
    rows, columns = (np.mgrid[: case.height * fine, : case.width * fine] + 0.5) / fine
    u, v = (columns - case.x_px(0)) / scale_x, (rows - case.y_px(0)) / scale_y
    cells = np.stack([np.floor(v * grid[0]), np.floor(u * grid[1])], axis=-1)
    outside = (u < 0) | (u > 1) | (v < 0) | (v > 1)
    cells[outside] = -1
    return cells


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("grid", [(16, 16), (5, 9)])
def test_cells_cover_their_share_of_every_pixel(name: str, grid: tuple[int, int]) -> None:
    case, fine = CASES[name], 8
    kept = np.zeros(grid, bool)
    kept[0, 0] = kept[-1, -1] = kept[2, 3] = kept[2, 4] = kept[3, 4] = True
    trace = CameraTrace("agentview", grid, kept=kept.ravel())
    share = chroma(drawn(trace, case, (200, 30, 90))) / 110
    cells = shares_of_cells(case, grid, fine).astype(int)
    inside = kept[cells[..., 0], cells[..., 1]] & (cells[..., 0] >= 0)
    expected = inside.reshape(case.height, fine, case.width, fine).mean(axis=(1, 3))
    # A subpixel is an eighth wide, at most half of which is on the wrong side of an edge.
    assert np.abs(share - expected).max() < 0.15
    sure = (expected == 0) | (expected == 1)
    assert np.abs(share - expected)[sure].max() < 0.15 and sure.mean() > 0.9
    assert share.sum() == pytest.approx(expected.sum(), rel=0.01)


@pytest.mark.parametrize("name", CASES)
def test_halos_are_the_bilinear_weights(name: str) -> None:
    case, grid = CASES[name], (8, 12)
    point = (0.37, 0.58)
    trace = CameraTrace("agentview", grid, points=np.array([point], np.float32))
    share = chroma(drawn(trace, case, (250, 0, 0))) / 250
    rows, columns = np.mgrid[: case.height, : case.width] + 0.5
    across = (columns - case.x_px(point[0])) / (case.x_px(1) - case.x_px(0)) * grid[1]
    down = (rows - case.y_px(point[1])) / (case.y_px(1) - case.y_px(0)) * grid[0]
    expected = np.maximum(1 - np.abs(across), 0) * np.maximum(1 - np.abs(down), 0)
    away = np.hypot(columns - case.x_px(point[0]), rows - case.y_px(point[1])) > 5
    assert np.abs(share - expected)[away].max() < 0.02
    assert expected[away].max() > 0.5


def test_what_was_kept_looks_as_it_was() -> None:
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 256, (256, 256, 3)).astype(np.uint8)
    everything = CameraTrace("wrist", (16, 16), kept=np.ones(256, bool))
    assert np.array_equal(Overlay(everything, ImageMapping(), 256, 256).draw(frame), frame)
    kept = rng.random(256) < 0.3
    made = Overlay(CameraTrace("wrist", (16, 16), kept=kept), ImageMapping(), 256, 256).draw(frame)
    colour = kept.reshape(16, 16).repeat(16, 0).repeat(16, 1)
    assert np.array_equal(made[colour], frame[colour])
    pruned = made[~colour].astype(int)
    assert (pruned == pruned[:, :1]).all(), "pruned tokens are grey"
    assert pruned.max() < 128


def test_a_camera_without_tokens_is_darker_than_pruned_ones() -> None:
    case, white = CASES["identity"], (255, 255, 255)
    none = CameraTrace("wrist", (4, 4), kept=np.zeros(16, bool))
    unseen, pruned = drawn(None, case, white), drawn(none, case, white)
    assert unseen.max() < pruned.min() < 128
    cropped = drawn(none, CASES["cropped"], white)
    assert cropped[0, 0, 0] == unseen[0, 0, 0] and cropped[128, 128, 0] == pruned[128, 128, 0]


def test_points_in_one_place_are_one_mark_and_do_not_overflow() -> None:
    points = np.full((300, 2), 0.5, np.float32)
    many = drawn(CameraTrace("wrist", (16, 16), points=points), CASES["identity"], (255, 255, 255))
    one = drawn(CameraTrace("wrist", (16, 16), points=points[:1]), CASES["identity"], (255,) * 3)
    assert (many >= one).all(), "only the halo is stronger"
    assert np.abs(many[128, 128] - MARK_RGB).max() < 5


def test_points_beside_each_other_stay_apart() -> None:
    points = np.array([(0.5, 0.5), (0.5 + 6 / 256, 0.5)], np.float32)
    image = drawn(CameraTrace("wrist", (16, 16), points=points), CASES["identity"], (0, 0, 0))
    for column in (127, 134):
        assert np.abs(image[128, column] - MARK_RGB).max() < 10
    assert image[128, 127:134].max(axis=-1).min() < 80, "an outline is between"
