"""The data of a report: the records and the manifest of each run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from gridseval.errors import UsageError
from gridseval.results import EpisodeRecord, Summary, summarise
from gridseval.results.run.reading import Run, read_run
from gridseval.results.tables.merging import arrange_runs

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class ReportRun:
    """One run of a report.

    Args:
        letter: What the page calls it: ``"A"``, ``"B"``, … in the order given.
        run: What was read, from absolute paths.
        records: Its episodes, sorted by suite, task and trial.
        summary: The same, in rows, with notes.
    """

    letter: str
    run: Run
    records: tuple[EpisodeRecord, ...]
    summary: Summary

    @property
    def name(self) -> str:
        """Its directory's name, or the one that the user chose."""
        return self.run.label

    @property
    def manifest(self) -> Mapping[str, Any]:
        """Its ``run.yaml``; empty if there is none."""
        return self.run.manifest

    @property
    def title(self) -> str:
        """Suite and policy, or the run's name where the manifest does not say."""
        return self.name if self.summary.title == "run" else self.summary.title

    def file(self, name: str) -> Path | None:
        """Return a file that a record names, or ``None`` if no directory of the run has it.

        A record is untrusted, so the file must lie inside the run.
        """
        relative = PurePosixPath(name)
        if relative.is_absolute() or ".." in relative.parts or "\0" in name:
            return None
        return next((path / name for path in self.run.paths if (path / name).is_file()), None)


def read_runs(named: Sequence[str | Path]) -> tuple[ReportRun, ...]:
    """Read run directories, finished or not; parts of one run become one run.

    Args:
        named: Each a directory, or ``NAME=DIRECTORY``; at least one.

    Raises:
        UsageError: One of them is not a run directory, or there are more than 26.
        OutputError: A file of a run cannot be read, or is broken.
    """
    # The page also shows runs that should not be compared, with a warning.
    runs = arrange_runs([read_run(name) for name in named], force=True)
    if len(runs) > len(_LETTERS):
        raise UsageError(f"a report shows at most {len(_LETTERS)} runs, not {len(runs)}")
    return tuple(_report_run(run, letter) for run, letter in zip(runs, _LETTERS, strict=False))


def _report_run(run: Run, letter: str) -> ReportRun:
    return ReportRun(
        letter=letter,
        run=replace(run, paths=tuple(path.resolve() for path in run.paths)),
        records=tuple(sorted(run.records, key=lambda record: record.key)),
        summary=summarise(run.records, run.manifest),
    )
