"""Overlay videos as players see them: which trace holds when, and what memory that takes."""

from __future__ import annotations

import subprocess
import tracemalloc
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image, ImageSequence

from gridseval.errors import MachineError, OutputError
from gridseval.suites import Episode, load_suite
from gridseval.tokens import CameraTrace, ImageMapping, TokenTrace
from gridseval.video import EpisodeVideo, VideoChoice, VideoRecorder
from gridseval.video.gif import GifEncoder

SUITE = load_suite("libero_object")
EPISODE = Episode("libero_object", 0, 0)
FAR = 264
RED = np.full((256, 256, 3), (220, 40, 40), np.uint8)


def keeping(cell: int, grid: int = 4) -> TokenTrace:
    """Return a trace of both cameras that keeps one of 4 × 4 cells."""
    kept = np.arange(grid * grid) == cell
    cameras = [CameraTrace(name, (grid, grid), kept=kept) for name in ("agentview", "wrist")]
    return TokenTrace(tuple(cameras))


def frames(*steps: int) -> list[dict[str, Any]]:
    return [{"step": step, "agentview": RED, "wrist": RED} for step in steps]


def decoded(path: Path, width: int = 520, height: int = 584) -> tuple[str, Any]:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(path)]
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-fps_mode", "passthrough", "-"]
    done = subprocess.run([*command, *raw], capture_output=True, check=True)
    stream = next(line for line in done.stderr.decode().splitlines() if "Video:" in line)
    return stream, np.frombuffer(done.stdout, np.uint8).reshape(-1, height, width, 3)


def cells_in_colour(frame: Any, left: int = 0) -> list[int]:
    """Return which of the 4 × 4 cells below are in colour."""
    below = frame[FAR : FAR + 256, left : left + 256].astype(int)
    redness = (below[..., 0] - below[..., 2]).reshape(4, 64, 4, 64).mean(axis=(1, 3))
    return [int(cell) for cell in np.flatnonzero(redness.ravel() > 60)]


def recorder(folder: Path) -> VideoRecorder:
    return VideoRecorder(SUITE, folder, VideoChoice(frozenset([EPISODE])))


def test_a_trace_is_held_until_the_next_query(tmp_path: Path) -> None:
    videos = recorder(tmp_path)
    videos.on_start(EPISODE)
    # As the rollout tells it: the frame that the policy saw comes before its query.
    videos.on_frames(EPISODE, frames(0))
    videos.on_query(EPISODE, 0, keeping(1))
    videos.on_frames(EPISODE, frames(2, 4))
    videos.on_query(EPISODE, 4, keeping(6))
    videos.on_frames(EPISODE, frames(6))
    videos.on_query(EPISODE, 7, keeping(15))  # the image of step 7 is no frame
    videos.on_frames(EPISODE, frames(8, 9))
    path = videos.finish(EPISODE, "success", 9)
    assert path is not None
    stream, shown = decoded(path)
    assert all(part in stream for part in ("h264", "yuv420p", "520x584", " 10 fps"))
    assert len(shown) == 6 + 10
    held = [cells_in_colour(frame) for frame in shown]
    assert held == [[1], [1], [6], [6], [15], [15]] + [[15]] * 10
    assert held == [cells_in_colour(frame, FAR) for frame in shown], "the wrist's are the same here"
    above = shown[:, :250, :250].astype(int)
    assert np.abs(above - RED[:250, :250]).max() < 25
    assert shown[-1, 530:, :60].mean(axis=(0, 1)).argmax() == 1, "the end is green"


def test_a_retry_forgets_the_earlier_attempt(tmp_path: Path) -> None:
    videos = recorder(tmp_path)
    for cell in (3, 12):
        videos.on_start(EPISODE)
        videos.on_frames(EPISODE, frames(0))
        if cell == 12:
            videos.on_query(EPISODE, 0, keeping(cell))
            videos.on_frames(EPISODE, frames(2))
    path = videos.finish(EPISODE, "failure", 2)
    assert path is not None
    assert [cells_in_colour(frame) for frame in decoded(path)[1][:2]] == [[12], [12]]


def test_a_policy_without_traces_gets_the_cameras_alone(tmp_path: Path) -> None:
    videos = recorder(tmp_path)
    videos.on_start(EPISODE)
    videos.on_frames(EPISODE, frames(0))
    videos.on_query(EPISODE, 0, None)
    videos.on_frames(EPISODE, frames(2))
    path = videos.finish(EPISODE, "success", 2)
    assert path is not None
    assert "512x320" in decoded(path, 512, 320)[0]


def test_a_query_that_says_nothing_masks_nothing(tmp_path: Path) -> None:
    videos = recorder(tmp_path)
    videos.on_start(EPISODE)
    for step, trace in ((0, keeping(5)), (2, None), (4, keeping(9))):
        videos.on_frames(EPISODE, frames(step))
        videos.on_query(EPISODE, step, trace)
    path = videos.finish(EPISODE, "success", 4)
    assert path is not None
    shown = decoded(path)[1][:3]
    assert [cells_in_colour(frame) for frame in shown] == [[5], list(range(16)), [9]]


def test_points_survive_the_encoder_where_they_lie(tmp_path: Path) -> None:
    points = np.array([(0.25, 0.5), (0.75, 0.125)], np.float32)
    trace = TokenTrace((CameraTrace("agentview", (16, 16), points=points),))
    grey = np.full((256, 256, 3), 90, np.uint8)
    turned = ImageMapping((-1.0, -1.0), (1.0, 1.0))
    with EpisodeVideo(tmp_path / "a.mp4", "open", 10, turned) as video:
        for step in range(3):
            video.append(grey, grey, step, trace)
        video.close("success", 3)
    below = decoded(tmp_path / "a.mp4")[1][1][FAR : FAR + 256, :256].astype(int)
    amber = below[..., 0] - below[..., 2] > 100
    for x, y in ((192, 128), (64, 224)):
        assert amber[y - 1 : y + 1, x - 1 : x + 1].all()
        amber[y - 6 : y + 6, x - 6 : x + 6] = False
    assert not amber.any()


def test_a_gif_opens_and_shows_the_same(tmp_path: Path) -> None:
    with EpisodeVideo(tmp_path / "a.gif", "open", 10) as video:
        for step in range(0, 20, 2):
            video.append(RED, RED, step, keeping(step // 4))
        assert video.close("failure", 20) == tmp_path / "a.gif"
    assert [each.name for each in tmp_path.iterdir()] == ["a.gif"]
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.size == (520, 584) and gif.info["loop"] == 0
        shown = []
        for frame in ImageSequence.Iterator(gif):
            shown += [(np.asarray(frame.convert("RGB")), frame.info["duration"])]
    # Players show a frame that repeats once, for longer: 2 seconds in all, every fifth of one.
    assert sum(duration for _, duration in shown) == 2000
    times = np.cumsum([0, *(duration for _, duration in shown[:-1])])
    for number in range(5):
        at = int(np.searchsorted(times, 200 * number, side="right")) - 1
        assert cells_in_colour(shown[at][0]) in ([number], [min(number + 1, 4)])
    assert cells_in_colour(shown[-1][0]) == [4]
    assert shown[-1][0][540:, -40:].mean(axis=(0, 1)).argmax() == 0, "the end is red"


def test_a_gif_that_was_not_closed_leaves_nothing(tmp_path: Path) -> None:
    with EpisodeVideo(tmp_path / "a.gif", "open", 10) as video:
        video.append(RED, RED, 0, keeping(0))
    assert not list(tmp_path.iterdir())


def test_a_gif_whose_conversion_fails_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = GifEncoder(tmp_path / "a.gif", 64, 64, 10)
    encoder.write(np.zeros((64, 64, 3), np.uint8))
    script = tmp_path / "ffmpeg"
    script.write_text("#!/bin/sh\necho 'it broke' >&2\nexit 3\n")
    script.chmod(0o755)
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: str(script))
    with pytest.raises(OutputError, match="it broke"):
        encoder.finish()
    encoder.abort()
    assert [each.name for each in tmp_path.iterdir()] == ["ffmpeg"]
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: str(tmp_path / "none"))
    with pytest.raises(MachineError):
        GifEncoder(tmp_path / "b.gif", 64, 64, 10)


@pytest.mark.parametrize("name", ["a.mp4", "a.gif"])
def test_memory_does_not_grow_with_the_episode(tmp_path: Path, name: str) -> None:
    with EpisodeVideo(tmp_path / name, "open", 10) as video:
        video.append(RED, RED, 0, keeping(0))
        tracemalloc.start()
        for step in range(1, 41):
            video.append(RED, RED, step, keeping(step % 16))
        video.close("success", 41)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    # One frame is 0.9 MB, of which a list of 40 would make 36.
    assert most < 15_000_000
