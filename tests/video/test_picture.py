"""The four pictures of a moment, and the counts below them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gridseval.tokens import CameraTrace, ImageMapping, TokenTrace
from gridseval.video.caption import Caption, token_counts
from gridseval.video.picture import BACKGROUND_RGB, GAP_PX, Picture

FAR = 256 + GAP_PX
RNG = np.random.default_rng(1)
FRAMES = tuple(RNG.integers(0, 256, (256, 256, 3)).astype(np.uint8) for _ in range(2))


def kept(*cells: int) -> Any:
    mask = np.zeros(256, bool)
    mask[list(cells)] = True
    return mask


def trace(agentview: Any, wrist: Any) -> TokenTrace:
    return TokenTrace(
        (
            CameraTrace("agentview", (16, 16), kept=agentview),
            CameraTrace("wrist", (16, 16), kept=wrist),
        )
    )


def quadrants(image: Any) -> tuple[Any, Any, Any, Any]:
    assert image.shape == (FAR + 256, FAR + 256, 3)
    return image[:256, :256], image[:256, FAR:], image[FAR:, :256], image[FAR:, FAR:]


def in_colour(image: Any) -> set[tuple[int, int]]:
    """Return the cells of 16 × 16 pixels in which anything is not grey."""
    coloured = (image.max(axis=-1) != image.min(axis=-1)).reshape(16, 16, 16, 16).any(axis=(1, 3))
    return {(int(row), int(column)) for row, column in np.argwhere(coloured)}


def test_cameras_stand_above_what_was_kept_of_them() -> None:
    made = Picture(ImageMapping(), overlaid=True).compose(*FRAMES, trace(kept(0, 17), kept(255)))
    first, second, below_first, below_second = quadrants(made)
    assert np.array_equal(first, FRAMES[0]) and np.array_equal(second, FRAMES[1])
    assert in_colour(below_first) == {(0, 0), (1, 1)}
    assert in_colour(below_second) == {(15, 15)}
    for cell, image, frame in ((0, below_first, 0), (240, below_second, 1)):
        part = slice(cell, cell + 16)
        assert np.array_equal(image[part, part], FRAMES[frame][part, part])
    assert (made[256:FAR] == BACKGROUND_RGB).all() and (made[:, 256:FAR] == BACKGROUND_RGB).all()


def test_cameras_are_told_by_name() -> None:
    one = trace(kept(3), kept(200))
    turned = TokenTrace(one.cameras[::-1])
    picture = Picture(ImageMapping(), overlaid=True)
    assert np.array_equal(picture.compose(*FRAMES, one), picture.compose(*FRAMES, turned))


def test_a_camera_that_the_policy_does_not_use_is_dark() -> None:
    only = TokenTrace((CameraTrace("wrist", (16, 16), kept=np.ones(256, bool)),))
    *_, below_first, below_second = quadrants(Picture(ImageMapping(), True).compose(*FRAMES, only))
    assert below_first.max() < 40
    assert np.array_equal(below_second, FRAMES[1])


def test_each_trace_and_each_frame_is_drawn_anew() -> None:
    picture = Picture(ImageMapping(), overlaid=True)
    one, other = trace(kept(1), kept(2)), trace(kept(3), kept(4))
    for shown, cells in ((one, (1, 2)), (other, (3, 4)), (one, (1, 2))):
        *_, first, second = quadrants(picture.compose(*FRAMES, shown))
        assert (in_colour(first), in_colour(second)) == ({(0, cells[0])}, {(0, cells[1])})
    *_, first, _ = quadrants(picture.compose(FRAMES[1], FRAMES[0], one))
    assert np.array_equal(first[:16, 16:32], FRAMES[1][:16, 16:32])


def test_without_a_trace_nothing_is_masked() -> None:
    quarters = quadrants(Picture(ImageMapping(), overlaid=True).compose(*FRAMES, None))
    assert np.array_equal(quarters[2], FRAMES[0]) and np.array_equal(quarters[3], FRAMES[1])
    plain = Picture(ImageMapping(), overlaid=False).compose(*FRAMES, None)
    assert np.array_equal(plain, np.concatenate(FRAMES, axis=1))


def test_counts_are_per_camera_and_in_all() -> None:
    points = np.zeros((4, 2), np.float32)
    mixed = TokenTrace(
        (
            CameraTrace("agentview", (16, 16), kept=kept(1, 5, 9)),
            CameraTrace("wrist", (8, 8), points=points),
        )
    )
    assert [count.text() for count in token_counts(mixed)] == [
        *("agentview 3/256", "wrist 4/64", "all 7/320"),
    ]
    assert token_counts(None) == ()


def test_captions_show_counts_and_nothing_else_moves_when_they_change() -> None:
    caption = Caption(520, "open the drawer")
    few, many = trace(kept(1), kept(2)), trace(kept(*range(100)), kept(2))
    strips = [caption.draw("step 2", None, token_counts(each)) for each in (None, few, many)]
    without, with_few, with_many = (strip.astype(int) for strip in strips)
    assert (without != with_few).any() and (with_few != with_many).any()
    changed = np.flatnonzero((with_few != with_many).any(axis=(0, 2)))
    columns = np.flatnonzero((without != with_few).any(axis=(0, 2)))
    assert columns.min() < changed.min(), "the word before the counts stays"
    assert (without[:, -6:] == with_many[:, -6:]).all(), "the margin stays free"
    wrist = caption.draw("step 2", None, token_counts(trace(kept(1), kept(2, 3)))).astype(int)
    assert np.flatnonzero((with_few != wrist).any(axis=(0, 2))).min() > changed.min()


@pytest.mark.parametrize("name", ["a" * 60, "third-person camera of the left arm"])
def test_counts_that_do_not_fit_leave_the_total(name: str) -> None:
    long = TokenTrace((CameraTrace(name, (16, 16), kept=kept(1)),))
    counts = token_counts(long)
    caption = Caption(520, "open")
    line = "failure after 520 steps"
    assert np.array_equal(
        caption.draw(line, None, counts * 3), caption.draw(line, None, counts[-1:])
    )
