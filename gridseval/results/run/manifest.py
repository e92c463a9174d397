"""``run.yaml``: what is needed to repeat a run, and the check that a resumed run is the same."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from gridseval.config import read_yaml
from gridseval.errors import OutputError, UsageError
from gridseval.files import write_atomically
from gridseval.moved import current_manifest, present_target
from gridseval.plain_files import plain_yaml
from gridseval.results.run.manifest_shape import check_manifest
from gridseval.results.run.protocols import is_before_protocols, with_protocol

ABSENT = "(absent)"

_SIMULATOR = "simulator"


def settle_manifest(
    path: Path, manifest: Mapping[str, Any], free_keys: Collection[str] = ()
) -> dict[str, Any]:
    """Store the manifest of a new run, or check that an existing one is the same.

    Args:
        path: The ``run.yaml``.
        manifest: Nested mappings, lists and plain values.
        free_keys: Dotted keys that may differ, each with all that is below it, e.g. ``"machine"``.

    Returns:
        The stored manifest; where free keys differ it keeps the values of the run's first start.

    Raises:
        OutputError: Another manifest is stored (shows each difference), or the file cannot be
            read or written.
    """
    text = _to_yaml(manifest)
    if not path.exists():
        write_atomically(path, text)
        return read_manifest(path)
    stored = read_manifest(path)
    # Through YAML and back, so that a tuple and the list it was stored as are the same.
    given = plain_yaml(text)
    differences = list(manifest_differences(_filled(stored, given), given, free_keys))
    if differences:
        shown = "".join(f"\n  {line}" for line in differences)
        raise OutputError(
            f"{path.parent} holds another run (stored -> given):{shown}",
            "give the stored values to resume it, or another directory for a new run",
        )
    return stored


def _filled(stored: Mapping[str, Any], given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a stored manifest with the values that earlier versions did not write."""
    if not is_before_protocols(stored) or "env_seed" not in given:
        return stored
    filled = {**with_protocol(stored), "protocol": given.get("protocol")}
    policy, later = stored.get("policy"), given.get("policy")
    if isinstance(policy, Mapping) and isinstance(later, Mapping) and "untrained" in later:
        # It follows from the checkpoint's hash and the seed, which are compared.
        filled["policy"] = {"untrained": later["untrained"], **policy}
    return filled


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
    write_atomically(path, _to_yaml(manifest))


def manifest_differences(
    stored: Mapping[str, Any], given: Mapping[str, Any], free_keys: Collection[str] = ()
) -> Iterator[str]:
    """Yield a line ``key: stored -> given`` for every key that differs, in order of keys.

    Args:
        stored: Nested mappings of plain values.
        given: As ``stored``. A run from before the simulator was recorded counts as one of pip's.
        free_keys: Dotted keys to leave out, with all below them.
    """
    free_keys = (*free_keys, *([_SIMULATOR] if _unsaid_simulator(stored, given) else []))
    before, after = _flat(stored), _flat(given)
    for key in sorted(before | after):
        if any(key == free or key.startswith(f"{free}.") for free in free_keys):
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


def _to_yaml(manifest: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(manifest), sort_keys=False, allow_unicode=True, width=100)


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Map dotted keys to their values' text: repr tells 1 from 1.0 and True, and nan equals nan."""
    flat: dict[str, str] = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            flat |= _flat(value, f"{name}.")
        else:
            flat[name] = repr(value)
    return flat
