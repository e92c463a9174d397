"""Whether two runs measured the same thing: everything but the policy must be alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gridseval.errors import UsageError
from gridseval.results.run import keys
from gridseval.results.run.assets_note import PUBLISHED_ASSETS, foreign_packages_of
from gridseval.results.run.manifest import MIXED, manifest_differences, mixed_values
from gridseval.results.run.protocols import (
    named_protocol,
    row_differences,
    suite_differences,
    with_protocol,
)
from gridseval.results.run.published import PublishedRow
from gridseval.results.run.reading import Run
from gridseval.results.run.several_suites import of_suite, of_suites, suites_of
from gridseval.suites import load_suite

DECIDING_VERSIONS = ("mujoco", "robosuite", "hf-libero")
"""Packages whose version decides outcomes."""


def run_differences(before: Run, after: Run, fewer_steps_count: bool = False) -> tuple[str, ...]:
    """Return why two runs cannot be compared, a line ``key: before -> after`` each.

    Instructions are those of the records: both runs must have given the policy the same ones.

    Args:
        before: The earlier run.
        after: The later one.
        fewer_steps_count: Whether the later run may have had fewer policy steps: that can only
            make it look worse, so a gate may hold it against it.
    """
    missing = [run.label for run in (before, after) if not run.manifest]
    if missing:
        return (f"run.yaml of {' and of '.join(missing)} is missing",)
    free = set(keys.COMPARE)
    if fewer_steps_count and fewer_steps(before, after) is not None:
        free.add("max_steps")
    if None in (before.manifest.get("renderer"), after.manifest.get("renderer")):
        free.add("renderer")  # a policy that sees no images does not depend on who draws them
    both = _in_both(before, after)  # as with tasks, those that one lacks are not compared
    one, other = (of_suites(_compared(run.manifest), both) for run in (before, after))
    lines = manifest_differences(one, other, free)
    return (*lines, *_other_instructions(before, after))


def fewer_steps(before: Run, after: Run) -> str | None:
    """Return that the later run had fewer policy steps per episode, if it had."""
    steps = [
        tuple(of_suite(run.manifest, suite).get("max_steps") for run in (before, after))
        for suite in _in_both(before, after)
    ]
    if not all(isinstance(old, int) and isinstance(new, int) and new <= old for old, new in steps):
        return None
    fewer = next((pair for pair in steps if pair[0] != pair[1]), None)
    if fewer is None:
        return None
    return f"max_steps: {fewer[0]} -> {fewer[1]}: with fewer steps the run can only look worse"


def _in_both(before: Run, after: Run) -> tuple[str, ...]:
    """Return the suites that two runs have; one without a name where neither names any."""
    own, others = suites_of(before.manifest), suites_of(after.manifest)
    return tuple(suite for suite in own if suite in others) if own or others else ("",)


def published_differences(
    run: Run, rows: Mapping[str, PublishedRow] | None = None
) -> tuple[str, ...]:
    """Return why a run cannot be compared with published numbers, one line each.

    Args:
        run: The run.
        rows: The numbers by suite, each with its protocol; ``None`` asks only whether the run is
            what the protocol that it names says.
    """
    if not run.manifest:
        return (f"run.yaml of {run.label} is missing",)
    assets = run.manifest.get("assets")
    identity = assets.get("identity") if isinstance(assets, Mapping) else None
    lines = []
    if identity != PUBLISHED_ASSETS:
        lines.append(f"assets.identity: {PUBLISHED_ASSETS!r} -> {identity!r}")
    lines += [f"simulator: {sentence}" for sentence in foreign_packages_of(run.manifest)]
    for name in run.suites:
        lines += _protocol_differences(run, name, None if rows is None else rows.get(name))
    return tuple(lines)


def _protocol_differences(run: Run, name: str, row: PublishedRow | None) -> Iterator[str]:
    try:
        suite = load_suite(name)
    except UsageError:
        yield f"suite {name} has no published numbers"
        return
    named = named_protocol(run.manifest)
    if row is not None:
        yield from row_differences(run.manifest, row)
    elif named is not None:
        yield from suite_differences(run.manifest, named, name)
    else:
        protocol = run.manifest.get("protocol")
        yield f"protocol {protocol!r} has no published numbers"
    tasks = {record.task for record in run.records if record.suite == name}
    if len(tasks) < len(suite.tasks):
        yield f"tasks of {name}: {len(suite.tasks)} -> {len(tasks)}"


def _compared(manifest: Mapping[str, Any]) -> dict[str, Any]:
    versions = manifest.get("versions")
    versions = versions if isinstance(versions, Mapping) else {}
    deciding = {name: versions.get(name) for name in DECIDING_VERSIONS}
    mixed = {
        key: values
        for key, values in mixed_values(manifest).items()
        if not key.startswith("versions.") or key.removeprefix("versions.") in deciding
    }
    return {**with_protocol(manifest), "versions": deciding, MIXED: mixed}


def _other_instructions(before: Run, after: Run) -> Iterator[str]:
    told = {record.key: record.instruction for record in before.records}
    seen = set()
    for record in after.records:
        old = told.get(record.key, record.instruction)
        if old != record.instruction and (record.suite, record.task) not in seen:
            seen.add((record.suite, record.task))
            where = f"instruction of task {record.task} of {record.suite}"
            yield f"{where}: {old!r} -> {record.instruction!r}"
