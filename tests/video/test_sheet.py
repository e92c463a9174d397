"""Contact sheets: which four frames, and where they stand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gridseval.errors import OutputError
from gridseval.tokens import CameraTrace, TokenTrace
from gridseval.video import Frame, Moments, write_sheet
from gridseval.video.sheet import LABEL_HEIGHT_PX, MARGIN_PX


def frame(step: int, trace: TokenTrace | None = None) -> Frame:
    return Frame(
        step,
        np.full((256, 256, 3), (10 * step, 200, 30), np.uint8),
        np.full((256, 256, 3), (30, 10 * step, 200), np.uint8),
        trace,
    )


def play(touching: set[int], closing: set[int], steps: int = 12) -> dict[str, int | None]:
    """Return the steps of the moments of an episode, every second step of which is a frame."""
    moments = Moments()
    moments.take(frame(0))
    for step in range(1, steps + 1):
        moments.note(touching=step in touching, closing=step in closing)
        if step % 2 == 0 or step == steps:
            moments.take(frame(step))
    return {name: None if shown is None else shown.step for name, shown in moments.frames()}


def test_moments_are_the_first_frames_at_or_after_what_happened() -> None:
    found = play(touching={5, 6, 9}, closing={4, 5, 6, 7})
    assert list(found.items()) == [
        ("start", 0),
        ("first contact", 6),
        ("gripper closing", 4),
        ("end", 12),
    ]


def test_what_happens_in_the_last_step_and_what_never_does() -> None:
    assert play(touching={11}, closing=set(), steps=11) == {
        "start": 0,
        "first contact": 11,
        "gripper closing": None,
        "end": 11,
    }


def tiles(path: Path, size: int) -> list[Any]:
    image = np.asarray(Image.open(path).convert("RGB")).astype(int)
    lefts = [MARGIN_PX + number * (size + MARGIN_PX) for number in range(4)]
    assert image.shape[1] == lefts[-1] + size + MARGIN_PX
    return [image[LABEL_HEIGHT_PX:, left : left + size] for left in lefts]


def test_four_pictures_stand_in_their_places(tmp_path: Path) -> None:
    named = [("start", 0), ("first contact", 6), ("gripper closing", None), ("end", 12)]
    moments = [(name, None if step is None else frame(step)) for name, step in named]
    path = write_sheet(tmp_path / "a.png", moments, "open the drawer", "success", 12)
    shown = tiles(path, 512)
    for (_, step), tile in zip(named, shown, strict=True):
        if step is None:
            assert tile[:256].max() < 40, "what did not happen has no picture"
        else:
            assert (tile[:256, :256] == (10 * step, 200, 30)).all()
            assert (tile[:256, 256:] == (30, 10 * step, 200)).all()
    strip = np.asarray(Image.open(path))[-6:, -100:].reshape(-1, 3)
    assert strip.mean(axis=0).argmax() == 1, "success is green"
    assert [each.name for each in tmp_path.iterdir()] == ["a.png"]


def test_pictures_show_the_traces_of_their_steps(tmp_path: Path) -> None:
    def keeping(cell: int) -> TokenTrace:
        return TokenTrace((CameraTrace("agentview", (2, 2), kept=np.arange(4) == cell),))

    moments = [(str(cell), frame(5, keeping(cell))) for cell in range(4)]
    path = write_sheet(tmp_path / "a.png", moments, "open the drawer", "failure", 20)
    for cell, tile in enumerate(tiles(path, 520)):
        assert (tile[:256, :256] == (50, 200, 30)).all()
        below = tile[264:520, :256]
        colour = (below.max(axis=-1) - below.min(axis=-1)).reshape(2, 128, 2, 128).mean(axis=(1, 3))
        assert np.flatnonzero(colour.ravel() > 100).tolist() == [cell]


def test_labels_differ(tmp_path: Path) -> None:
    moments = [("start", frame(2)), ("start", frame(2)), ("end", frame(2)), ("start", frame(4))]
    write_sheet(tmp_path / "a.png", moments, "open the drawer", "success", 12)
    image = np.asarray(Image.open(tmp_path / "a.png"))[:LABEL_HEIGHT_PX]
    labels = [image[:, left : left + 512] for left in range(MARGIN_PX, 4 * 528, 528)]
    assert np.array_equal(labels[0], labels[1])
    assert not np.array_equal(labels[0], labels[2])
    assert not np.array_equal(labels[0], labels[3]), "the step is shown"


def test_a_sheet_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.part.png").symlink_to("/dev/full")
    with pytest.raises(OutputError, match=r"a\.png.*No space left"):
        write_sheet(tmp_path / "a.png", [("start", frame(0))], "open", "success", 1)
    assert not list(tmp_path.iterdir())
    with pytest.raises(OutputError, match="gone"):
        write_sheet(tmp_path / "gone" / "a.png", [("start", frame(0))], "open", "success", 1)
