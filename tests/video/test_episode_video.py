from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest

from gridseval.errors import MachineError, OutputError
from gridseval.video import EpisodeVideo, video_name


def frames(step: int) -> tuple[Any, Any]:
    """Return an agentview and a wrist image of one colour each, other ones at each step."""
    agentview = np.full((256, 256, 3), (200, 40, 10 * step), np.uint8)
    return agentview, np.full((256, 256, 3), (10, 220, 10 * step), np.uint8)


def record(path: Path, count: int, outcome: Any = "success", fps: float = 20) -> Path | None:
    with EpisodeVideo(path, "open the middle drawer", fps=fps) as video:
        for step in range(count):
            video.append(*frames(step), step)
        return video.close(outcome, count)


def read(path: Path) -> tuple[str, Any]:
    """Return what ffmpeg says of a video, and its frames, uint8 (count, 320, 512, 3)."""
    options = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-fps_mode", "passthrough", "-"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(path), *options]
    done = subprocess.run(command, capture_output=True, check=True)
    stream = next(line for line in done.stderr.decode().splitlines() if "Video:" in line)
    return stream, np.frombuffer(done.stdout, np.uint8).reshape(-1, 320, 512, 3)


def test_a_video_holds_every_frame_and_one_second_of_the_outcome(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    assert record(path, 12) == path
    stream, shown = read(path)
    assert all(part in stream for part in ("h264", "yuv420p", "512x320", " 20 fps"))
    assert len(shown) == 12 + 20
    for step in range(12):
        agentview, wrist = frames(step)
        assert np.abs(shown[step, :250, :250] - agentview[:250, :250].astype(int)).max() < 12
        assert np.abs(shown[step, :250, 262:] - wrist[:250, :250].astype(int)).max() < 12
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.mp4"]


def test_the_index_is_in_front(tmp_path: Path) -> None:
    record(tmp_path / "a.mp4", 3)
    content = (tmp_path / "a.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


@pytest.mark.parametrize(("outcome", "channel"), [("success", 1), ("failure", 0), ("error", 0)])
def test_the_caption_changes_with_the_outcome(tmp_path: Path, outcome: str, channel: int) -> None:
    record(tmp_path / "a.mp4", 5, outcome)
    _, shown = read(tmp_path / "a.mp4")
    running, ended = (shown[index, 256:, -40:].mean(axis=(0, 1)) for index in (4, -1))
    assert running.max() < 50
    assert ended.argmax() == channel and ended.max() > 80
    assert np.abs(shown[-1, :250].astype(int) - shown[4, :250]).max() < 12


@pytest.mark.parametrize(("fps", "held"), [(2.5, 2), (0.5, 1), (30, 30)])
def test_frames_may_be_shown_at_another_rate(tmp_path: Path, fps: float, held: int) -> None:
    record(tmp_path / "a.mp4", 3, fps=fps)
    stream, shown = read(tmp_path / "a.mp4")
    assert float(stream.split(" fps")[0].split()[-1]) == fps and len(shown) == 3 + held


def test_until_it_is_closed_a_video_has_no_final_name(tmp_path: Path) -> None:
    video = EpisodeVideo(tmp_path / "a.mp4", "open")
    assert not list(tmp_path.iterdir())
    for step in range(40):
        video.append(*frames(step % 20), step)
        assert not (tmp_path / "a.mp4").exists()
    video.close("failure", 40)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.mp4"]


def test_an_older_video_and_a_left_over_part_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("old")
    (tmp_path / "a.part.mp4").write_text("left by a run that was killed")
    record(tmp_path / "a.mp4", 2)
    assert len(read(tmp_path / "a.mp4")[1]) == 22
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.mp4"]


def test_a_discarded_video_leaves_nothing(tmp_path: Path) -> None:
    video = EpisodeVideo(tmp_path / "a.mp4", "open")
    for step in range(20):
        video.append(*frames(step), step)
    video.discard()
    video.discard()
    video.append(*frames(0), 0)
    assert video.close("success", 1) is None
    assert not list(tmp_path.iterdir())


def test_an_error_in_the_episode_discards_its_video(tmp_path: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        EpisodeVideo(tmp_path / "a.mp4", "open") as video,
    ):
        video.append(*frames(0), 0)
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_discarding_after_closing_keeps_the_video(tmp_path: Path) -> None:
    video = EpisodeVideo(tmp_path / "a.mp4", "open")
    video.append(*frames(0), 0)
    assert video.close("success", 1) == tmp_path / "a.mp4"
    video.discard()
    assert (tmp_path / "a.mp4").exists()


def test_an_episode_without_frames_has_no_video(tmp_path: Path) -> None:
    assert record(tmp_path / "a.mp4", 0, "error") is None
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_reported_once_with_the_reason(tmp_path: Path) -> None:
    video = EpisodeVideo(tmp_path / "gone" / "a.mp4", "open")
    with pytest.raises(OutputError, match=r"gone/a\.mp4: .*No such file or directory"):
        for step in range(200):
            video.append(*frames(step % 20), step)
    video.append(*frames(0), 0)
    assert video.close("success", 1) is None


def test_a_full_disk_is_reported_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.part.mp4").symlink_to("/dev/full")
    with pytest.raises(OutputError, match="No space left on device"):
        record(tmp_path / "a.mp4", 5)
    assert not list(tmp_path.iterdir())


def test_a_final_name_that_is_taken_by_a_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "a.mp4" / "inside").mkdir(parents=True)
    with pytest.raises(OutputError, match=r"a\.mp4: .*directory"):
        record(tmp_path / "a.mp4", 1)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.mp4"]


def test_an_ffmpeg_that_dies_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "ffmpeg"
    script.write_text("#!/bin/sh\nhead -c 1000 > /dev/null\necho 'it broke' >&2\nexit 3\n")
    script.chmod(0o755)
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: str(script))
    video = EpisodeVideo(tmp_path / "a.mp4", "open")
    with pytest.raises(OutputError, match="it broke"):
        for step in range(20):
            video.append(*frames(step), step)
    video.discard()


def test_a_missing_ffmpeg_is_a_fault_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: str(tmp_path / "none"))
    with pytest.raises(MachineError, match="--video none"):
        EpisodeVideo(tmp_path / "a.mp4", "open").append(*frames(0), 0)


def test_memory_does_not_grow_with_the_episode(tmp_path: Path) -> None:
    import tracemalloc

    video = EpisodeVideo(tmp_path / "a.mp4", "open")
    video.append(*frames(0), 0)
    tracemalloc.start()
    for step in range(60):
        video.append(*frames(step % 20), step)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    video.discard()
    assert kept < 2_000_000


def test_names_are_unique_and_safe() -> None:
    assert (
        video_name("libero_10", 0, 7, "KITCHEN_turn_on") == "libero_10-00-007-kitchen_turn_on.mp4"
    )
    others = ["libero_10", "libero-10", "LIBERO_10", "libero/10", "../libero_10", "", "-"]
    names = [
        video_name(suite, task, trial, "a/b: c?" * 60)
        for suite in others
        for task in (0, 1, 11, 111)
        for trial in (0, 1, 11, 1111)
    ]
    assert len({name.lower() for name in names}) == len(names)
    for name in names:
        assert len(name) < 200 and set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-.")
