"""An mp4 file that grows frame by frame.

This runs ffmpeg directly. ``imageio_ffmpeg.write_frames`` does not report whether ffmpeg succeeded
(the disk may fill up while it writes the index), and drops its messages. ffmpeg stays in the run's
process group, so a signal that kills the run kills it too.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import IO, Protocol

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from gridseval.errors import MachineError, OutputError
from gridseval.output_files import put_in_place

_FINISH_TIMEOUT_S = 60
_STEPS = {
    "No space left": "free some space",
    "Disk quota": "your quota is used up: free some space",
    "No such file": "its folder is gone: make it",
    "Unknown encoder": "set IMAGEIO_FFMPEG_EXE to an ffmpeg with libx264",
}


class Encoder(Protocol):
    """A file of moving pictures that grows frame by frame."""

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Append a frame, uint8 (height, width, 3), RGB."""

    def finish(self) -> Path:
        """Complete the file and give it its final name."""

    def abort(self) -> None:
        """Remove what was written. May be called at any time, also twice."""


def ffmpeg_hint(said: str, otherwise: str) -> str:
    """Return the next step for what ffmpeg said.

    >>> ffmpeg_hint("Error writing trailer: No space left on device", "--video none")
    'free some space, or --video none'
    >>> ffmpeg_hint("Conversion failed!", "--video none")
    '--video none'
    """
    known = (step for sign, step in _STEPS.items() if sign in said)
    return ", or ".join([*known, otherwise])


class Mp4Encoder:
    """Streams frames to ffmpeg as h264, yuv420p, with the index in front for players on the web.

    Frames go to ``<name>.part.mp4``, which gets its final name when it is complete: a killed run
    leaves no half video under the final name.

    Args:
        path: The video's final path, ending in ``.mp4``; its folder exists.
        width: Of a frame in pixels, a multiple of 2 (as yuv420p needs), better of 16.
        height: As ``width``.
        fps: Frames per second, above 0.
        lossless: Keep every bit (as RGB, which browsers do not play), for a file to convert.

    Raises:
        MachineError: There is no ffmpeg that can be started.
    """

    def __init__(
        self, path: Path, width: int, height: int, fps: float, lossless: bool = False
    ) -> None:
        self._path = path
        self._part = path.with_suffix(".part.mp4")
        # A file, because an unread pipe could fill up and block ffmpeg.
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the video
        try:
            command = [
                imageio_ffmpeg.get_ffmpeg_exe(),
                *_options(width, height, fps, lossless),
                str(self._part),
            ]
            self._process = subprocess.Popen(  # noqa: S603 - no shell, the path is one argument
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self._log
            )
        except (OSError, RuntimeError) as error:
            self._log.close()
            raise MachineError(
                f"videos need ffmpeg, which cannot be started: {error}",
                "pip install imageio-ffmpeg, or --video none",
            ) from error

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Append a frame, uint8 (height, width, 3), RGB.

        Raises:
            OutputError: ffmpeg has ended, with its reason. The video is removed.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(np.ascontiguousarray(frame).data)
        except OSError as error:
            raise self._fail() from error

    def finish(self) -> Path:
        """Complete the file and give it its final name.

        Raises:
            OutputError: ffmpeg cannot complete the file, with its reason. The file is removed.
        """
        self._close_stdin()
        try:
            failed = self._process.wait(_FINISH_TIMEOUT_S) != 0
        except subprocess.TimeoutExpired:
            failed = True
        if failed:
            raise self._fail()
        self._log.close()
        try:
            return put_in_place(self._part, self._path)
        except OSError as error:
            self._part.unlink(missing_ok=True)
            raise OutputError(f"cannot write video {self._path}: {error.strerror}") from error

    def abort(self) -> None:
        """Stop ffmpeg and remove what was written. May be called at any time, also twice."""
        self._process.kill()
        self._process.wait()
        self._close_stdin()
        self._log.close()
        self._part.unlink(missing_ok=True)

    def _close_stdin(self) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except OSError:
            # ffmpeg has ended, so the buffer cannot be written; its exit status says why.
            return

    def _fail(self) -> OutputError:
        """Clean up after an ffmpeg that failed, and return the error with the reason it gave."""
        if self._process.poll() is None:
            self._wait_or_kill()
        self._log.seek(0)
        # The first line has the cause, "[mp4 @ 0x5…] … No space left", the others what follows.
        said = self._log.read().decode(errors="replace").strip().partition("\n")[0]
        self.abort()
        return OutputError(
            f"cannot write video {self._path}: {said.rpartition('] ')[2] or 'ffmpeg ended'}",
            ffmpeg_hint(said, "--video none does without"),
        )

    def _wait_or_kill(self) -> None:
        try:
            self._process.wait(1)  # a broken pipe is seen a moment before the exit
        except subprocess.TimeoutExpired:
            self._process.kill()


def _options(width: int, height: int, fps: float, lossless: bool) -> list[str]:
    # One thread: the cores belong to the simulation, and a frame takes but 2 ms.
    source = f"-f rawvideo -pix_fmt rgb24 -s {width}x{height} -r {fps} -i -"
    codec = "libx264 -preset veryfast -crf 20 -pix_fmt yuv420p"
    if lossless:
        codec = "libx264rgb -preset ultrafast -qp 0"
    target = f"-an -c:v {codec} -threads 1 -movflags +faststart -f mp4"
    return f"-y -v error {source} {target}".split()
