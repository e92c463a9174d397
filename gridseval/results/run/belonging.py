"""Which records belong to a run: a copied line of another run would be counted ("33 of 30")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

from gridseval.results.run.record import EpisodeRecord
from gridseval.run_names import EPISODES, MANIFEST


def own_records(
    records: Iterable[EpisodeRecord], manifest: Mapping[str, Any]
) -> tuple[tuple[EpisodeRecord, ...], str | None]:
    """Leave out records of a suite, task or trial that a run does not have.

    Args:
        records: In any order, which stays.
        manifest: The ``run.yaml``; what it does not say is not checked.

    Returns:
        The run's own records, and a sentence about the others if there are any.
    """
    suite, tasks, trials = (manifest.get(key) for key in ("suite", "tasks", "trials"))
    listed: frozenset[Any] | None = frozenset(tasks) if _are_numbers(tasks) else None
    most = trials if type(trials) is int else None
    own: list[EpisodeRecord] = []
    foreign: list[EpisodeRecord] = []
    for record in records:
        belongs = (
            (not isinstance(suite, str) or record.suite == suite)
            and (listed is None or record.task in listed)
            and (most is None or record.trial < most)
        )
        (own if belongs else foreign).append(record)
    return tuple(own), _note(foreign) if foreign else None


def _are_numbers(tasks: Any) -> TypeGuard[list[int]]:
    return isinstance(tasks, list) and all(type(task) is int for task in tasks)


def _note(foreign: list[EpisodeRecord]) -> str:
    suite, task, trial = foreign[0].key
    records = "1 record" if len(foreign) == 1 else f"{len(foreign)} records"
    return (
        f"{records} of {EPISODES} left out: {MANIFEST} names no such suite, task or trial, "
        f"as trial {trial} of task {task} of {suite}"
    )
