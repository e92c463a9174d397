"""How episodes are run: what the loop needs beside the episodes themselves."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from gridseval.rollout.answer_limit import AnswerLimit
from gridseval.rollout.timing import Timing
from gridseval.suites import Episode
from gridseval.tokens import TokenTrace

MAX_ATTEMPTS = 3
"""An episode whose worker dies is tried this often before it is recorded as an error."""


def record_nothing(_: Episode) -> int:
    """Record no frames of any episode."""
    return 0


def own_scene(episode: Episode) -> Hashable:
    """Return the episode's task: every task has its own compiled model."""
    return episode.task


@dataclass(frozen=True)
class RolloutPlan:
    """How episodes are run.

    Attributes:
        replan: Policy steps between two queries, or ``None`` for the whole chunk.
        spread: Start episodes in their order, even if slots must compile more scenes; otherwise a
            slot keeps its scene.
        scene: Tells for an episode which compiled model it needs: by default its task's.
        record_every: Tells for an episode which steps' images listeners get: every n-th, 0 none.
        flops: Function from a query's trace to its floating-point operations; ``None`` if unknown.
        timing: Whether the world goes on while the policy thinks, and how.
        limit: How long the policy may take for an answer; ``None`` for any time.
    """

    replan: int | None = None
    record_every: Callable[[Episode], int] = record_nothing
    spread: bool = False
    scene: Callable[[Episode], Hashable] = own_scene
    flops: Callable[[TokenTrace], float] | None = None
    timing: Timing = field(default_factory=Timing)
    limit: AnswerLimit | None = None
