"""Which records belong to a run: a copied line of another run would be counted ("33 of 30")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeGuard

from gridseval.results.run.record import EpisodeRecord
from gridseval.results.run.several_suites import of_suite, suites_of
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
    parts = {suite: _Part.of(of_suite(manifest, suite)) for suite in suites_of(manifest)}
    unnamed = None if parts else _Part.of(manifest)
    own: list[EpisodeRecord] = []
    foreign: list[EpisodeRecord] = []
    for record in records:
        part = parts.get(record.suite, unnamed)
        (own if part is not None and part.has(record) else foreign).append(record)
    return tuple(own), _note(foreign) if foreign else None


class _Part(NamedTuple):
    """Tasks and trials of one suite.

    Attributes:
        tasks: Their indices; ``None`` where the manifest does not say.
        trials: All trials are below this; ``None`` where the manifest does not say.
    """

    tasks: frozenset[int] | None
    trials: int | None

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> _Part:
        """Return what the manifest of one suite says."""
        tasks, trials = manifest.get("tasks"), manifest.get("trials")
        return cls(
            frozenset(tasks) if _are_numbers(tasks) else None,
            trials if type(trials) is int else None,
        )

    def has(self, record: EpisodeRecord) -> bool:
        """Return whether a record of the suite is of these."""
        return (self.tasks is None or record.task in self.tasks) and (
            self.trials is None or record.trial < self.trials
        )


def _are_numbers(tasks: Any) -> TypeGuard[list[int]]:
    return isinstance(tasks, list) and all(type(task) is int for task in tasks)


def _note(foreign: list[EpisodeRecord]) -> str:
    suite, task, trial = foreign[0].key
    records = "1 record" if len(foreign) == 1 else f"{len(foreign)} records"
    return (
        f"{records} of {EPISODES} left out: {MANIFEST} names no such suite, task or trial, "
        f"as trial {trial} of task {task} of {suite}"
    )
