"""The video of one episode: both cameras, the tokens that the policy kept, and a caption."""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from gridseval.status import Status
from gridseval.tokens.mapping import ImageMapping
from gridseval.tokens.token_trace import TokenTrace
from gridseval.video.caption import CAPTION_HEIGHT_PX, Caption, token_counts
from gridseval.video.encoder import Encoder, Mp4Encoder
from gridseval.video.gif import GifEncoder
from gridseval.video.picture import Picture

_HOLD_S = 1.0


class EpisodeVideo:
    """Writes an episode's frames to a video while the episode runs.

    A picture shows the cameras above and what their tokens covered below (520 × 584 pixels with the
    caption), or the cameras side by side (512 × 320). Without ``overlaid``, the first frame
    decides: if it has no trace, later traces are not drawn. Memory holds only the last picture,
    which the video shows for one more second with the outcome. As a context manager, it discards
    the video on leaving unless it was closed.

    Args:
        path: The video's path, ending in ``.mp4`` or ``.gif``; its folder exists.
        instruction: Shown in the caption.
        fps: Frames per second, above 0; 20 shows each control step in real time.
        mapping: From the model's input image to the frame, for traces.
        overlaid: Whether to draw traces; ``None``: the first frame decides.

    Raises:
        MachineError: There is no ffmpeg.
    """

    def __init__(
        self,
        path: Path,
        instruction: str,
        fps: float = 20,
        mapping: ImageMapping | None = None,
        overlaid: bool | None = None,
    ) -> None:
        self._overlaid = overlaid
        self._path, self._instruction, self._fps = path, instruction, fps
        self._mapping = mapping or ImageMapping()
        self._encoder: Encoder | None = None
        self._picture: Picture
        self._caption: Caption
        self._last: NDArray[np.uint8]
        self._trace: TokenTrace | None = None
        self._ended = False

    def append(
        self,
        agentview: NDArray[np.uint8],
        wrist: NDArray[np.uint8],
        step: int,
        trace: TokenTrace | None = None,
    ) -> None:
        """Add a frame; does nothing once the video has ended or failed.

        Args:
            agentview: uint8 (256, 256, 3), RGB, upright as observations have it.
            wrist: Likewise.
            step: Policy steps executed so far, for the caption.
            trace: What the policy looked at in its last query, if it says so.

        Raises:
            OutputError: The file cannot be written, with the reason. Raised once; then the video
                has ended and its file is removed.
        """
        if self._ended:
            return
        if self._encoder is None:
            # Only now, as an episode that fails in its reset needs no process.
            self._encoder = self._begin(
                trace is not None if self._overlaid is None else self._overlaid
            )
        self._trace = trace if self._picture.overlaid else None
        self._last = self._picture.compose(agentview, wrist, self._trace)
        self._write(self._encoder, f"step {step}", None)

    def close(self, status: Status, steps: int) -> Path | None:
        """Show the outcome for a second and complete the file.

        Args:
            status: How the episode ended.
            steps: Policy steps it took.

        Returns:
            The video's path; ``None`` if there was no frame, or the video had ended before.

        Raises:
            OutputError: As for ``append``.
        """
        if self._ended or self._encoder is None:
            self._ended = True
            return None
        line = ending(status, steps)
        for _ in range(max(1, round(_HOLD_S * self._fps))):
            self._write(self._encoder, line, status)
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

    def _begin(self, overlaid: bool) -> Encoder:
        self._picture = Picture(self._mapping, overlaid)
        self._caption = Caption(self._picture.width, self._instruction)
        kind = GifEncoder if self._path.suffix == ".gif" else Mp4Encoder
        height = self._picture.height + CAPTION_HEIGHT_PX
        return kind(self._path, self._picture.width, height, self._fps)

    def _write(self, encoder: Encoder, line: str, status: Status | None) -> None:
        caption = self._caption.draw(line, status, token_counts(self._trace))
        try:
            encoder.write(np.concatenate([self._last, caption]))
        except Exception:
            self._ended = True
            raise


def ending(status: Status, steps: int) -> str:
    """Return how an episode ended, as captions say it.

    >>> ending("success", 80)
    'success after 80 steps'
    """
    return f"{status} after {steps} step{'' if steps == 1 else 's'}"


def video_name(suite: str, task: int, trial: int, task_name: str) -> str:
    """Return a file name that no other episode has, safe on any file system.

    >>> video_name("libero_goal", 3, 12, "open_the_middle_drawer")
    'libero_goal-03-012-open_the_middle_drawer.mp4'
    """
    safe = _slug(suite)
    if safe != suite:
        # Two suites may differ only in characters that a file name cannot have.
        safe = f"{safe}_{zlib.crc32(suite.encode()):08x}"
    return f"{safe}-{task:02d}-{trial:03d}-{_slug(task_name)}.mp4"


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9_]+", "_", text.lower())[:100].strip("_") or "_"
