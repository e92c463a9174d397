"""Several suites in one run: what ``run.yaml`` says of each of them.

The manifest of one suite has all keys at the top. That of several has the keys that depend on the
suite, such as its tasks and policy steps, below ``suites`` and the suite's name. At the top are the
others, all names, and the numbers of all suites together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gridseval.results.run.keys import OF_SUITE

SUITES = "suites"
_SUMS = ("episodes", "planned")


def suites_of(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the suites that a ``run.yaml`` is about; empty if it names none."""
    several = manifest.get(SUITES)
    if isinstance(several, Mapping):
        return tuple(map(str, several))
    return (str(manifest["suite"]),) if "suite" in manifest else ()


def of_suite(manifest: Mapping[str, Any], suite: str) -> Mapping[str, Any]:
    """Return what a ``run.yaml`` would say if the run had only one of its suites."""
    several = manifest.get(SUITES)
    if not isinstance(several, Mapping):
        return manifest
    common = {key: manifest[key] for key in manifest if key not in (SUITES, *OF_SUITE)}
    return {**common, "suite": suite, **several.get(suite, {})}


def of_suites(manifest: Mapping[str, Any], suites: Iterable[str]) -> Mapping[str, Any]:
    """Return what a ``run.yaml`` would say if the run had only some of its suites.

    Without a name it is returned as it is.
    """
    parts = [of_suite(manifest, suite) for suite in suites]
    return join_suites(parts) if parts else manifest


def join_suites(manifests: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the manifest of several suites, or of one.

    Args:
        manifests: One per suite, at least one. What does not depend on the suite is the first's.
    """
    if len(manifests) == 1:
        return dict(manifests[0])
    return _joined(manifests)


def in_one_form(
    first: Mapping[str, Any], second: Mapping[str, Any]
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return two manifests, both as of several suites where one is, so that keys compare."""
    if SUITES not in first and SUITES not in second:
        return first, second
    return _as_several(first), _as_several(second)


def plain_key(key: str, suites: Iterable[str]) -> str:
    """Return a dotted key as it would be in a run of one suite.

    >>> plain_key("suites.libero_goal.max_steps", ["libero_goal"])
    'max_steps'
    """
    for suite in suites:
        key = key.removeprefix(f"{SUITES}.{suite}.")
    return key


def _as_several(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    return manifest if SUITES in manifest or "suite" not in manifest else _joined([manifest])


def _joined(manifests: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    first = manifests[0]
    names = [str(each.get("suite")) for each in manifests]
    own = [{key: each[key] for key in OF_SUITE if key in each} for each in manifests]
    lacking = _added(each.get("unavailable") for each in own)
    joined: dict[str, Any] = {"schema": first["schema"]} if "schema" in first else {}
    joined["suite"] = ", ".join(sorted(names))
    for key in _SUMS:
        if all(isinstance(each.get(key), int) for each in own):
            joined[key] = sum(each[key] for each in own)
    joined |= {key: first[key] for key in first if key not in OF_SUITE}
    joined |= {"unavailable": lacking} if lacking else {}
    without_name = ({k: v for k, v in each.items() if k != "suite"} for each in own)
    return joined | {SUITES: dict(zip(names, without_name, strict=True))}


def _added(counts: Iterable[Any]) -> dict[str, dict[str, int]]:
    """Add up numbers of tasks by dimension and level."""
    total: dict[str, dict[str, int]] = {}
    for by_dimension in counts:
        for dimension, levels in (by_dimension or {}).items():
            sums = total.setdefault(dimension, {})
            for level, count in levels.items():
                sums[level] = sums.get(level, 0) + count
    return total
