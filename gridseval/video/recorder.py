"""Which episodes get a video, and the videos of running episodes."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gridseval.errors import UsageError
from gridseval.os_errors import RUN_HINTS, os_errors
from gridseval.status import Status
from gridseval.suites import Episode, Suite
from gridseval.tokens import ImageMapping, TokenTrace
from gridseval.video.episode import EpisodeVideo, video_name

RECORD_EVERY = 2
"""Every second control step is a frame: 10 frames/s in real time, at half the rendering."""

VIDEO_FPS = 10


@dataclass(frozen=True)
class VideoChoice:
    """Which episodes get a video.

    Attributes:
        recorded: Episodes whose frames are drawn.
        failures_only: Whether to discard the videos of successes.
    """

    recorded: frozenset[Episode]
    failures_only: bool = False

    @classmethod
    def of(cls, text: str, episodes: Sequence[Episode]) -> VideoChoice:
        """Return the choice that ``--video`` names.

        Args:
            text: ``"none"``, ``"failures"``, ``"all"``, or a number of episodes, which are spread
                over the tasks.
            episodes: All episodes of the run, so that a resumed run chooses the same.

        Raises:
            UsageError: The text is none of these.
        """
        if text == "none":
            return cls(frozenset())
        if text in ("all", "failures"):
            return cls(frozenset(episodes), failures_only=text == "failures")
        # No run has a billion episodes, and int() refuses thousands of digits.
        if re.fullmatch(r"[0-9]{1,9}", text) is None:
            shown = text if len(text) <= 40 else f"{text[:39]}…"
            raise UsageError(f"--video {shown!r} is not none, failures, all or a number")
        spread = sorted(episodes, key=lambda episode: (episode.trial, episode.task))
        return cls(frozenset(spread[: int(text)]))

    def record_every(self, episode: Episode) -> int:
        """Return n if the video wants the images of every n-th step, 0 for no images."""
        return RECORD_EVERY if episode in self.recorded else 0


class _Running:
    """An episode's video and its last frame, whose trace comes only after it."""

    def __init__(self, video: EpisodeVideo) -> None:
        self.video = video
        self.trace: TokenTrace | None = None
        self._held: Mapping[str, Any] | None = None

    def take(self, frame: Mapping[str, Any]) -> None:
        self.draw()
        self._held = frame

    def draw(self) -> None:
        frame, self._held = self._held, None
        if frame is not None:
            self.video.append(frame["agentview"], frame["wrist"], frame["step"], self.trace)

    def query(self, step: int, trace: TokenTrace | None) -> None:
        if self._held is not None and self._held["step"] < step:
            self.draw()  # the policy saw a later image, which is not a frame of the video
        self.trace = trace
        self.draw()


class VideoRecorder:
    """Streams frames of running episodes to their videos, each with the current trace.

    Args:
        suite: For the instructions.
        folder: The folder of the videos; made when the first one starts.
        choice: Which episodes.
        mapping: From the model's input image to the frame, for traces.
    """

    def __init__(
        self,
        suite: Suite,
        folder: Path,
        choice: VideoChoice,
        mapping: ImageMapping | None = None,
    ) -> None:
        self._suite, self._folder, self._choice = suite, folder, choice
        self._mapping = mapping
        self._running: dict[Episode, _Running] = {}

    def on_start(self, episode: Episode) -> None:
        """Begin an episode's video, and discard that of an earlier attempt.

        Raises:
            OutputError: The folder cannot be made.
        """
        self._discard([episode])
        if episode not in self._choice.recorded:
            return
        with os_errors(f"cannot create {self._folder}", hint=RUN_HINTS):
            self._folder.mkdir(parents=True, exist_ok=True)
        instruction = self._suite.tasks[episode.task].instruction
        video = EpisodeVideo(self._path(episode), instruction, VIDEO_FPS, self._mapping)
        self._running[episode] = _Running(video)

    def on_frames(self, episode: Episode, frames: Sequence[Mapping[str, Any]]) -> None:
        """Append frames: ``step``, ``agentview`` and ``wrist``."""
        running = self._running.get(episode)
        if running is not None:
            for frame in frames:
                running.take(frame)

    def on_query(self, episode: Episode, step: int, trace: TokenTrace | None) -> None:
        """Learn what the policy looked at: it is shown until the next query."""
        running = self._running.get(episode)
        if running is not None:
            running.query(step, trace)

    def finish(self, episode: Episode, status: Status, steps: int) -> Path | None:
        """End an episode's video and return its path, or ``None`` if it is not kept."""
        running = self._running.pop(episode, None)
        if running is None:
            return None
        video = running.video
        if self._choice.failures_only and status == "success":
            video.discard()
            # An earlier attempt that ended in an error may have left one.
            with contextlib.suppress(OSError):
                self._path(episode).unlink(missing_ok=True)
            return None
        try:
            running.draw()
            return video.close(status, steps)
        finally:
            video.discard()

    def close(self) -> None:
        """Discard the videos of episodes that have not ended."""
        self._discard(list(self._running))

    def _path(self, episode: Episode) -> Path:
        task = self._suite.tasks[episode.task]
        return self._folder / video_name(episode.suite, episode.task, episode.trial, task.name)

    def _discard(self, episodes: Iterable[Episode]) -> None:
        for episode in episodes:
            running = self._running.pop(episode, None)
            if running is not None:
                running.video.discard()
