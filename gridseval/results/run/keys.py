"""Which keys of ``run.yaml`` may differ, and where: the one table that all comparisons read.

A key that is not listed decides outcomes: it must be equal to resume a run, to merge parts of one,
and to compare two. So a key that a later version adds cannot be overlooked.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class FreeKey:
    """A key that may differ in some places.

    Args:
        name: Dotted; all keys below it are meant, too.
        resume: Whether a run may be resumed with another value.
        merge: Whether parts of one run may have other values.
        compare: Whether two runs with other values may be compared and gated.
        by_suite: Whether parts of one run may have other values if they are of other suites.
        pool: Whether runs with other values are one run where the policy's seeds are pooled.
        anyway: Whether ``--resume-anyway`` accepts another value: the run is then mixed, and every
            table names both.
        extends: Whether more tasks or trials of the same run may change it.
    """

    name: str
    resume: bool = False
    merge: bool = False
    compare: bool = False
    by_suite: bool = False
    pool: bool = False
    anyway: bool = False
    extends: bool = False


KEYS = (
    # How and when it was run.
    FreeKey("command", resume=True, merge=True, compare=True),
    FreeKey("machine", resume=True, merge=True, compare=True),
    FreeKey("notes", resume=True, merge=True, compare=True),
    FreeKey("retry_errors", resume=True, merge=True, compare=True),
    FreeKey("started", resume=True, merge=True, compare=True),
    FreeKey("stopped", resume=True, merge=True, compare=True),
    FreeKey("timeout_s", resume=True, merge=True, compare=True),
    FreeKey("workers", resume=True, merge=True, compare=True),
    FreeKey("egl_devices", resume=True, merge=True, compare=True),
    FreeKey("replicas", resume=True, merge=True, compare=True),
    FreeKey("libero_plus", resume=True, merge=True, compare=True),  # a folder; its files are equal
    FreeKey("suite_files.path", resume=True, merge=True, compare=True),  # and suite_files.sha256
    FreeKey("simulator.foreign", resume=True, merge=True, compare=True),  # the hashes are compared
    FreeKey("published", resume=True, merge=True, compare=True),
    # Other keys tell what changes outcomes between versions; a note says which versions there were.
    FreeKey("versions.gridseval", resume=True, merge=True),
    # How much was run, and what was kept of it.
    FreeKey("episodes", merge=True, compare=True, extends=True),
    FreeKey("planned", merge=True, compare=True, extends=True),  # with the other shards'
    FreeKey("record_actions", merge=True, compare=True, anyway=True),
    FreeKey("schema", merge=True, compare=True),
    FreeKey("selection", merge=True, compare=True, extends=True),
    FreeKey("sequential", merge=True, compare=True),
    FreeKey("shard", merge=True, compare=True),
    FreeKey("solvable", merge=True, compare=True),
    FreeKey("tasks", merge=True, compare=True, extends=True),
    FreeKey("trials", merge=True, compare=True, extends=True),
    FreeKey("selected", merge=True, compare=True, extends=True),
    FreeKey("unavailable", merge=True, compare=True, extends=True),
    FreeKey("unavailable_because", merge=True, compare=True, extends=True),
    FreeKey("video", merge=True, compare=True, anyway=True),
    # Whose values the run has is written; the values themselves are compared.
    FreeKey("protocol", merge=True, compare=True),
    # Where it is run, which may change an outcome now and then.
    FreeKey("versions", anyway=True),
    FreeKey("simulator.robosuite", anyway=True),  # these two say which version it is
    FreeKey("simulator.mujoco", anyway=True),
    FreeKey("renderer", anyway=True),
    FreeKey("policy.torch", anyway=True),
    FreeKey("policy.packages", anyway=True),
    FreeKey("policy.arguments.device", anyway=True),
    FreeKey("policy.arguments.threads", anyway=True),
    FreeKey("policy.arguments.timeout_s", anyway=True),
    FreeKey("policy.arguments.connect_s", anyway=True),
    FreeKey("policy.server.harness_version", anyway=True),
    FreeKey("policy.server.gridseval.description.torch", anyway=True),
    FreeKey("policy.server.gridseval.description.packages", anyway=True),
    FreeKey("policy.server.gridseval.description.arguments.device", anyway=True),
    FreeKey("policy.server.gridseval.description.arguments.threads", anyway=True),
    # What is measured.
    FreeKey("policy", compare=True),
    FreeKey("replan", compare=True),
    FreeKey("timing", compare=True),
    FreeKey("suite", by_suite=True),
    FreeKey("suite_files", by_suite=True),
    FreeKey("max_steps", by_suite=True),
    FreeKey("settle_steps", by_suite=True),
    FreeKey("seed", pool=True),
    FreeKey("policy.arguments.seed", pool=True),
)

RESUME = tuple(key.name for key in KEYS if key.resume)
COMPARE = tuple(key.name for key in KEYS if key.compare)
ANYWAY = tuple(key.name for key in KEYS if key.anyway)
EXTENDS = tuple(key.name for key in KEYS if key.extends)
OF_SUITE = tuple(key.name for key in KEYS if (key.by_suite or key.extends) and "." not in key.name)
"""Keys that each suite of a run has for itself."""


def is_below(key: str, names: Collection[str]) -> bool:
    """Return whether a dotted key is one of some names, or stands below one."""
    return any(key == name or key.startswith(f"{name}.") for name in names)


def merge_keys(other_suite: bool, pool: bool) -> tuple[str, ...]:
    """Return the keys in which parts of one run may differ.

    Args:
        other_suite: Whether the parts are of different suites.
        pool: Whether runs that differ in the policy's seed are one run.
    """
    return tuple(
        key.name
        for key in KEYS
        if key.merge or (other_suite and key.by_suite) or (pool and key.pool)
    )
