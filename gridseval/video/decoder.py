"""Frames of an mp4 file, one at a time.

This runs ffmpeg directly, as ``encoder`` does: ``imageio_ffmpeg.read_frames`` leaves pipes open.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from gridseval.errors import MachineError, OutputError

_STREAM = re.compile(r"Video: .*?, (?P<width>\d+)x(?P<height>\d+)\b.*?, (?P<fps>[\d.]+) fps")


@dataclass(frozen=True)
class Clip:
    """An open video.

    Args:
        width: Of a frame, in pixels.
        height: Likewise.
        fps: Frames per second.
        frames: uint8 (height, width, 3) each, RGB, at least one; ends with the video.
    """

    width: int
    height: int
    fps: float
    frames: Iterator[NDArray[np.uint8]]


@contextlib.contextmanager
def open_clip(path: Path) -> Iterator[Clip]:
    """Read a video while the context lasts.

    Raises:
        MachineError: There is no ffmpeg.
        OutputError: ffmpeg cannot read the file as a video.
    """
    width, height, fps = _describe(path)
    options = ["-v", "error", "-i", str(path), "-an", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    with subprocess.Popen(  # noqa: S603 - no shell, the path is one argument
        [imageio_ffmpeg.get_ffmpeg_exe(), *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        try:
            yield Clip(width, height, fps, _frames(process.stdout, width, height, path))
        finally:
            process.kill()


def _describe(path: Path) -> tuple[int, int, float]:
    try:
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-i", str(path)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)  # noqa: S603
    except (OSError, RuntimeError) as error:
        raise MachineError(
            f"videos need ffmpeg, which cannot be started: {error}", "pip install imageio-ffmpeg"
        ) from error
    said = done.stderr.decode(errors="replace")
    stream = _STREAM.search(said)
    if stream is None:
        reasons = [line for line in said.splitlines() if str(path) in line]
        reason = reasons[-1].rpartition(": ")[2] if reasons else "it holds no video"
        raise OutputError(f"cannot read the video {path}: {reason}")
    return int(stream["width"]), int(stream["height"]), float(stream["fps"])


def _frames(stream: IO[bytes], width: int, height: int, path: Path) -> Iterator[NDArray[np.uint8]]:
    size, count = width * height * 3, 0
    while len(data := stream.read(size)) == size:
        count += 1
        yield np.frombuffer(data, np.uint8).reshape(height, width, 3)
    if not count:
        raise OutputError(f"cannot read the video {path}: it has no frame")
