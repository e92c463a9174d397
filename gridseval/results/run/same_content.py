"""Which texts of ``run.yaml`` only name what has a hash: the same content may lie elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def renamed_keys(
    stored: Mapping[str, Any], given: Mapping[str, Any], prefix: str = ""
) -> Iterator[str]:
    """Yield the dotted keys below ``policy`` that name content which both runs have.

    A checkpoint with the same hash is the same checkpoint, wherever it lies; so is the file of a
    class, or one that an argument names. A server of gridseval says what it serves.

    Args:
        stored: A ``run.yaml``.
        given: Another.
        prefix: What to put before the keys.
    """
    before, after = stored.get("policy"), given.get("policy")
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _renamed(before, after, f"{prefix}policy.")


def says_what_it_serves(policy: Mapping[str, Any]) -> bool:
    """Return whether a policy is behind a server that describes its policy by content."""
    return bool(_served(policy))


def _renamed(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str) -> Iterator[str]:
    if _both(before, after, "sha256"):
        yield from (f"{prefix}checkpoint", f"{prefix}hub")
    if _both(before, after, "source_sha256"):
        for key in ("name", "kind", "class"):
            if _same_class(before.get(key), after.get(key)):
                yield f"{prefix}{key}"
    yield from _renamed_arguments(before, after, prefix)
    served = _served(before), _served(after)
    if all(served):
        below = f"{prefix}server.gridseval."
        yield f"{prefix}checkpoint"  # the address
        keys = tuple(_renamed(*served, f"{below}description."))
        yield from keys
        if f"{below}description.kind" in keys:
            yield f"{below}policy"


def _renamed_arguments(
    before: Mapping[str, Any], after: Mapping[str, Any], prefix: str
) -> Iterator[str]:
    first, second = (_mapping(each.get("argument_files")) for each in (before, after))
    values = tuple(_mapping(each.get("arguments")) for each in (before, after))
    for key in first:
        old, new = (each.get(key) for each in values)
        named = _class_of(old) == _class_of(new)
        if _both(first, second, key) and named:
            yield f"{prefix}arguments.{key}"


def _served(policy: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a server of gridseval says of its policy; empty for other servers."""
    own = _mapping(policy.get("server")).get("gridseval")
    return _mapping(_mapping(own).get("description"))


def _both(before: Mapping[str, Any], after: Mapping[str, Any], key: str) -> bool:
    return isinstance(before.get(key), str) and before[key] == after.get(key)


def _same_class(before: Any, after: Any) -> bool:
    return _class_of(before) == _class_of(after) != ""


def _class_of(text: Any) -> str:
    """Return ``Class`` of ``path/to/file.py:Class``; empty for other values."""
    where, _, name = str(text).rpartition(":")
    return name if where.endswith(".py") else ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
