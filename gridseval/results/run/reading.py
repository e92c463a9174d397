"""A run as readers see it: the records of one or several directories, under one name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gridseval.errors import UsageError, did_you_mean
from gridseval.os_errors import os_errors
from gridseval.results.run.belonging import own_records
from gridseval.results.run.jsonl import read_records
from gridseval.results.run.manifest import read_manifest
from gridseval.results.run.record import EpisodeRecord
from gridseval.run_names import EPISODES, MANIFEST


@dataclass(frozen=True)
class Run:
    """What was run under one name.

    Args:
        label: Its name in tables.
        named: Whether the user chose that name.
        paths: The directories that it was read from, at least one.
        manifest: The ``run.yaml``, empty where there is none.
        records: One per episode.
        notes: What a reader must know of how it was put together.
    """

    label: str
    named: bool
    paths: tuple[Path, ...]
    manifest: Mapping[str, Any]
    records: tuple[EpisodeRecord, ...]
    notes: tuple[str, ...] = ()

    @property
    def policy(self) -> str:
        """The policy's name as the manifest has it, or empty."""
        policy = self.manifest.get("policy")
        name = policy.get("name", "") if isinstance(policy, Mapping) else policy
        return str(name or "")

    @property
    def suites(self) -> tuple[str, ...]:
        """The suites that any record is of, in order of their names."""
        return tuple(sorted({record.suite for record in self.records}))


def read_run(named: str | Path) -> Run:
    """Read a run that may still be going on.

    Args:
        named: Its directory, or ``NAME=DIRECTORY`` to choose its name in tables.

    Raises:
        UsageError: There is no run.
        OutputError: A file of it cannot be read, or a line of it is broken.
    """
    with os_errors(f"cannot look at {named}"):  # a folder that may not be searched, a long name
        label, path = label_and_folder(str(named))
        if path.name == EPISODES and path.is_file():
            path = path.parent
        if not (path / EPISODES).is_file():
            raise _no_run(path)
        described = (path / MANIFEST).is_file()
    manifest: dict[str, Any] = {}
    notes: tuple[str, ...] = ()
    if described:
        manifest = read_manifest(path / MANIFEST)
    else:
        notes = (f"{path} has no {MANIFEST}: assets and versions are unknown",)
    records, foreign = own_records(read_records(path / EPISODES), manifest)
    return Run(
        label=label or path.resolve().name,
        named=bool(label),
        paths=(path,),
        manifest=manifest,
        records=records,
        notes=notes if foreign is None else (*notes, foreign),
    )


def with_distinct_labels(runs: Sequence[Run]) -> tuple[Run, ...]:
    """Return the runs with distinct names: more of the path, else a number."""
    labels = [run.label for run in runs]
    if len(set(labels)) < len(labels):
        labels = [run.label if run.named else str(run.paths[0]) for run in runs]
    seen: dict[str, int] = {}
    distinct = []
    for run, label in zip(runs, labels, strict=True):
        seen[label] = seen.get(label, 0) + 1
        number = f" ({seen[label]})" if seen[label] > 1 else ""
        distinct.append(replace(run, label=label + number))
    return tuple(distinct)


def label_and_folder(named: str) -> tuple[str, Path]:
    """Return the parts of ``NAME=DIRECTORY``; the name is empty where only a directory is given."""
    label, equals, path = named.partition("=")
    if equals and label and path and not Path(named).exists():
        return label, Path(path)
    return "", Path(named)


def _no_run(path: Path) -> UsageError:
    if not path.exists():
        parent = path.parent
        near = sorted(each.name for each in parent.iterdir()) if parent.is_dir() else []
        hint = did_you_mean(path.name, near) if near else None
        return UsageError(f"there is no run {path}", hint)
    return UsageError(
        f"{path} is not a run: it has no {EPISODES}", "name the directory given to run --out"
    )
