"""How episodes are run: what the loop is told beside the episodes themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gridseval.suites import Episode

MAX_ATTEMPTS = 3
"""An episode whose worker dies is tried this often before it is recorded as an error."""


def record_nothing(_: Episode) -> int:
    """Record no frames of any episode."""
    return 0


@dataclass(frozen=True)
class RolloutPlan:
    """How episodes are run.

    Attributes:
        replan: Policy steps between two queries, or ``None`` for the whole chunk.
        spread: Start episodes in their order, whatever slots have compiled; else a slot keeps its
            task.
        record_every: Tells for an episode which steps' images listeners get: every n-th, 0 none.
    """

    replan: int | None = None
    record_every: Callable[[Episode], int] = record_nothing
    spread: bool = False
