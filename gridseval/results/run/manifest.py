"""``run.yaml``: what is needed to repeat a run, and how two differ."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from gridseval.config import read_yaml
from gridseval.errors import OutputError, UsageError
from gridseval.files import write_atomically
from gridseval.moved import current_manifest, present_target
from gridseval.results.run.keys import is_below
from gridseval.results.run.manifest_shape import check_manifest
from gridseval.results.run.same_content import renamed_keys
from gridseval.results.run.several_suites import SUITES, in_one_form, plain_key, suites_of

ABSENT = "(absent)"
MIXED = "mixed"
"""Key of ``run.yaml``: the values that parts of a run had, by dotted key, in the order of use."""

_SIMULATOR = "simulator"


def read_manifest(path: Path) -> dict[str, Any]:
    """Return the content of a ``run.yaml``.

    Raises:
        OutputError: It cannot be read, is not YAML, is not a mapping, has a value of another kind
            than its key's, or says a key by an earlier and its present name, with different values.
    """
    try:
        stored = read_yaml(path)
    except UsageError as error:
        raise OutputError(error.message, error.hint) from error
    if not isinstance(stored, dict):
        raise OutputError(f"{path}: not the manifest of a run")
    try:
        present = current_manifest(_renamed(stored))
    except UsageError as error:
        raise OutputError(f"{path}: {error.message}", error.hint) from error
    try:
        check_manifest(present, str(path))
    except UsageError as error:
        raise OutputError(error.message, error.hint) from error
    return present


def _renamed(stored: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest with the present name of the policy's module."""
    policy = stored.get("policy")
    if not isinstance(policy, dict):
        return stored
    named = {
        key: present_target(value)
        for key, value in policy.items()
        if key in ("name", "kind", "class") and isinstance(value, str)
    }
    return {**stored, "policy": {**policy, **named}}


def write_manifest(path: Path, manifest: Mapping[str, Any]) -> None:
    """Replace a ``run.yaml``.

    Raises:
        OutputError: It cannot be written; the old one is kept.
    """
    write_atomically(path, manifest_yaml(manifest))


def manifest_differences(
    stored: Mapping[str, Any], given: Mapping[str, Any], free_keys: Collection[str] = ()
) -> Iterator[str]:
    """Yield a line ``key: stored -> given`` for every key that differs, in order of keys.

    Args:
        stored: Nested mappings of plain values.
        given: As ``stored``. A run from before the simulator was recorded counts as one of pip's;
            a key of a mixed run has all its values.
        free_keys: Dotted keys to leave out, with all below them, as are names of equal content. A
            key of a suite is free in each suite that both have; other suites are not compared.
    """
    stored, given = in_one_form(stored, given)
    both = [name for name in suites_of(stored) if name in suites_of(given)]
    free = (MIXED, *free_keys, *renamed_keys(stored, given))
    if _unsaid_simulator(stored, given):
        free = (*free, _SIMULATOR)
    before, after = _flat_mixed(stored), _flat_mixed(given)
    for key in sorted(before | after):
        plain = plain_key(key, both)
        if is_below(plain, free) or is_below(plain, (SUITES,)):
            continue
        old, new = before.get(key, ABSENT), after.get(key, ABSENT)
        if old != new:
            yield f"{key}: {old} -> {new}"


def _unsaid_simulator(*manifests: Mapping[str, Any]) -> bool:
    """Return whether only one of two runs says what simulated it, and that is what pip installs.

    Runs from before it was recorded are taken for such runs. Their versions are compared.
    """
    said = [each[_SIMULATOR] for each in manifests if _SIMULATOR in each]
    return len(said) == 1 and isinstance(said[0], Mapping) and not said[0].get("foreign")


def manifest_yaml(manifest: Mapping[str, Any]) -> str:
    """Return the text of a ``run.yaml``."""
    return yaml.safe_dump(dict(manifest), sort_keys=False, allow_unicode=True, width=100)


def _flat_mixed(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return the text of a manifest's values by dotted key; one that was mixed has all of them."""
    flat = {key: repr(value) for key, value in flat_manifest(manifest).items()}
    for key, values in mixed_values(manifest).items():
        flat[key] = ", then ".join(map(shown_value, values))
    return flat


def mixed_values(manifest: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    """Return the values that parts of a resumed run had, by dotted key, in the order of use."""
    mixed = manifest.get(MIXED)
    return {str(key): tuple(values) for key, values in mixed.items()} if mixed else {}


def shown_value(value: Any) -> str:
    """Return a value's text: repr tells 1 from 1.0 and True, and nan equals nan."""
    return ABSENT if value == ABSENT else repr(value)


def flat_manifest(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a manifest's values by dotted key."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            flat |= flat_manifest(value, f"{name}.")
        else:
            flat[name] = value
    return flat
