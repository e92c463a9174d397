"""Policies for replicas in processes, which find them by this file's path."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gridseval.policies import ActionChunk
from gridseval.policies.random_actions import RandomPolicy
from gridseval.suites import Episode


class Once(RandomPolicy):
    """Does something bad once, in the second query of a trial, unless the marker's file is there.

    Args:
        seed: Of the actions.
        marker: The file.
        what: The bad thing.
        trial: The trial.
    """

    def __init__(self, seed: int, marker: str, what: str, trial: int = 1) -> None:
        super().__init__(seed, chunk=3)
        self._marker, self._what, self._trial = Path(marker), what, trial
        self._trials: dict[int, int] = {}
        self.details = {"python": sys.executable}

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        super().reset(slots, episodes)
        self._trials.update(zip(slots, (episode.trial for episode in episodes), strict=True))

    def act(self, observations: Any) -> ActionChunk:
        for slot, step in zip(observations["slots"], observations["steps"], strict=True):
            if self._trials[int(slot)] == self._trial and step and not self._marker.exists():
                self._marker.touch()
                self._misbehave()
        return super().act(observations)

    def _misbehave(self) -> None:
        if self._what == "raise":
            raise KeyError("image")
        os.kill(os.getpid(), {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}[self._what])
        time.sleep(0.5)


class Unloadable(RandomPolicy):
    """Ends its process while it is made."""

    def __init__(self) -> None:
        os.write(2, b"not enough memory\n")
        os._exit(7)
