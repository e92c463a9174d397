"""Where the recorded actions of two runs part.

A run made with ``--record-actions`` keeps, per episode, ``actions/<suite>-<task>-<trial>.npy``:
float32 (steps, 7). The simulation is deterministic, so equal actions mean equal trajectories.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridseval.array_files import read_npy
from gridseval.errors import OutputError
from gridseval.results.run.reading import Run
from gridseval.results.run.record import EpisodeKey
from gridseval.run_names import ACTIONS

if TYPE_CHECKING:
    from numpy.typing import NDArray


def actions_of(run: Run, key: EpisodeKey) -> Path | None:
    """Return the file with an episode's recorded actions, or ``None`` if there is none."""
    suite, task, trial = key
    for path in run.paths:
        file = path / ACTIONS / f"{suite}-{task}-{trial}.npy"
        if file.is_file():
            return file
    return None


def equal_steps(first: Path, second: Path) -> int | None:
    """Return how many steps two trajectories share before they part, or ``None`` if they do not.

    The number is also the index, from 0, of the first step that differs; where one trajectory is
    the other's beginning, it is the length of the shorter one. Actions are compared bit by bit.

    Raises:
        OutputError: A file does not hold the actions of an episode.
    """
    import numpy as np  # here, since listing and reading records do not need it

    one, other = read_actions(first), read_actions(second)
    shared = min(len(one), len(other))
    same = (one[:shared].view(np.uint32) == other[:shared].view(np.uint32)).all(axis=1)
    if not same.all():
        return int(same.argmin())
    return None if len(one) == len(other) else shared


def read_actions(path: Path) -> NDArray[Any]:
    """Return recorded actions, float32 (steps, 7).

    Raises:
        OutputError: The file does not hold the actions of an episode.
    """
    import numpy as np

    try:
        actions = read_npy(path)
    except (OSError, ValueError) as error:
        raise OutputError(f"cannot read the actions {path}: {error}") from error
    if actions.ndim != 2 or actions.dtype.kind not in "fiu":
        raise OutputError(f"{path} does not hold the actions of an episode")
    return np.ascontiguousarray(actions, dtype=np.float32)
