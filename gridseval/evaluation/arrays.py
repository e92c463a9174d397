"""Arrays of episodes, each in a file beside the run's records."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridseval.evaluation.missing import actions_name
from gridseval.os_errors import RUN_HINTS, os_errors
from gridseval.suites import Episode


def save_array(folder: Path, episode: Episode, array: NDArray[Any]) -> None:
    """Write an array of an episode, whole or not at all.

    Args:
        folder: Where its file goes.
        episode: Whose it is.
        array: Its executed actions, float32 (steps, 7), or the flat state it began in, float64.

    Raises:
        OutputError: It cannot be written.
    """
    path = folder / actions_name(episode.suite, episode.task, episode.trial)
    part = path.with_suffix(".part.npy")
    try:
        with os_errors(f"cannot write {path}", hint=RUN_HINTS):
            np.save(part, array, allow_pickle=False)
            part.replace(path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
