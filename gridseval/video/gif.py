"""A GIF that grows frame by frame.

One palette must suit all frames, and ffmpeg would hold all of them in memory to find it. So
the frames go to a lossless file first, which ffmpeg reads twice.
"""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from gridseval.errors import OutputError
from gridseval.output_files import put_in_place
from gridseval.video.encoder import Mp4Encoder, ffmpeg_hint

_TIMEOUT_S = 600

_MOST_FPS = 5
"""Browsers slow GIFs down that ask for much more, and each frame costs some 30 kB."""

# Without dithering: noise would change from frame to frame, and grow the file by half.
_PALETTE = "palettegen=max_colors=160:stats_mode=full"
_APPLIED = "paletteuse=dither=none:diff_mode=rectangle"


class GifEncoder:
    """Makes a GIF that repeats endlessly, with one palette for all frames.

    Args:
        path: The final path, ending in ``.gif``; its folder exists. Beside it, two files exist
            while it is made: ``<name>.frames.mp4`` and ``<name>.palette.png``.
        width: Of a frame in pixels.
        height: As ``width``.
        fps: Frames per second, above 0; above 5, the GIF leaves out frames.

    Raises:
        MachineError: There is no ffmpeg that can be started.
    """

    def __init__(self, path: Path, width: int, height: int, fps: float) -> None:
        self._path = path
        self._frames = path.with_suffix(".frames.mp4")
        self._palette = path.with_suffix(".palette.png")
        self._part = path.with_suffix(".part.gif")
        self._rate = f"fps={min(fps, _MOST_FPS)}"
        self._encoder = Mp4Encoder(self._frames, width, height, fps, lossless=True)

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Append a frame, uint8 (height, width, 3), RGB.

        Raises:
            OutputError: ffmpeg has ended, with its reason. The files are removed.
        """
        self._encoder.write(frame)

    def finish(self) -> Path:
        """Choose the palette, write the GIF and give it its final name.

        Raises:
            OutputError: The GIF cannot be written, with ffmpeg's reason. The files are removed.
        """
        try:
            frames = ["-i", str(self._encoder.finish())]
            colours = ["-vf", f"{self._rate},{_PALETTE}", "-update", "1"]
            self._convert([*frames, *colours], self._palette)
            applied = ["-i", str(self._palette), "-lavfi", f"[0]{self._rate}[f];[f][1]{_APPLIED}"]
            self._convert([*frames, *applied, "-loop", "0", "-f", "gif"], self._part)
            return put_in_place(self._part, self._path)
        except OSError as error:
            raise OutputError(f"cannot write {self._path}: {error.strerror}") from error
        finally:
            self._clean()

    def abort(self) -> None:
        """Remove all files but a finished GIF. May be called at any time, also twice."""
        self._encoder.abort()
        self._clean()

    def _convert(self, options: list[str], to: Path) -> None:
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error", "-threads", "1"]
        try:
            done = subprocess.run(  # noqa: S603 - no shell, paths are one argument each
                [*command, *options, str(to)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=_TIMEOUT_S,
            )
        except subprocess.TimeoutExpired as error:
            reason = f"ffmpeg took more than {_TIMEOUT_S} s"
            raise OutputError(f"cannot write {self._path}: {reason}") from error
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().partition("\n")[0]
            raise OutputError(
                f"cannot write {self._path}: {said.rpartition('] ')[2] or 'ffmpeg failed'}",
                ffmpeg_hint(said, "--format mp4 needs less space"),
            )

    def _clean(self) -> None:
        for path in (self._frames, self._palette, self._part):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
