"""The world goes on while the policy thinks: which actions are executed until its answer is there.

Time is counted in policy steps of 0.05 s, per episode: an answer to the observation of step t takes
effect at step t + d. Outcomes therefore do not depend on how many episodes run beside each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from gridseval.suites import Episode

Execution: TypeAlias = Literal["sync", "async"]
Late: TypeAlias = Literal["hold", "repeat"]
Actions: TypeAlias = NDArray[np.float32]

EXECUTIONS: tuple[Execution, ...] = get_args(Execution)
LATE: tuple[Late, ...] = get_args(Late)

_STILL = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0)
"""What the arm did before the first action: it stood, with an open gripper."""


class Delays(Protocol):
    """How long answers take."""

    @property
    def alone(self) -> bool:
        """Whether each slot is to be asked by itself, since the time it takes is what counts."""

    def of(self, episode: Episode, query: int, elapsed_s: float, /) -> int:
        """Return the delay of an answer in policy steps, at least 0.

        Args:
            episode: Whose.
            query: Its number in the episode, from 0.
            elapsed_s: How long the call really took.
        """


@dataclass(frozen=True)
class Timing:
    """How simulated time passes while the policy thinks.

    Attributes:
        delays: How long answers take; ``None``: the world stands still while the policy thinks.
        execution: When the next query comes and which actions of an answer are executed.
            ``"sync"``: after ``replan`` actions of the answer, from its first one on. ``"async"``:
            every ``replan`` steps, or later if the last answer is not there yet; of the answer to
            step t the action number i is for step t + i, so that those of the past are skipped.
        late: What the arm does when the last answer is used up: ``"hold"`` moves nothing and keeps
            the gripper's command, ``"repeat"`` does the last action again.
        most: Steps that an episode has at most: no more are planned.
    """

    delays: Delays | None = None
    execution: Execution = "sync"
    late: Late = "hold"
    most: int | None = None

    @property
    def alone(self) -> bool:
        """Whether each slot is asked by itself."""
        return self.delays is not None and self.delays.alone


class Schedule:
    """The actions of one episode, planned from query to query.

    Args:
        timing: How time passes.
        replan: Policy steps between queries, ``None`` for whole chunks.

    Attributes:
        seams: Steps whose action is the first one of an answer that follows another.
    """

    def __init__(self, timing: Timing, replan: int | None) -> None:
        self._timing, self._replan = timing, replan
        self._rest: Actions = np.zeros((0, 7), np.float32)
        self._last: Actions = np.array(_STILL, np.float32)
        self._steps, self._answers = 0, 0
        self.seams: list[int] = []

    def until_next(self, chunk: Actions, delay: int) -> Actions:
        """Return what is executed from this query to the next one.

        Args:
            chunk: float32 (H, 7), the answer.
            delay: Policy steps until it is there, at least 0.

        Returns:
            float32 (n, 7), n ≥ 1, a copy.
        """
        period = len(chunk) if self._replan is None else min(self._replan, len(chunk))
        if self._timing.execution == "sync":
            used, first = period, 0
        else:
            used, first = (
                max(period, delay),
                delay,
            )  # what was for steps that have passed is skipped
        parts = [*self._waiting(delay), *chunk[first:used]]
        planned = np.array(parts[: self._timing.most], np.float32)
        if self._answers and first < len(chunk):
            self.seams.append(self._steps + delay)
        self._steps, self._answers = self._steps + len(planned), self._answers + 1
        # A copy: a policy may return one buffer again and again.
        self._rest, self._last = chunk[used:].copy(), planned[-1]
        return planned

    def _waiting(self, steps: int) -> list[Actions]:
        """Return what the arm does in a number of steps without a new answer."""
        at_hand = list(self._rest[:steps])
        last = at_hand[-1] if at_hand else self._last
        late = last.copy()
        if self._timing.late == "hold":
            late[:6] = 0
        return at_hand + [late] * (steps - len(at_hand))
