"""Which directories are one run, and which runs may stand in one table.

Shards of one run lie in several directories, suites of one policy in others, and the same episodes
with another seed in others again. What ``run.yaml`` says decides: two directories belong together
if nothing that decides outcomes differs, and each has episodes that the other lacks (so that a run
and its repetition stay side by side).
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gridseval.errors import UsageError
from gridseval.results.run.keys import is_below, merge_keys
from gridseval.results.run.manifest import manifest_differences
from gridseval.results.run.notes import Note, stored_notes
from gridseval.results.run.protocols import BEFORE_PROTOCOLS, with_protocol
from gridseval.results.run.reading import Run, with_distinct_labels
from gridseval.results.run.record import EpisodeRecord
from gridseval.results.run.several_suites import join_suites, of_suite, of_suites, suites_of
from gridseval.results.stats.rates import tally

_SUITE = "suite_files.sha256"
_SEEDS = ("seed", "env_seed")
_SETTINGS = (*_SEEDS, "starts", *BEFORE_PROTOCOLS)
_MEASURED_ON = (
    "assets",
    *("simulator.libero", "simulator.robosuite", "simulator.mujoco"),
    *("versions.mujoco", "versions.robosuite", "versions.hf-libero"),
)


def arrange_runs(runs: Sequence[Run], pool: bool = False, force: bool = False) -> tuple[Run, ...]:
    """Put together what belongs together, and give the rest distinct names.

    Args:
        runs: In the user's order, at least one; equal chosen names mean one run.
        pool: Whether runs that differ in nothing but the policy's seed are one run, too. LIBERO's
            seed keeps them apart: in suites without fixtures that move it changes nothing, and the
            same episodes would count twice.
        force: Accept other assets, MuJoCo versions and, under one name, other settings.

    Returns:
        In order of the first of each; of two records of an episode the first is kept.

    Raises:
        UsageError: Runs were measured on other assets or versions, or those with one name are not
            of one run; shows each difference.
    """
    mixed = _mixed(runs)
    if mixed and not force:
        raise UsageError(
            f"{mixed[0]}", "such rates do not compare; --force puts them into one table anyway"
        )
    groups: list[list[Run]] = []
    for run in runs:
        for group in groups:
            if all(_belong_together(member, run, pool, force) for member in group):
                group.append(run)
                break
        else:
            groups.append([run])
    arranged = with_distinct_labels([_merged(group, pool) for group in groups])
    notes = (*mixed, *(_apart_notes([group[0] for group in groups]) if pool else ()))
    return (replace(arranged[0], notes=(*notes, *arranged[0].notes)), *arranged[1:])


def _mixed(runs: Sequence[Run]) -> list[str]:
    known = [run for run in runs if run.manifest]
    of_suite: dict[str, Run] = {}
    notes: list[str] = []
    for run in known:
        lines = {known[0].paths: _measured_differences(known[0].manifest, run.manifest)}
        for suite in suites_of(run.manifest):
            first = of_suite.setdefault(suite, run)
            lines[first.paths] = [*lines.get(first.paths, ()), *_other_files(first, run, suite)]
        for paths, differences in lines.items():
            if differences:
                shown = "".join(f"\n  {line}" for line in differences)
                sentence = f"{run.paths[0]} was not measured on what {paths[0]} was:{shown}"
                notes.append(Note(sentence, "measured on"))
    return notes


def _measured_differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """Return how assets and versions of two runs differ."""
    return [
        line
        for line in manifest_differences(first, second)
        if is_below(line.partition(": ")[0], _MEASURED_ON)
    ]


def _other_files(first: Run, second: Run, suite: str) -> list[str]:
    """Return how the files of a suite differ between two runs."""
    parts = (of_suite(run.manifest, suite) for run in (first, second))
    return [line for line in manifest_differences(*parts) if line.startswith(f"{_SUITE}: ")]


def _apart_notes(runs: Sequence[Run]) -> Iterator[str]:
    """Yield which runs were not pooled because of LIBERO's seed only."""
    for first, second in itertools.combinations(runs, 2):
        if first.named or second.named or not (first.manifest and second.manifest):
            continue
        differences = _settings_differ(first, second, pool=True)
        if len(differences) == 1 and differences[0].startswith("env_seed: "):
            yield (
                f"{first.paths[0]} and {second.paths[0]} stay apart, {differences[0]}: --pool "
                "joins runs that differ in the policy's seed, not in LIBERO's"
            )


def _belong_together(first: Run, second: Run, pool: bool, force: bool) -> bool:
    if first.named or second.named:
        if first.label != second.label:
            return False
        _check_one_run(first, second, pool, force)
        return True
    if not first.manifest or not second.manifest or _settings_differ(first, second, pool):
        return False
    of_first, of_second = (set(_keyed(run, pool)) for run in (first, second))
    return bool(of_first - of_second) and bool(of_second - of_first)


def _check_one_run(first: Run, second: Run, pool: bool, force: bool) -> None:
    differences = _settings_differ(first, second, pool)
    if differences and not force:
        shown = "".join(f"\n  {line}" for line in differences)
        raise UsageError(
            f"{first.paths[0]} and {second.paths[0]} are not of one run {first.label!r}:{shown}",
            "give them different names, or --force",
        )


def _settings_differ(first: Run, second: Run, pool: bool) -> list[str]:
    names, others = suites_of(first.manifest), suites_of(second.manifest)
    both = [name for name in names if name in others]
    one = with_protocol(of_suites(first.manifest, both or names[:1]))
    other = with_protocol(of_suites(second.manifest, both or others[:1]))
    free = merge_keys(not both and names != others, pool)
    return list(manifest_differences(one, other, free))


def _keyed(run: Run, pool: bool) -> dict[Hashable, EpisodeRecord]:
    """Return a run's records by what tells episodes apart: where seeds are pooled, by these too."""
    return {(record.key, record.seed) if pool else record.key: record for record in run.records}


def _merged(group: Sequence[Run], pool: bool) -> Run:
    first = group[0]
    if len(group) == 1:
        return first
    records: dict[Hashable, EpisodeRecord] = {}
    for run in group:
        for key, record in _keyed(run, pool).items():
            records.setdefault(key, record)
    doubles = sum(len(run.records) for run in group) - len(records)
    notes = [note for run in group for note in run.notes]
    notes.append(f"{first.label} is put together from {len(group)} directories")
    if doubles:
        notes.append(f"{doubles} episodes of {first.label} were there twice; the first counts")
    versions = _versions(group)
    if len(versions) > 1:
        notes.append(f"parts of {first.label} were run by gridseval {', '.join(versions)}")
    merged = replace(
        first,
        paths=tuple(path for run in group for path in run.paths),
        manifest=_common_manifest(group),
        records=tuple(records.values()),
    )
    return replace(merged, notes=(*notes, *(_seed_notes(merged) if pool else ())))


def _versions(group: Sequence[Run]) -> tuple[str, ...]:
    """Return the versions of gridseval that began the parts of a run, in the parts' order."""
    said = [run.manifest.get("versions") for run in group]
    found = [each.get("gridseval") for each in said if isinstance(each, Mapping)]
    return tuple(dict.fromkeys(str(version) for version in found if version is not None))


def _common_manifest(group: Sequence[Run]) -> dict[str, Any]:
    """Return what holds for all parts of a run."""
    parts: dict[str, list[Mapping[str, Any]]] = {}
    for run in group:
        for suite in suites_of(run.manifest):
            parts.setdefault(suite, []).append(of_suite(run.manifest, suite))
    joined = join_suites([_of_one_suite(each) for each in parts.values()] or [group[0].manifest])
    if any(joined.get(key) != run.manifest.get(key) for run in group for key in _SEEDS):
        joined.pop("episodes", None)
    notes = dict.fromkeys(note for run in group for note in stored_notes(run.manifest))
    return joined | _several_values(group) | ({"notes": list(notes)} if notes else {})


def _of_one_suite(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Keep the number of expected episodes only where it is surely that of the whole."""
    manifest = dict(parts[0])
    keys = ("tasks", "trials", "episodes")
    if any(manifest.get(key) != part.get(key) for part in parts for key in keys):
        manifest.pop("episodes", None)
    lacking = _unavailable(parts)
    return manifest | ({"unavailable": lacking} if lacking else {})


def _several_values(group: Sequence[Run]) -> dict[str, str]:
    """Return the settings in which parts differ, each with all values: no one value is the run's.

    Such a run is of no published rate's protocol, whichever part comes first.
    """
    known = [with_protocol(run.manifest) for run in group if run.manifest]
    values = {key: {str(each.get(key)) for each in known} for key in _SETTINGS}
    return {key: ", ".join(sorted(found)) for key, found in values.items() if len(found) > 1}


def _unavailable(parts: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """Return what parts of a suite could not run; several may say the same."""
    most: dict[str, dict[str, int]] = {}
    for part in parts:
        for dimension, levels in (part.get("unavailable") or {}).items():
            counts = most.setdefault(dimension, {})
            for level, count in levels.items():
                counts[level] = max(count, counts.get(level, 0))
    return most


def _seed_notes(run: Run) -> list[str]:
    """Return which seeds a run pools and how far their rates lie apart; nothing for one seed."""
    by_seed: dict[int, list[EpisodeRecord]] = {}
    for record in run.records:
        by_seed.setdefault(record.seed, []).append(record)
    rates = [rate for part in by_seed.values() if (rate := tally(part).rate) is not None]
    if len(rates) < 2:
        return []
    mean, sd = 100 * statistics.fmean(rates), 100 * statistics.stdev(rates)
    seeds = ", ".join(map(str, sorted(by_seed)))
    return [f"{run.label} pools the seeds {seeds}: {mean:.1f} ± {sd:.1f} % (mean ± sd over seeds)"]
