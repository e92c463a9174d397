"""The map: one row per task, from the records of the expert's run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from gridseval.results import EpisodeRecord
from gridseval.suites import Task

State: TypeAlias = Literal[
    "solved", "partly solved", "not solved", "error", "not run", "lacks data"
]
STATES: tuple[State, ...] = get_args(State)
NEVER_SAID = "the expert did not say"
_STILL_AT_WORK = "still at work"


@dataclass(frozen=True, kw_only=True)
class MapRow:
    """What the expert made of one task.

    Args:
        suite: The suite's name.
        task: The task's index in it.
        name: The task's name.
        base: The base task's name, in LIBERO-Plus; else empty.
        dimension: What LIBERO-Plus perturbs; else empty.
        level: LIBERO-Plus's level, or ``None``.
        state: ``"not solved"`` is by the expert, in these attempts; another policy may. ``"error"``
            if any episode ended in one.
        attempts: Episodes that were run and did not end in an error.
        solved: How many of them the expert solved.
        steps: Mean of their policy steps, of the solved ones; ``None`` if there is none.
        held_at_start: In how many the goal held already when the policy's first step came.
        unsolved: Trials that were not solved.
        phase: Where the expert was in the first of them.
        goal: What it pursued there.
        reasons: Why they were not solved, as far as geometry tells, with their numbers.
        same_as: The task of the suite that was run in place of this one, whose episodes are the
            same; ``None`` if it was run itself.
        never: Why the goal can never hold, as far as its text tells.
        leaves_open: Objects of the goal that the instruction does not tell from others.
        lacks: What must be there before the task can be run.
        error: What went wrong, for an error.
    """

    suite: str
    task: int
    name: str
    base: str = ""
    dimension: str = ""
    level: int | None = None
    state: State
    attempts: int = 0
    solved: int = 0
    steps: float | None = None
    held_at_start: int = 0
    unsolved: tuple[int, ...] = ()
    phase: str = ""
    goal: str = ""
    reasons: Mapping[str, int] = field(default_factory=dict, hash=False)
    same_as: int | None = None
    never: tuple[str, ...] = ()
    leaves_open: tuple[str, ...] = ()
    lacks: str = ""
    error: str | None = None

    @property
    def reason(self) -> str:
        """The reasons as one text, the most frequent first."""
        several = len(self.reasons) > 1
        return "; ".join(f"{k} ({n})" if several else k for k, n in self.reasons.items())


@dataclass(frozen=True)
class TaskMap:
    """A suite's map, with what decides it.

    Args:
        suite: The suite's name.
        trials: Attempts asked for per task.
        expert: The hash of the expert's code and data.
        assets: The name of the assets.
        run: The folder of the run.
        rows: One per task that was asked for, in the suite's order.
    """

    suite: str
    trials: int
    expert: str
    assets: str
    run: Path
    rows: tuple[MapRow, ...]


def row_of(
    task: Task, records: Sequence[EpisodeRecord], state: State | None = None, **known: Any
) -> MapRow:
    """Return a task's row.

    Args:
        task: The task.
        records: Of the episodes that were run for it, which may be another task's.
        state: The row's, or ``None`` for what the records say.
        known: Further fields of the row.
    """
    counted = [record for record in records if record.success is not None]
    solved = [record for record in counted if record.success]
    unsolved = sorted((r for r in counted if not r.success), key=lambda record: record.trial)
    remarks = [_remark(record) for record in unsolved]
    last = remarks[0] if remarks else {}
    reasons = Counter(_reason(remark) for remark in remarks)
    variant = task.variant
    return MapRow(
        suite=task.suite,
        task=task.index,
        name=task.name,
        base=variant.base if variant else "",
        dimension=variant.dimension if variant else "",
        level=variant.level if variant else None,
        state=state or _state(len(records), len(counted), len(solved)),
        attempts=len(counted),
        solved=len(solved),
        steps=sum(r.steps for r in solved) / len(solved) if solved else None,
        held_at_start=sum(_remark(record).get("held_at_start") is True for record in counted),
        unsolved=tuple(record.trial for record in unsolved),
        phase=str(last.get("phase", "")),
        goal=str(last.get("goal", "")),
        reasons=dict(reasons.most_common()),
        error=next((record.error for record in records if record.error is not None), None),
        **known,
    )


def _state(records: int, counted: int, solved: int) -> State:
    if not records:
        return "not run"
    if counted < records:
        return "error"
    if solved == counted:
        return "solved"
    return "partly solved" if solved else "not solved"


def _remark(record: EpisodeRecord) -> Mapping[str, Any]:
    remark = record.extra.get("remark")
    return remark if isinstance(remark, Mapping) else {}


def _reason(remark: Mapping[str, Any]) -> str:
    """Return why an episode ended unsolved: what was still going on ran out of steps."""
    said = str(remark.get("reason") or NEVER_SAID)
    return "out of time" if said == _STILL_AT_WORK else said
