"""The suites that ship with gridseval: one YAML file each, found by name.

A new suite is a new file; nothing else lists them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gridseval.config import load_yaml
from gridseval.data import data_dir
from gridseval.errors import UsageError, did_you_mean
from gridseval.suites.suite import Suite, Task, instruction_of


def list_suites() -> tuple[str, ...]:
    """Return the names of all suites, sorted."""
    return tuple(sorted(path.stem for path in data_dir("suites").glob("*.yaml")))


def load_suite(name: str) -> Suite:
    """Read a suite.

    Raises:
        UsageError: There is no suite of this name (names the nearest), or its file is broken.
    """
    if name not in list_suites():
        raise UsageError(f"there is no suite {name!r}", did_you_mean(name, list_suites()))
    return read_suite(data_dir("suites") / f"{name}.yaml")


def read_suite(path: Path) -> Suite:
    """Read a suite from its YAML file.

    Raises:
        UsageError: The file cannot be read or does not describe a suite named like the file.
    """
    stored = load_yaml(path, _SuiteFile)
    if stored.name != path.stem:
        raise UsageError(f"{path}: name: expected {path.stem!r} like the file, got {stored.name!r}")
    try:
        return Suite(
            name=stored.name,
            title=stored.title,
            tasks=tuple(
                Task(stored.name, index, name, instruction_of(name))
                for index, name in enumerate(stored.tasks)
            ),
            max_steps=stored.max_steps,
            settle_steps=stored.settle_steps,
            trials=stored.trials,
            cameras=stored.cameras,
        )
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from error


@dataclass(frozen=True)
class _SuiteFile:
    """The keys of a suite's YAML file; tasks are named there, and numbered by their order."""

    name: str
    title: str
    max_steps: int
    settle_steps: int
    trials: int
    cameras: tuple[str, ...]
    tasks: tuple[str, ...]
