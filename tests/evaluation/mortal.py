"""``nano`` that kills its own process once, for replicas and servers."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gridseval.policies import ActionChunk
from gridseval.policies.nano.policy import NanoPolicy
from gridseval.suites import Episode


class Mortal(NanoPolicy):
    """Dies in the second query of trial 1, unless the marker's file is there.

    Args:
        marker: The file.
        seed: As of ``nano``.
        pruner: As of ``nano``.
        k: Tokens per camera.
    """

    def __init__(self, marker: str, seed: int, pruner: str, k: int | None = None) -> None:
        super().__init__(None, seed, pruner, **({} if k is None else {"k": k}))
        self._marker = Path(marker)
        self._trials: dict[int, int] = {}

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        super().reset(slots, episodes)
        self._trials.update(zip(slots, (episode.trial for episode in episodes), strict=True))

    def act(self, observations: Any) -> ActionChunk:
        for slot, step in zip(observations["slots"], observations["steps"], strict=True):
            if self._trials[int(slot)] == 1 and step and not self._marker.exists():
                self._marker.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return super().act(observations)
