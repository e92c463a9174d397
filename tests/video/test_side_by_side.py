"""Two videos as one."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest

from gridseval.errors import OutputError
from gridseval.video.encoder import Mp4Encoder
from gridseval.video.side_by_side import LABEL_HEIGHT_PX, write_side_by_side


def clip(path: Path, frames: int, channel: int, size: tuple[int, int] = (64, 48)) -> Path:
    """Write a video in one colour that gets brighter with each frame."""
    encoder = Mp4Encoder(path, *size, 10)
    for number in range(frames):
        image = np.zeros((size[1], size[0], 3), np.uint8)
        image[..., channel] = 60 + 20 * number
        encoder.write(image)
    return encoder.finish()


def frames_of(path: Path, width: int, height: int) -> Any:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path)]
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-fps_mode", "passthrough", "-"]
    done = subprocess.run([*command, *raw], capture_output=True, check=True)
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, height, width, 3)


@pytest.mark.parametrize("lengths", [(3, 8), (8, 3), (5, 5)])
def test_the_shorter_one_holds_its_last_frame(tmp_path: Path, lengths: tuple[int, int]) -> None:
    first, second = clip(tmp_path / "a.mp4", lengths[0], 0), clip(tmp_path / "b.mp4", lengths[1], 2)
    to = tmp_path / "both.mp4"
    assert write_side_by_side(first, second, to) == to
    shown = frames_of(to, 128, 48 + LABEL_HEIGHT_PX)
    assert len(shown) == max(lengths)
    for number, frame in enumerate(shown):
        left, right = (frame[LABEL_HEIGHT_PX + 8 : -8, at : at + 48] for at in (8, 72))
        for part, channel, length in ((left, 0, lengths[0]), (right, 2, lengths[1])):
            expected = np.zeros(3)
            expected[channel] = 60 + 20 * min(number, length - 1)
            assert np.abs(part.mean(axis=(0, 1)) - expected).max() < 10
    assert {each.name for each in tmp_path.iterdir()} == {"a.mp4", "b.mp4", "both.mp4"}


def test_labels_stand_above_each(tmp_path: Path) -> None:
    first, second = clip(tmp_path / "a.mp4", 2, 0), clip(tmp_path / "b.mp4", 2, 2)
    write_side_by_side(first, second, tmp_path / "c.mp4", ("A", "B: " + "long " * 40))
    strip = frames_of(tmp_path / "c.mp4", 128, 80)[0, :LABEL_HEIGHT_PX].max(axis=(0, 2))
    assert strip[:30].max() > 150, "A is drawn"
    assert strip[30:60].max() < 80, "and nothing beside it"
    assert strip[66:].max() > 150
    assert strip[-4:].max() < 80, "a long label is shortened"


def test_other_sizes_are_padded(tmp_path: Path) -> None:
    first = clip(tmp_path / "a.mp4", 2, 0, (64, 48))
    second = clip(tmp_path / "b.mp4", 2, 2, (40, 90))
    write_side_by_side(first, second, tmp_path / "c.mp4")
    shown = frames_of(tmp_path / "c.mp4", 112, 96 + LABEL_HEIGHT_PX)
    assert shown[0, LABEL_HEIGHT_PX + 60 :, :60].max() < 30
    assert shown[0, LABEL_HEIGHT_PX + 60, 80, 2] > 40


@pytest.mark.parametrize("content", [b"", b"this is no video" * 99, "cut"])
def test_a_broken_video_is_named_and_nothing_is_left(tmp_path: Path, content: bytes | str) -> None:
    first = clip(tmp_path / "a.mp4", 3, 0)
    broken = tmp_path / "b.mp4"
    broken.write_bytes(first.read_bytes()[:700] if isinstance(content, str) else content)
    with pytest.raises(OutputError, match=r"cannot read the video .*b\.mp4"):
        write_side_by_side(first, broken, tmp_path / "c.mp4")
    assert {each.name for each in tmp_path.iterdir()} == {"a.mp4", "b.mp4"}


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    first = clip(tmp_path / "a.mp4", 3, 0)
    with pytest.raises(OutputError, match="gone"):
        write_side_by_side(first, first, tmp_path / "gone" / "c.mp4")
