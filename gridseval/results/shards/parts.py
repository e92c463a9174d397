"""The shards that a folder holds, and what holds for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gridseval.errors import UsageError
from gridseval.os_errors import os_errors
from gridseval.results.run.keys import RESUME
from gridseval.results.run.manifest import MIXED, mixed_values, read_manifest
from gridseval.results.run.notes import stored_notes
from gridseval.results.run.reading import read_run
from gridseval.results.run.record import EpisodeRecord
from gridseval.results.run.resuming import Resumption
from gridseval.results.run.several_suites import join_suites, of_suite, suites_of
from gridseval.run_names import EPISODES, MANIFEST, SHARDS

_OWN = ("episodes", "shard.index")
"""Keys of ``run.yaml`` in which shards of one run differ, beside those that resuming may change."""


@dataclass(frozen=True)
class ShardRun:
    """A shard that has begun.

    Attributes:
        index: Its number.
        path: Its run directory.
        manifest: Its ``run.yaml``.
        records: Those of its episodes that have ended.
    """

    index: int
    path: Path
    manifest: Mapping[str, Any]
    records: tuple[EpisodeRecord, ...]

    @property
    def count(self) -> int:
        """How many shards its run has."""
        return int(self.manifest["shard"]["count"])

    @property
    def expected(self) -> int:
        """How many episodes it is to have."""
        return int(self.manifest["episodes"])


def read_shards(out: Path) -> tuple[ShardRun, ...]:
    """Return the shards that have begun, by their numbers; some may still be running.

    Args:
        out: The run directory that was given to each of them.

    Raises:
        UsageError: There is none, or a folder does not hold the shard that its name says.
        OutputError: A file cannot be read, or is broken.
    """
    folder = out / SHARDS
    with os_errors(f"cannot look at {folder}"):
        names = [each.name for each in folder.iterdir()] if folder.is_dir() else []
        numbers = sorted(int(name) for name in names if name.isdecimal() and len(name) < 7)
        begun = [n for n in numbers if (folder / str(n) / MANIFEST).is_file()]
    if not begun:
        raise UsageError(
            f"there is nothing to merge in {out}: {folder} holds no run",
            "gridseval run --shard I/N --out DIR makes the shards of DIR",
        )
    return tuple(_read(folder / str(number), number) for number in begun)


def whole_manifest(shards: Sequence[ShardRun], anyway: bool) -> dict[str, Any]:
    """Return the ``run.yaml`` of the run that shards are parts of.

    Args:
        shards: At least one.
        anyway: Whether they may differ in what ``--resume-anyway`` accepts; the run is then mixed.

    Raises:
        UsageError: They are of different runs (shows each difference).
    """
    first = shards[0]
    mixed: dict[str, tuple[Any, ...]] = dict(mixed_values(first.manifest))
    for shard in shards[1:]:
        _check_one_run(first, shard, anyway)
        found = Resumption({**first.manifest, MIXED: mixed}, shard.manifest, _free())
        own = mixed_values(shard.manifest)
        for key in {**found.mixed, **own}:
            values = (*found.mixed.get(key, ()), *own.get(key, ()))
            mixed[key] = tuple(dict.fromkeys(values))
    manifest = {key: value for key, value in _whole(first.manifest).items() if key != MIXED}
    notes = list(dict.fromkeys(n for each in shards for n in stored_notes(each.manifest)))
    hosts = dict.fromkeys(str(_machine(each).get("name")) for each in shards)
    manifest["machine"] = {**_machine(first), "name": ", ".join(hosts)}
    manifest["started"] = min(str(each.manifest.get("started")) for each in shards)
    manifest |= {MIXED: {key: list(each) for key, each in mixed.items()}} if mixed else {}
    return manifest | ({"notes": notes} if notes else {})


def _read(path: Path, number: int) -> ShardRun:
    manifest = read_manifest(path / MANIFEST)
    shard = manifest.get("shard") or {}
    if shard.get("index") != number or not isinstance(shard.get("count"), int):
        raise UsageError(
            f"{path} is not shard {number} of a run: its {MANIFEST} says {shard or 'no shard'}",
            "give --shard and the same --out to each part of a run",
        )
    records = read_run(path).records if (path / EPISODES).is_file() else ()
    return ShardRun(number, path, manifest, records)


def _check_one_run(first: ShardRun, other: ShardRun, anyway: bool) -> None:
    found = Resumption(first.manifest, other.manifest, _free())
    lines = sorted([*found.others, *([] if anyway else found.anyway)])
    if lines:
        shown = "".join(f"\n  {line}" for line in lines)
        raise UsageError(
            f"{first.path} and {other.path} are not shards of one run:{shown}",
            "give the other arguments another --out, or run these shards again"
            if found.others
            else "--resume-anyway merges them, and every table names the values",
        )


def _free() -> tuple[str, ...]:
    return (*RESUME, *_OWN)


def _whole(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return a shard's manifest with the episodes of all shards."""
    parts = []
    for suite in suites_of(manifest):
        part = dict(of_suite(manifest, suite))
        del part["shard"]
        parts.append(part | {"episodes": part.pop("planned")})
    return join_suites(parts)


def _machine(shard: ShardRun) -> Mapping[str, Any]:
    machine = shard.manifest.get("machine")
    return machine if isinstance(machine, Mapping) else {}
