"""The table of episodes, in groups that a reader opens, as a page of 500 rows is hard to read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from gridseval.report.bars import MOST_TASKS, group_key
from gridseval.report.heat import place_of
from gridseval.report.source import ReportRun
from gridseval.report.text import percent
from gridseval.results import EpisodeRecord, tally


@dataclass(frozen=True)
class Line:
    """One episode.

    Args:
        record: It.
        seconds: Its wall time, for people.
        video: Address of its video relative to the report, or ``None``.
        lost: Whether the record names a missing video.
        remarks: What is unusual about it, one phrase each.
    """

    record: EpisodeRecord
    seconds: str
    video: str | None
    lost: bool
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """The episodes of one task, or of one dimension if there are too many tasks.

    Args:
        key: Id for links.
        name: The task's or dimension's name, for the filter.
        label: The same in full.
        rate: For people.
        lines: At least one.
    """

    key: str
    name: str
    label: str
    rate: str
    lines: tuple[Line, ...]


def groups(run: ReportRun, folder: Path) -> tuple[Group, ...]:
    """Return a run's episodes in groups.

    Args:
        run: The run.
        folder: The report's folder; addresses of videos are relative to it.
    """
    by_task = len(run.summary.tasks) <= MOST_TASKS
    found: dict[tuple[str, str], list[EpisodeRecord]] = {}
    for record in run.records:
        name = str(record.task) if by_task else _place_name(record)
        found.setdefault((record.suite, name), []).append(record)
    keys = found if by_task else sorted(found)
    return tuple(_group(run, folder, *key, found[key], by_task) for key in keys)


def video_address(run: ReportRun, video: str, folder: Path) -> str | None:
    """Return a video's address relative to a folder, or ``None`` if it is not a file of the run."""
    file = run.file(video)
    return None if file is None else quote(os.path.relpath(file, folder.resolve()))


def _place_name(record: EpisodeRecord) -> str:
    place = place_of(record)
    if place is None:
        first = record.task // 100 * 100
        return f"tasks {first:05}–{first + 99:05}"
    return f"{place[0]}, level {place[1]}"


def _group(
    run: ReportRun,
    folder: Path,
    suite: str,
    name: str,
    records: Sequence[EpisodeRecord],
    by_task: bool,
) -> Group:
    label = (records[0].instruction or records[0].task_name) if by_task else ""
    lines = tuple(_line(run, folder, record, label) for record in records)
    rate = percent(tally(records).rate)
    shown = f"{suite} {name}" if len(run.summary.suites) > 1 else name
    return Group(group_key(suite, name), shown, label, rate, lines)


def _line(run: ReportRun, folder: Path, record: EpisodeRecord, label: str) -> Line:
    video = video_address(run, record.video, folder) if record.video else None
    return Line(
        record=record,
        seconds=f"{record.wall_s:.1f}",
        video=video,
        lost=record.video is not None and video is None,
        remarks=tuple(_remarks(record, label)),
    )


def _remarks(record: EpisodeRecord, label: str) -> Iterator[str]:
    place = place_of(record)
    if not label:
        yield f"task {record.task}: {record.instruction or record.task_name}"
    elif record.instruction not in (label, ""):
        yield record.instruction
    if label and place:
        yield f"{place[0]}, level {place[1]}"
    if record.retries:
        yield f"{record.retries} retries" if record.retries > 1 else "1 retry"
    if record.error:
        yield record.error
