"""Where the numbers come from: ``run.yaml`` of every run, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gridseval.report.source import ReportRun

_APART = ("command",)


@dataclass(frozen=True)
class Entry:
    """One key of ``run.yaml``.

    Args:
        key: Dotted.
        values: One per run, as text; ``None`` if the run lacks the key.
        differs: Whether they are not all the same.
    """

    key: str
    values: tuple[str | None, ...]
    differs: bool


def provenance(runs: Sequence[ReportRun]) -> tuple[Entry, ...]:
    """Return all keys of all manifests except the command, in the first manifest's order."""
    tables = [flat(run.manifest) for run in runs]
    keys = dict.fromkeys(key for table in tables for key in table)
    entries = []
    for key in keys:
        if key not in _APART:
            values = tuple(table.get(key) for table in tables)
            entries.append(Entry(key, values, len(set(values)) > 1))
    return tuple(entries)


def flat(tree: Mapping[str, Any]) -> dict[str, str]:
    """Return nested mappings as dotted keys and text."""
    return {key: _text(value) for key, value in _leaves(tree, "")}


def _leaves(tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _text(value: Any) -> str:
    if value is None or value in ({}, [], ""):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return str(value)
