"""Which tasks can be run with the files at hand, and what the others lack."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gridseval.errors import MachineError
from gridseval.suites.background import background_of
from gridseval.suites.bddl import read_bddl
from gridseval.suites.plus_folder import CLONE, PULL, PlusFolder
from gridseval.suites.scene_names import scene_stem
from gridseval.suites.strata import NO_LEVEL
from gridseval.suites.suite import Suite, Task, instruction_of
from gridseval.suites.variant import DIMENSIONS, Variant

PROMPTS = ("base", "upstream")
"""Instructions for policies: the base task's instruction, or upstream's, which names the change."""


@dataclass(frozen=True)
class Missing:
    """What a task lacks.

    Attributes:
        task: The task.
        what: The first file that is missing.
        where: How to get it.
    """

    task: Task
    what: str
    where: str

    def __str__(self) -> str:
        return f"{self.what} is missing: {self.where}"


def missing(task: Task, folder: PlusFolder) -> Missing | None:
    """Return what a task lacks beside LIBERO's own files; ``None`` if it can be run."""
    variant = task.variant
    if variant is None or variant.dimension in ("camera", "robot", "noise"):
        return None
    if variant.dimension in ("language", "layout"):
        lacking = folder.missing_data(variant)
        if lacking is not None:
            return Missing(task, lacking, f"{CLONE}, and name its libero/libero by --libero-plus")
    lacking = _missing_asset(variant, folder)
    return None if lacking is None else Missing(task, lacking, PULL)


def split_available(
    tasks: Iterable[Task], folder: PlusFolder
) -> tuple[tuple[Task, ...], tuple[Missing, ...]]:
    """Return the tasks that can be run, and what each of the others lacks."""
    available, lacking = [], []
    for task in tasks:
        lack = missing(task, folder)
        if lack is None:
            available.append(task)
        else:
            lacking.append(lack)
    return tuple(available), tuple(lacking)


def none_available(suite: Suite, lacking: Sequence[Missing]) -> MachineError:
    """Return the error of a selection of which no task can be run.

    Args:
        suite: Its suite.
        lacking: What each task lacks; at least one.
    """
    return MachineError(
        f"none of these {len(lacking)} tasks of {suite.name} is available here: "
        f"{lacking[0].what} is missing",
        lacking[0].where,
    )


def check_problems(tasks: Iterable[Task], folder: PlusFolder) -> None:
    """Check the BDDL files that LIBERO will read of these tasks, which must be available.

    It does so again when it reads them; here a bad file ends a run before the first episode.

    Raises:
        MachineError: A file is refused; names file and line.
    """
    seen: set[Path] = set()
    for task in tasks:
        if task.files is not None:
            if (
                task.files.bddl is not None and task.files.bddl not in seen
            ):  # tasks may differ in their instruction only
                seen.add(task.files.bddl)
                read_bddl(task.files.bddl)
        elif task.variant is not None and task.variant.dimension == "layout":
            folder.problem(task.variant)


def count_strata(tasks: Iterable[Task]) -> dict[str, dict[str, int]]:
    """Return the number of tasks by dimension and level, dimensions in the leaderboard's order.

    Levels are text, as keys of YAML and JSON are; ``"none"`` stands for no level.
    """
    counts = Counter(
        (task.variant.dimension, task.variant.level) for task in tasks if task.variant is not None
    )
    levels = sorted({level for _, level in counts}, key=lambda level: level or 99)
    return {
        dimension: {
            NO_LEVEL if level is None else str(level): counts[dimension, level]
            for level in levels
            if counts[dimension, level]
        }
        for dimension in DIMENSIONS
        if any(counts[dimension, level] for level in levels)
    }


def reasons(lacking: Sequence[Missing]) -> Mapping[str, str]:
    """Return one sentence for each dimension that lacks something."""
    first: dict[str, Missing] = {}
    number: Counter[str] = Counter()
    for lack in lacking:
        dimension = lack.task.variant.dimension if lack.task.variant else ""
        first.setdefault(dimension, lack)
        number[dimension] += 1
    return {
        dimension: f"{number[dimension]} {'task lacks' if number[dimension] == 1 else 'tasks lack'}"
        f" files, such as {lack.what}: {lack.where}"
        for dimension, lack in sorted(first.items(), key=lambda item: DIMENSIONS.index(item[0]))
    }


def instruct(suite: Suite, folder: PlusFolder, prompts: str = "base") -> Suite:
    """Return the suite with the instructions that policies really get.

    Args:
        suite: Any; only suites of LIBERO-Plus change.
        folder: Has the instructions of the language dimension; where it lacks one, the base task's
            stays, for that task cannot be run.
        prompts: ``"base"``, or ``"upstream"`` for upstream's ``task.language``: in six dimensions
            it spells the whole name, "… light 3".
    """
    if all(task.variant is None for task in suite.tasks):
        return suite
    return replace(suite, tasks=tuple(_instructed(task, folder, prompts) for task in suite.tasks))


def _instructed(task: Task, folder: PlusFolder, prompts: str) -> Task:
    variant = task.variant
    if variant is None:
        return task
    if variant.dimension == "language":
        known = folder.missing_data(variant) is None
        return replace(task, instruction=folder.instruction(variant)) if known else task
    return replace(task, instruction=instruction_of(task.name)) if prompts == "upstream" else task


def _missing_asset(variant: Variant, folder: PlusFolder) -> str | None:
    if variant.dimension == "background":
        return background_of(variant, folder).missing
    if variant.dimension == "light":
        stem = scene_stem(variant)
        return None if folder.scene_file(stem) else f"assets/scenes/lights/{stem}.xml"
    if variant.kind == "add":
        if folder.assets is None:
            return "assets/new_objects"
        for kind in folder.added_kinds(variant):
            if folder.object_file(kind) is None:
                return f"assets/new_objects/{kind.partition('__')[0]}"
    return None
