"""Make one run directory of the shards of a run: its records, its files and its tables."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gridseval.os_errors import RUN_HINTS, os_errors
from gridseval.output_files import temporary_name
from gridseval.results.run.directory import RunDirectory
from gridseval.results.run.keys import RESUME
from gridseval.results.run.manifest import MIXED
from gridseval.results.run.record import EpisodeKey, EpisodeRecord
from gridseval.results.shards.parts import ShardRun, read_shards, whole_manifest
from gridseval.results.tables.summary import Summary
from gridseval.results.tables.writing import write_tables
from gridseval.run_names import ACTIONS, SHARDS, START_STATES, TRACES, VIDEOS


@dataclass(frozen=True)
class Merged:
    """What was put together.

    Attributes:
        summary: The run's figures.
        count: How many shards the run has.
        missing: Numbers of the shards that have not begun.
        unfinished: Of those that have not ended: number, episodes that are done, and all of them.
    """

    summary: Summary
    count: int
    missing: tuple[int, ...]
    unfinished: tuple[tuple[int, int, int], ...]

    @property
    def is_whole(self) -> bool:
        """Whether every episode has a record, and none is an error."""
        summary = self.summary
        return summary.done == summary.expected and not summary.tally.errors


def merge_shards(out: Path, anyway: bool = False) -> Merged:
    """Put the shards of a run together in the run directory that was given to each of them.

    Records are those of a run on one machine, sorted by suite, task and trial; what the run
    directory has beyond the shards stays. Videos, actions and traces are linked, or copied where
    the file system has no links. It may be called while shards are missing or running, and again.

    Args:
        out: The run directory.
        anyway: Whether shards may differ in what ``--resume-anyway`` accepts; tables name it.

    Raises:
        UsageError: There is nothing to merge, or shards are of different runs.
        OutputError: The directory holds another run, another process writes it, or a file cannot
            be read or written.
    """
    shards = read_shards(out)
    manifest = whole_manifest(shards, anyway)
    mixed, notes = manifest.pop(MIXED, None), manifest.pop("notes", ())
    with RunDirectory.open(out, manifest, RESUME, anyway, beside=(SHARDS,)) as run:
        run.rewrite(_records(run, shards))
        for name in (VIDEOS, ACTIONS, TRACES, START_STATES):
            _link_files(run, [shard.path / name for shard in shards], name)
        if mixed is not None:
            run.annotate(**{MIXED: mixed})
        for note in notes:
            run.add_note(note)
        summary = write_tables(run)
    begun = {shard.index for shard in shards}
    count = shards[0].count
    return Merged(
        summary=summary,
        count=count,
        missing=tuple(number for number in range(count) if number not in begun),
        unfinished=tuple(
            (shard.index, len(shard.records), shard.expected)
            for shard in shards
            if len(shard.records) < shard.expected
        ),
    )


def _records(run: RunDirectory, shards: Sequence[ShardRun]) -> list[EpisodeRecord]:
    found: dict[EpisodeKey, EpisodeRecord] = {record.key: record for record in run.records()}
    for shard in shards:
        for record in shard.records:
            earlier = found.get(record.key)
            if earlier is None or earlier.status == "error" or record.status != "error":
                found[record.key] = record
    return [found[key] for key in sorted(found)]


def _link_files(run: RunDirectory, folders: Sequence[Path], name: str) -> None:
    with os_errors(f"cannot link files to {run.path / name}", hint=RUN_HINTS):
        files = [each for folder in folders if folder.is_dir() for each in folder.iterdir()]
        finished = [each for each in files if each.is_file() and ".part" not in each.suffixes]
        if not finished:
            return
        to = run.folder(name)
        for file in finished:
            _link(file, to / file.name)


def _link(file: Path, target: Path) -> None:
    """Let a second name lead to a file, or to a copy of it; an older file of that name goes."""
    if target.exists():
        old, new = target.stat(), file.stat()
        if os.path.samestat(old, new) or (old.st_size, old.st_mtime) == (new.st_size, new.st_mtime):
            return
    temporary = target.with_name(temporary_name(target.name))
    temporary.unlink(missing_ok=True)
    try:
        try:
            os.link(file, temporary)
        except OSError:  # not every file system has hard links
            shutil.copy2(file, temporary)
        temporary.replace(target)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
