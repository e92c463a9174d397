"""The directory of a run: ``run.yaml``, ``episodes.jsonl``, and what is derived from them.

A run may be killed at any moment and resumed by the same command, and two processes must never
write one run. So one process owns the directory, every episode is one appended line that is on the
disk before the next begins, and everything else is replaced atomically.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from gridseval.errors import OutputError
from gridseval.files import write_atomically
from gridseval.os_errors import RUN_HINTS, os_errors
from gridseval.output_files import temporary_name
from gridseval.results.run.belonging import own_records
from gridseval.results.run.files import append_line
from gridseval.results.run.jsonl import EpisodeLog, read_log
from gridseval.results.run.manifest import MIXED, write_manifest
from gridseval.results.run.notes import stored_notes
from gridseval.results.run.ownership import Ownership
from gridseval.results.run.record import EpisodeKey, EpisodeRecord
from gridseval.results.run.resuming import Settled, settle_manifest
from gridseval.run_names import CUT, EPISODES, LOCK, MANIFEST, OWNER, SHARDS


class RunDirectory:
    """A run that this process writes; made by ``open``, a context manager.

    Start worker processes by spawning: a forked child would hold the lock on after its parent.

    Attributes:
        path: The directory.
        manifest: The stored ``run.yaml``.
        notes: What opening it left out, cut or accepted, one sentence each.
    """

    def __init__(self, path: Path, settled: Settled, owner: Ownership, episodes: int) -> None:
        self.path = path
        self.manifest: Mapping[str, Any] = settled.manifest
        self._mixed = settled.mixed
        self._owner = owner
        self._episodes = episodes
        self._records: dict[EpisodeKey, EpisodeRecord] = {}
        self._maybe_torn = True
        self.notes: tuple[str, ...] = (*self._mend_end(), *settled.notes)

    @classmethod
    def open(
        cls,
        path: Path,
        manifest: Mapping[str, Any],
        free_keys: Collection[str] = (),
        anyway: bool = False,
        beside: Collection[str] = (),
    ) -> RunDirectory:
        """Create a run, or resume the one that is there.

        Args:
            path: Absent or empty for a new run; parents are made.
            manifest: What is needed to repeat the run, of plain values.
            free_keys: Dotted keys of the manifest that may differ when resuming.
            anyway: Whether settings may differ that make the run a mixed one.
            beside: What may lie in a directory before it is a run.

        Raises:
            OutputError: The directory holds another run (shows each difference) or something
                else, another process writes it, a line of it is broken, or it cannot be written.
        """
        with contextlib.ExitStack() as opened:
            with os_errors(f"cannot write to {path}", hint=RUN_HINTS):
                _refuse_foreign(path, beside)
                path.mkdir(parents=True, exist_ok=True)
                owner = Ownership.take(path)
                opened.callback(owner.release)
            settled = settle_manifest(path / MANIFEST, manifest, free_keys, anyway)
            with os_errors(f"cannot write to {path / EPISODES}", hint=RUN_HINTS):
                episodes = _opened(path / EPISODES)
                opened.callback(os.close, episodes)
            run = cls(path, settled, owner, episodes)
            opened.pop_all()
        return run

    def append(self, record: EpisodeRecord) -> None:
        """Add an episode, or replace its error; when this returns, it is on the disk.

        Raises:
            OutputError: The episode is recorded already, the line could not be written whole, or
                another process has taken the directory; earlier lines are as they were.
        """
        self._owner.check()
        if self._maybe_torn:
            self._mend_end()
        earlier = self._records.get(record.key)
        if earlier is not None and earlier.status != "error":
            suite, task, trial = record.key
            raise OutputError(
                f"{self.path / EPISODES} already has trial {trial} of task {task} of {suite}"
            )
        line = f"{record.to_json()}\n".encode("ascii")
        self._maybe_torn = True
        append_line(self._episodes, line, self.path / EPISODES)
        self._maybe_torn = False
        self._records.pop(record.key, None)
        self._records[record.key] = record

    def rewrite(self, records: Collection[EpisodeRecord]) -> None:
        """Replace all records, in the given order; those that are there already stay untouched.

        Raises:
            OutputError: They cannot be written; the old ones are kept.
        """
        self._owner.check()
        if list(records) == list(self._records.values()):
            return
        path = self.path / EPISODES
        write_atomically(path, "".join(f"{record.to_json()}\n" for record in records))
        with os_errors(f"cannot write to {path}", hint=RUN_HINTS):
            new = _opened(path)
        os.close(self._episodes)
        self._episodes, self._maybe_torn = new, True
        self._records = {record.key: record for record in records}

    def records(self) -> tuple[EpisodeRecord, ...]:
        """Return the records in the order in which the episodes finished."""
        return tuple(self._records.values())

    def done(self, retry_errors: bool = False) -> set[EpisodeKey]:
        """Return suite, task and trial of every recorded episode.

        Args:
            retry_errors: Leave out those that ended as error.
        """
        records = self.records()
        return {r.key for r in records if not (retry_errors and r.status == "error")}

    def note_mixed(self) -> None:
        """Note in ``run.yaml`` the settings that the coming episodes have otherwise.

        Raises:
            OutputError: It cannot be written; the old one is kept.
        """
        if self._mixed:
            self.annotate(**{MIXED: {key: list(each) for key, each in self._mixed.items()}})

    def annotate(self, **values: Any) -> None:
        """Set keys of ``run.yaml`` that say how the run went; they must be free on resuming.

        Raises:
            OutputError: It cannot be written; the old one is kept.
        """
        manifest = {**self.manifest, **values}
        if manifest != self.manifest:
            write_manifest(self.path / MANIFEST, manifest)
            self.manifest = manifest

    def add_note(self, note: str) -> None:
        """Add a sentence to the notes in ``run.yaml``, which tables show; one that is there stays.

        Raises:
            OutputError: It cannot be written; the old one is kept.
        """
        notes = stored_notes(self.manifest)
        if note not in notes:
            self.annotate(notes=[*notes, note])

    def folder(self, name: str) -> Path:
        """Return a folder of the run, such as ``"videos"`` or ``"actions"``; makes it if absent.

        Raises:
            OutputError: It cannot be made.
        """
        folder = self.path / name
        with os_errors(f"cannot create {folder}", hint=RUN_HINTS):
            folder.mkdir(exist_ok=True)
        return folder

    def close(self) -> None:
        """Give the directory back to other processes; closing twice does nothing."""
        if self._episodes >= 0:
            os.close(self._episodes)
            self._episodes = -1
        self._owner.release()

    def __enter__(self) -> RunDirectory:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _mend_end(self) -> tuple[str, ...]:
        """Cut a last record that cannot be read, or end one that lacks its line feed."""
        path = self.path / EPISODES
        log = read_log(path)
        notes = [_cut_note(log, path)] if log.torn.strip(b"\0\n") else []
        if not log.torn_by_kill:
            write_atomically(path.with_name(CUT), log.torn.decode("utf-8", "backslashreplace"))
        with os_errors(f"cannot write to {path}", hint=RUN_HINTS):
            if os.fstat(self._episodes).st_size > log.whole_bytes:
                os.ftruncate(self._episodes, log.whole_bytes)
        if not log.ended:
            append_line(self._episodes, b"\n", path)
        own, foreign = own_records(log.records, self.manifest)
        self._records = {record.key: record for record in own}
        self._maybe_torn = False
        return (*notes, *([foreign] if foreign else []))


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)


def _cut_note(log: EpisodeLog, path: Path) -> str:
    cut = f"the last line of {path} is not a whole record: it is cut, and its episode runs again"
    return cut if log.torn_by_kill else f"{cut} (its {len(log.torn)} bytes are kept in {CUT})"


def _refuse_foreign(path: Path, beside: Collection[str]) -> None:
    """Refuse a folder that is not a run, so that its files do not mix with a run's."""
    if path.exists() and not path.is_dir():
        raise OutputError(f"cannot write to {path}: it is a file", "name a directory")
    if not path.exists() or (path / MANIFEST).exists():
        return
    # A run that was killed before its manifest was in place has left no more than these.
    own = {LOCK, temporary_name(MANIFEST), *beside}
    names = {entry.name for entry in path.iterdir() if not entry.name.startswith(OWNER)}
    found = sorted(names - own)
    if found:
        raise OutputError(
            f"{path} is not empty and has no {MANIFEST} (it has {', '.join(found[:3])}"
            + (", …)" if len(found) > 3 else ")"),
            f"gridseval merge {path} makes one run of its shards"
            if found == [SHARDS]
            else "name a new or empty directory",
        )
