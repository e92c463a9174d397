"""What the tables of a run say, before it is written down: rows of records, and notes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import Any

from gridseval.results.run.assets_note import measured_notes
from gridseval.results.run.notes import Note, stored_notes
from gridseval.results.run.record import EpisodeRecord
from gridseval.results.run.suspicions import suspicion_notes
from gridseval.results.stats.rates import Tally, by_task, mean_over_tasks, tally
from gridseval.results.tables.leaderboard import Leaderboard, leaderboard
from gridseval.results.tables.record_group import RecordGroup

_PERTURBED = re.compile(r"_((?:view|language|light|table|tb|add)_\d.*|(?:moved_)?level\d.*)$")
"""What the name of a task of LIBERO-Plus adds to that of its base task."""

_MAX_REASONS, _MAX_REASON = 3, 150


@dataclass(frozen=True)
class Row:
    """The records of one task, or of a whole suite.

    Args:
        suite: The suite's name.
        task: The task's index; ``None`` for the suite.
        name: The task's name; empty for the suite.
        label: For people: the instruction, or the suite's name.
        records: At least one, in order of task and trial.
    """

    suite: str
    task: int | None
    name: str
    label: str
    records: RecordGroup


@dataclass(frozen=True)
class Summary:
    """All that the tables of a run are made of.

    Args:
        title: Suite and policy.
        manifest: The run's ``run.yaml``.
        expected: Episodes that the run is to have; ``None`` if the manifest does not say.
        tally: Counts of all records.
        tasks: One row per task that has a record, in order.
        suites: One row per suite that has a record, in order.
        notes: What a reader must know to judge the numbers, one sentence each.
    """

    title: str
    manifest: Mapping[str, Any]
    expected: int | None
    tally: Tally
    tasks: tuple[Row, ...]
    suites: tuple[Row, ...]
    notes: tuple[str, ...]

    @cached_property
    def leaderboard(self) -> Leaderboard | None:
        """LIBERO-Plus's row of the run, worked out once; ``None`` without a record of it."""
        return leaderboard(self.records, self.manifest)

    @cached_property
    def records(self) -> tuple[EpisodeRecord, ...]:
        """All records, in order of suite, task and trial."""
        return tuple(record for row in self.suites for record in row.records)

    @property
    def done(self) -> int:
        """Number of finished episodes, errors among them."""
        return self.tally.counted + self.tally.errors


def summarise(records: Iterable[EpisodeRecord], manifest: Mapping[str, Any]) -> Summary:
    """Sort a run's records into rows.

    Args:
        records: In any order; the result does not depend on it.
        manifest: The run's ``run.yaml``, of which ``suite``, ``policy``, ``assets``, ``episodes``
            and ``notes`` are shown if present.
    """
    ordered = sorted(records, key=attrgetter("suite", "task", "trial"))
    expected = manifest.get("episodes")
    counts = tally(ordered)
    tasks = tuple(_task_rows(ordered))
    suites = tuple(_suite_rows(tasks))
    return Summary(
        title=" · ".join(_label(manifest[key]) for key in ("suite", "policy") if manifest.get(key))
        or "run",
        manifest=manifest,
        expected=expected if isinstance(expected, int) else None,
        tally=counts,
        tasks=tasks,
        suites=suites,
        notes=(*_manifest_notes(manifest), *_record_notes(counts, suites)),
    )


def _label(value: Any) -> str:
    return str(value.get("name", "")) if isinstance(value, Mapping) else str(value)


def _task_rows(ordered: Sequence[EpisodeRecord]) -> Iterator[Row]:
    for (suite, task), group in by_task(ordered).items():
        records = RecordGroup(group)
        first = records[0]
        yield Row(suite, task, first.task_name, _task_label(first), records)


def _task_label(record: EpisodeRecord) -> str:
    told = record.instruction or record.task_name or f"task {record.task}"
    changed = _PERTURBED.search(record.task_name) if "dimension" in record.extra else None
    return told if changed is None else f"{told} · {changed[1].replace('_', ' ')}"


def _suite_rows(tasks: Sequence[Row]) -> Iterator[Row]:
    groups: dict[str, list[RecordGroup]] = {}
    for row in tasks:
        groups.setdefault(row.suite, []).append(row.records)
    for suite, parts in groups.items():
        yield Row(suite, None, "", suite, RecordGroup.joined(parts))


def _manifest_notes(manifest: Mapping[str, Any]) -> Iterator[str]:
    yield from measured_notes(manifest)
    yield from stored_notes(manifest)


def _record_notes(counts: Tally, suites: Sequence[Row]) -> Iterator[str]:
    if counts.errors:
        one = counts.errors == 1
        noun, enter = ("episode", "enters") if one else ("episodes", "enter")
        yield f"{counts.errors} {noun} ended in a technical error and {enter} no rate"
        yield from _error_notes(record for row in suites for record in row.records)
    yield from suspicion_notes(record for row in suites for record in row.records)
    for row in suites:
        if len({record.task for record in row.records if record.success is not None}) > 1:
            yield _mean_note(row)


def _mean_note(row: Row) -> Note:
    # Here, since numpy is not needed to list or read records.
    from gridseval.results.stats.task_means import suite_interval

    rate, mean = tally(row.records).rate, mean_over_tasks(row.records)
    interval = suite_interval(row.records)
    assert rate is not None and mean is not None and interval is not None
    note = (
        f"mean over the tasks of {row.suite}: {100 * mean:.1f} %, 95 % interval "
        f"{100 * interval.lower:.1f}–{100 * interval.upper:.1f}"
    )
    if f"{rate:.3f}" != f"{mean:.3f}":
        note += " (tasks have unequal numbers of counted episodes; those with none are left out)"
    return Note(note, "mean over tasks")


def _error_notes(records: Iterable[EpisodeRecord]) -> Iterator[str]:
    """Yield the most frequent reasons of errors, and how many more there are."""
    reasons = Counter(_reason(record) for record in records if record.status == "error")
    shown = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))[:_MAX_REASONS]
    yield from (f"{count} × {reason}" for reason, count in shown)
    more = len(reasons) - len(shown)
    if more:
        yield f"{more} more reason{'s' * (more > 1)} in episodes.jsonl"


def _reason(record: EpisodeRecord) -> str:
    text = " ".join((record.error or "no reason is recorded").split())
    return text if len(text) <= _MAX_REASON else text[: _MAX_REASON - 1] + "…"
