"""Objects of LIBERO's that a task has no need of, put beside those that it has.

They are part of the compiled model, so that tasks with other ones are compiled apart. They are in
no initial state and no region of the task: LIBERO's resets draw what they draw without them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gridseval.envs.arrangement.moves import Float
from gridseval.envs.perturbations.objects import ObjectsEdit
from gridseval.envs.perturbations.seeding import generator
from gridseval.envs.task_files import TaskFiles
from gridseval.suites import read_bddl

KINDS = (
    "alphabet_soup",
    "bbq_sauce",
    "butter",
    "chocolate_pudding",
    "cookies",
    "cream_cheese",
    "moka_pot",
    "popcorn",
    "tomato_sauce",
)
"""Small things of LIBERO's that stand by themselves."""

_NAME = "gridseval_distractor_{}"
_OBJECTS = re.compile(r"\( :objects ")
_PARKED = (20.0, 20.0, 1.0)
_APART = 3.0


def with_distractors(
    files: TaskFiles, edit: ObjectsEdit | None, seed: int, suite: str, task: int
) -> TaskFiles:
    """Return a task's files with the objects that are added, all trials' the same.

    Kinds that the task has already are left out, and those that its instruction may mean.

    Args:
        files: The task's.
        edit: Says how many.
        seed: LIBERO's.
        suite: The suite's name.
        task: The task's index.

    Raises:
        MachineError: The BDDL file is refused.
    """
    if edit is None or not edit.distractors:
        return files
    problem = read_bddl(files.bddl)
    said = set(problem.instruction.split())
    free = [kind for kind in KINDS if kind not in problem.kinds and not said & set(kind.split("_"))]
    order = generator(seed, suite, task, 0, "objects distractors").permutation(len(free))
    return replace(files, distractors=tuple(free[i] for i in order[: edit.distractors]))


def problem_with(text: str, kinds: Sequence[str]) -> str:
    """Return a checked problem with more objects, each of a kind."""
    more = " ".join(f"{_NAME.format(i)} - {kind}" for i, kind in enumerate(kinds, 1))
    return _OBJECTS.sub(f"( :objects {more} ", text, count=1) if kinds else text


def distractor_names(kinds: Sequence[str]) -> list[str]:
    """Return the names of added objects."""
    return [_NAME.format(number) for number in range(1, len(kinds) + 1)]


def distractor_joint(name: str) -> bool:
    """Return whether a joint is an added object's."""
    return name.startswith(_NAME.format(""))


def upright(thing: Any) -> Float:
    """Return the orientation in which LIBERO puts an object down, float64 (4,), w x y z."""
    low, high = thing.rotation
    half = (low + high) / 4
    quaternion = np.zeros(4)
    quaternion[0] = math.cos(half)
    quaternion[1 + "xyz".index(thing.rotation_axis)] = math.sin(half)
    return quaternion


def parked(number: int) -> Float:
    """Return a place out of sight for an added object, float64 (7,)."""
    x, y, z = _PARKED
    return np.array([x + _APART * number, y, z, 1.0, 0.0, 0.0, 0.0])
