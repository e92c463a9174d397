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
from gridseval.suites.variant_text import read_variants


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
            tasks=stored.listed_tasks(),
            max_steps=stored.max_steps,
            settle_steps=stored.settle_steps,
            trials=stored.trials,
            cameras=stored.cameras,
        )
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from error


@dataclass(frozen=True)
class _SuiteFile:
    """The keys of a suite's YAML file.

    Tasks are numbered by their order: they are named under ``tasks``, or they change those of the
    suite ``base`` as ``variants`` says.
    """

    name: str
    title: str
    max_steps: int
    settle_steps: int
    trials: int
    cameras: tuple[str, ...]
    tasks: tuple[str, ...] = ()
    base: str | None = None
    variants: str = ""

    def listed_tasks(self) -> tuple[Task, ...]:
        """Return the suite's tasks.

        Raises:
            ValueError: The variants cannot be read, or there are tasks of both sorts.
            UsageError: There is no such base suite.
        """
        if self.base is None:
            if self.variants:
                raise ValueError("variants need the name of their base suite")
            named = enumerate(self.tasks)
            return tuple(Task(self.name, i, name, instruction_of(name)) for i, name in named)
        if self.tasks:
            raise ValueError("tasks of a suite with a base are listed under variants")
        told = {task.name: task.instruction for task in load_suite(self.base).tasks}
        return tuple(
            Task(self.name, index, variant.name, told[variant.base], variant)
            for index, variant in enumerate(read_variants(self.variants, self.base, list(told)))
        )
