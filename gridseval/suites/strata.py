"""Choosing tasks of LIBERO-Plus by dimension and level, and drawing a sample of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gridseval.errors import UsageError, did_you_mean
from gridseval.suites.selection import parse_range, select_tasks
from gridseval.suites.suite import Suite, Task
from gridseval.suites.variant import DIMENSIONS, LEVELS

NO_LEVEL = "none"
"""How a level that upstream leaves open is written."""

Stratum = tuple[str, "int | None"]


@dataclass(frozen=True)
class Selection:
    """Which tasks of a suite to take; every condition narrows what is left.

    Attributes:
        tasks: Indices, ranges and names, or ``None`` for all.
        dimension: Names of dimensions joined by commas, or ``None`` for all.
        level: Levels and ranges joined by commas, such as ``"1,3-5"`` or ``"none"``, or ``None``.
        sample: How many of those tasks to draw, or ``None`` for all.
    """

    tasks: str | None = None
    dimension: str | None = None
    level: str | None = None
    sample: int | None = None

    @property
    def narrows(self) -> dict[str, str | int]:
        """What was asked for beside ``tasks``, by its name."""
        return {
            key: value
            for key in ("dimension", "level", "sample")
            if (value := getattr(self, key)) is not None
        }

    def of(self, suite: Suite) -> tuple[Task, ...]:
        """Return the tasks, in the suite's order.

        Raises:
            UsageError: A condition names what does not exist, or fits no task.
        """
        tasks = select_tasks(suite, self.tasks)
        if not self.narrows:
            return tasks
        pairs = tuple((task, _stratum(suite, task, self.narrows)) for task in tasks)
        if self.dimension is not None:
            dimensions = parse_dimensions(self.dimension, suite)
            pairs = tuple(pair for pair in pairs if pair[1][0] in dimensions)
        if self.level is not None:
            levels = parse_levels(self.level)
            pairs = tuple(pair for pair in pairs if pair[1][1] in levels)
        if not pairs:
            asked = ", ".join(f"--{key} {value}" for key, value in self.narrows.items())
            raise UsageError(
                f"no task of {suite.name} fits {asked}", f"gridseval suites {suite.name}"
            )
        return draw_sample([task for task, _ in pairs], self.sample)


def stratum(task: Task) -> Stratum | None:
    """Return a task's dimension and level; ``None`` if its suite has no dimensions."""
    if task.variant is None:
        return (task.dimension, None) if task.dimension else None
    return task.variant.dimension, task.variant.level


def parse_dimensions(text: str, suite: Suite | None = None) -> frozenset[str]:
    """Return the dimensions that a text such as ``"camera,light"`` names.

    Args:
        text: Their names.
        suite: What has them; ``None`` for LIBERO-Plus.

    Raises:
        UsageError: It names one that does not exist, or none.
    """
    own = sorted({task.dimension for task in suite.tasks} - {""}) if suite else []
    known, whose = (own, suite.title) if own and suite else (DIMENSIONS, "LIBERO-Plus")
    names = [part.strip() for part in text.split(",")]
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known)
            raise UsageError(f"{whose} has no dimension {name[:100]!r}", hint)
    return frozenset(names)


def parse_levels(text: str) -> frozenset[int | None]:
    """Return the levels that a text such as ``"1,3-5"`` or ``"none"`` names.

    Raises:
        UsageError: It names one that does not exist, or none.
    """
    levels: set[int | None] = set()
    for part in text.split(","):
        levels.update(_levels(part.strip()))
    return frozenset(levels)


def draw_sample(tasks: Sequence[Task], number: int | None) -> tuple[Task, ...]:
    """Draw ``number`` tasks, in proportion to the size of each stratum, at least one if possible.

    Which ones are drawn depends on the tasks' names only, so it does not depend on
    the run's seed or the files at hand.

    Args:
        tasks: Where to draw from; strata are dimension × level, or each task by itself.
        number: How many, or ``None`` for all.

    Raises:
        UsageError: ``number`` is not within 1 and the number of tasks.
    """
    if number is None:
        return tuple(tasks)
    if not 1 <= number <= len(tasks):
        raise UsageError(
            f"cannot draw a sample of {number} from {len(tasks)} tasks", f"choose 1 to {len(tasks)}"
        )
    strata: dict[Stratum | None, list[Task]] = {}
    for task in sorted(tasks, key=_shuffled):
        strata.setdefault(stratum(task), []).append(task)
    shares = _shares({key: len(group) for key, group in strata.items()}, number)
    chosen = {task.index for key, group in strata.items() for task in group[: shares[key]]}
    return tuple(task for task in tasks if task.index in chosen)


def _stratum(suite: Suite, task: Task, asked: Iterable[str]) -> Stratum:
    found = stratum(task)
    if found is None:
        options = " and ".join(f"--{key}" for key in asked)
        raise UsageError(
            f"{options} is for the suites of LIBERO-Plus: {suite.name} has no dimensions",
            f"did you mean {suite.name.replace('libero_', 'libero_plus_')!r}?",
        )
    return found


def _levels(part: str) -> Iterable[int | None]:
    if part == NO_LEVEL:
        return (None,)
    ends = parse_range(part)
    names = (*map(str, LEVELS), NO_LEVEL)
    if ends is None:
        hint = f"choose from {', '.join(names)}, or a range such as 3-5"
        raise UsageError(f"{part[:100]!r} is not a level of LIBERO-Plus", hint)
    first, last = ends
    for level in (first, last):
        if level not in LEVELS:
            nearest = min(LEVELS, key=lambda known: abs(known - level))
            hint = f"levels are 1 to 5, or {NO_LEVEL}; did you mean {nearest}?"
            raise UsageError(f"LIBERO-Plus has no level {level}", hint)
    if first > last:
        raise UsageError(f"the range of levels {part} runs backwards", f"write {last}-{first}")
    return range(first, last + 1)


def _shuffled(task: Task) -> str:
    """Return a key that puts tasks into an arbitrary order, the same on every machine."""
    return hashlib.sha256(f"{task.suite}/{task.name}".encode()).hexdigest()


def _shares(sizes: Mapping[Stratum | None, int], number: int) -> dict[Stratum | None, int]:
    """Share a sample out: by size with the largest remainders, first of all one to each stratum."""
    total = sum(sizes.values())
    order = sorted(sizes, key=lambda key: (-sizes[key], str(key)))
    shares = {key: int(position < number) for position, key in enumerate(order)}
    exact = {key: number * size / total for key, size in sizes.items()}
    for _ in range(number - sum(shares.values())):
        # Add to the one furthest below its share; a stratum cannot give more than it has.
        open_keys = [key for key in order if shares[key] < sizes[key]]
        needy = max(open_keys, key=lambda key: exact[key] - shares[key])
        shares[needy] += 1
    return shares
