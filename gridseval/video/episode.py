"""The video of one episode: both cameras side by side, with a caption."""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from types import TracebackType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gridseval.video.caption import CAPTION_HEIGHT_PX, Caption
from gridseval.video.encoder import Mp4Encoder

Outcome = Literal["success", "failure", "error"]

IMAGE_PX = 256
_HOLD_S = 1.0


class EpisodeVideo:
    """Writes an episode's frames to an mp4 file while the episode runs.

    Frames are 512 × 320 pixels (multiples of 16, as h264 blocks are): agentview left, wrist right,
    the caption below. Nothing is kept in memory but the last frame, which is shown for one more
    second with the outcome. As a context manager, it is discarded on leaving unless it was closed.

    Args:
        path: The video's path, ending in ``.mp4``; its folder exists.
        instruction: Shown in the caption.
        fps: Frames per second, above 0; 20 shows each control step in real time.

    Raises:
        MachineError: There is no ffmpeg.
    """

    def __init__(self, path: Path, instruction: str, fps: float = 20) -> None:
        self._path = path
        self._caption = Caption(2 * IMAGE_PX, instruction)
        self._fps = fps
        self._encoder: Mp4Encoder | None = None
        self._cameras: NDArray[np.uint8] | None = None
        self._ended = False

    def append(self, agentview: NDArray[np.uint8], wrist: NDArray[np.uint8], step: int) -> None:
        """Add a frame; does nothing once the video has ended or failed.

        Args:
            agentview: uint8 (256, 256, 3), RGB, upright as observations have it.
            wrist: Likewise.
            step: Policy steps executed so far, for the caption.

        Raises:
            OutputError: The file cannot be written, with the reason; raised once, then the video is
                over and nothing of it is left.
        """
        if self._ended:
            return
        self._cameras = np.concatenate([agentview, wrist], axis=1)
        assert self._cameras.shape == (IMAGE_PX, 2 * IMAGE_PX, 3)
        if self._encoder is None:
            # Only now, since an episode that dies in its reset should cost no process.
            size = (2 * IMAGE_PX, IMAGE_PX + CAPTION_HEIGHT_PX)
            self._encoder = Mp4Encoder(self._path, *size, self._fps)
        self._write(self._encoder, f"step {step}", None)

    def close(self, outcome: Outcome, steps: int) -> Path | None:
        """Show the outcome for a second and complete the file.

        Args:
            outcome: How the episode ended.
            steps: Policy steps it took.

        Returns:
            The video's path; ``None`` if there was no frame, or the video had ended before.

        Raises:
            OutputError: As for ``append``.
        """
        if self._ended or self._encoder is None:
            self._ended = True
            return None
        line = f"{outcome} after {steps} step{'' if steps == 1 else 's'}"
        for _ in range(max(1, round(_HOLD_S * self._fps))):
            self._write(self._encoder, line, outcome)
        try:
            path = self._encoder.finish()
        finally:
            # An interrupt in here leaves ffmpeg running, and only abort() ends it.
            self._encoder.abort()
            self._ended = True
        return path

    def discard(self) -> None:
        """Stop and leave no file; does nothing after ``close``."""
        if self._encoder is not None and not self._ended:
            self._encoder.abort()
        self._ended = True

    def __enter__(self) -> EpisodeVideo:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.discard()

    def _write(self, encoder: Mp4Encoder, line: str, outcome: Outcome | None) -> None:
        assert self._cameras is not None
        caption = self._caption.draw(line, outcome)
        try:
            encoder.write(np.concatenate([self._cameras, caption]))
        except Exception:
            self._ended = True
            raise


def video_name(suite: str, task: int, trial: int, task_name: str) -> str:
    """Return a file name that no other episode has, safe on any file system.

    >>> video_name("libero_goal", 3, 12, "open_the_middle_drawer")
    'libero_goal-03-012-open_the_middle_drawer.mp4'
    """
    safe = _slug(suite)
    if safe != suite:
        # Two suites may differ only in what a file name cannot hold.
        safe = f"{safe}_{zlib.crc32(suite.encode()):08x}"
    return f"{safe}-{task:02d}-{trial:03d}-{_slug(task_name)}.mp4"


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9_]+", "_", text.lower())[:100].strip("_") or "_"
