"""Keeping what a policy looked at: one file per episode, written while it runs."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gridseval.os_errors import RUN_HINTS, os_errors
from gridseval.suites import Episode
from gridseval.tokens import ImageMapping, TokenTrace
from gridseval.tokens.trace_file import TraceWriter, trace_name


class TraceRecorder:
    """Writes the traces of running episodes; those without any get no file.

    Args:
        folder: Where files go; made when the first trace comes.
        mapping: From the model's input image to the observed frame.
    """

    def __init__(self, folder: Path, mapping: ImageMapping) -> None:
        self._folder, self._mapping = folder, mapping
        self._writers: dict[Episode, TraceWriter] = {}

    def on_start(self, episode: Episode) -> None:
        """Forget what an earlier attempt at the episode left."""
        self._discard(episode)

    def on_frames(self, episode: Episode, frames: Sequence[Mapping[str, Any]]) -> None:
        """Do nothing: frames are drawn again from the actions."""

    def on_query(self, episode: Episode, step: int, trace: TokenTrace | None) -> None:
        """Append a trace.

        Raises:
            OutputError: It cannot be written.
        """
        if episode not in self._writers:
            if trace is None:
                return
            self._writers[episode] = self._begin(episode)
        self._writers[episode].append(step, trace)

    def finish(self, episode: Episode) -> Path | None:
        """Complete an episode's file and return its path, or ``None`` if it had no trace.

        Raises:
            OutputError: It cannot be written.
        """
        writer = self._writers.pop(episode, None)
        return None if writer is None else writer.finish()

    def close(self) -> None:
        """Leave nothing of episodes that have not ended."""
        for episode in list(self._writers):
            self._discard(episode)

    def _begin(self, episode: Episode) -> TraceWriter:
        with os_errors(f"cannot create {self._folder}", hint=RUN_HINTS):
            self._folder.mkdir(parents=True, exist_ok=True)
        key = (episode.suite, episode.task, episode.trial)
        return TraceWriter(self._folder / trace_name(*key), *key, self._mapping)

    def _discard(self, episode: Episode) -> None:
        writer = self._writers.pop(episode, None)
        if writer is not None:
            with contextlib.suppress(OSError):
                writer.discard()
