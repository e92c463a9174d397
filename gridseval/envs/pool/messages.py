"""The messages between the pool and its workers.

Both ends are ours, on one machine, over a private socket, so pickles are safe here.
Arrays of observations travel through shared memory. Recorded frames travel in messages: a reply
holds those of one chunk, at most one of 393 kB (both images) per step and one more at the start, so
a chunk that runs a whole episode of 520 steps with every frame recorded replies with 205 MB.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Start:
    """Start an episode.

    Attributes:
        task: Index of the task.
        trial: Number of the stored initial state.
        record_every: Report both images of every n-th step; 0 for none.
        seed: A new seed for LIBERO, or ``None`` to keep the present one.
    """

    task: int
    trial: int
    record_every: int = 0
    seed: int | None = None


@dataclass(frozen=True)
class Step:
    """Execute actions.

    Attributes:
        actions: float32 (n, 7), or (7,) where the environment takes single actions.
    """

    actions: NDArray[np.float32]


@dataclass(frozen=True)
class Close:
    """End the process."""


@dataclass(frozen=True)
class Reply:
    """The reply to a message.

    Attributes:
        slot: The worker's number.
        observation: As of the environment, with images and state copied out of shared memory.
        reward: 1.0 in the step that reached the goal, else 0.0.
        terminated: The goal was reached.
        truncated: The steps ran out.
        info: As of the environment, with the ``frames`` of this message if they are recorded, plus
            ``seconds`` by what they were spent on.
        failure: Why the episode was lost (crash, time-out, exception), or ``None``.
    """

    slot: int
    observation: dict[str, Any] = field(default_factory=dict)
    reward: float = 0.0
    terminated: bool = False
    truncated: bool = False
    info: dict[str, Any] = field(default_factory=dict)
    failure: str | None = None


@dataclass(frozen=True)
class Refusal:
    """A user's error (a :class:`~gridseval.errors.GridsevalError`) that arose in a worker.

    It ends the run, unless it says that the machine lacks something which it had before.
    """

    error: Exception
