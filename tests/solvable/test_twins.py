"""Which tasks of LIBERO-Plus are the same for what acts from states, and that they really are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridseval.envs.episodes import Episodes
from gridseval.envs.libero_env import LiberoEnv
from gridseval.policies.oracle import OraclePolicy
from gridseval.solvable.twins import Twins
from gridseval.suites import Episode, PlusFolder, Task, load_suite, missing

SUITES = [f"libero_plus_{part}" for part in ("spatial", "object", "goal", "10")]
UNSEEN = ("camera", "language", "noise")


def folder() -> PlusFolder:
    return PlusFolder.find(os.environ["GRIDSEVAL_LIBERO_PLUS"])


def first_of(suite: str, dimension: str, base: str | None = None) -> Task:
    """Return the first task of a dimension, of a base task, whose files are here."""
    for task in load_suite(suite).tasks:
        variant = task.variant
        assert variant is not None
        if (
            variant.dimension == dimension
            and base in (None, variant.base)
            and missing(task, folder()) is None
        ):
            return task
    raise AssertionError(f"{suite} has no {dimension}")


@pytest.mark.libero_plus
@pytest.mark.parametrize("suite", SUITES)
def test_only_what_is_not_seen_is_grouped(suite: str, assets: Path) -> None:
    episodes = Episodes(suite, assets)
    first = Twins(episodes, 1, 0).first(episodes.available)
    tasks = load_suite(suite).tasks
    groups: dict[int, list[Task]] = {}
    for index, of in first.items():
        groups.setdefault(of, []).append(tasks[index])
    variants = {task.index: task.variant for task in tasks}
    for of, group in groups.items():
        bases = {variants[task.index].base for task in group}  # type: ignore[union-attr]
        dimensions = {variants[task.index].dimension for task in group}  # type: ignore[union-attr]
        assert len(bases) == 1
        assert of == min(task.index for task in group)
        if len(group) > 1:
            assert dimensions <= {*UNSEEN, "light", "background"}
    alone = [group[0] for group in groups.values() if len(group) == 1]
    for dimension in ("robot", "layout"):
        whole = [t for t in episodes.available if variants[t.index].dimension == dimension]  # type: ignore[union-attr]
        assert len(whole) > 100
        assert set(whole) <= set(alone), dimension
    unseen = [t for t in episodes.available if variants[t.index].dimension in UNSEEN]  # type: ignore[union-attr]
    assert len({first[task.index] for task in unseen}) == 10


@pytest.mark.libero_plus
def test_the_words_are_all_that_differs_in_the_language_dimension(assets: Path) -> None:
    # The environment is built from the base task's file, so this is what the grouping rests on.
    import re

    from gridseval.envs.task_files import TaskFiles
    from gridseval.suites import read_bddl

    words = re.compile(r"\( :language [^()]*\)")
    seen = 0
    for suite in SUITES:
        for task in load_suite(suite).tasks:
            variant = task.variant
            if variant is None or variant.dimension != "language":
                continue
            base = read_bddl(TaskFiles.of_task(task, assets, folder()).bddl).text
            own = folder().problem(variant).text
            assert words.sub("", own) == words.sub("", base), task.name
            seen += 1
    assert seen == 1537


def played(suite: str, task: int, assets: Path) -> tuple[Any, Any, bool]:
    """Return the states and actions of the expert's episode, and whether it was solved."""
    env = LiberoEnv(suite, assets=assets, observations=("state",), privileged=True)
    observation, info = env.reset(options={"task": task, "trial": 0})
    policy = OraclePolicy()
    policy.reset([0], [Episode(suite, task, 0)])
    states, actions, done = [env.sim_state()], [], False
    while not done and len(actions) < env.max_steps:
        batch: Any = {"slots": np.zeros(1, int), "steps": np.array([len(actions)])}
        batch |= {"privileged": (info["privileged"],), "state": observation["state"][None]}
        for action in policy.act(batch).actions[0, : policy.replan]:
            observation, _, done, over, info = env.step(action)
            states.append(env.sim_state())
            actions.append(action)
            if done or over:
                break
    env.close()
    return np.array(states), np.array(actions), done


@pytest.mark.slow
@pytest.mark.libero_plus
@pytest.mark.parametrize(
    ("suite", "base"),
    [("libero_plus_goal", "turn_on_the_stove"), ("libero_plus_object", None)],
)
def test_what_is_grouped_is_equal_to_the_bit(suite: str, base: str | None, assets: Path) -> None:
    episodes = Episodes(suite, assets)
    first = Twins(episodes, 1, 0).first(episodes.available)
    dimensions = UNSEEN if base else (*UNSEEN, "background")
    known: dict[int, tuple[Any, Any, bool]] = {}
    for dimension in dimensions:
        one = first_of(suite, dimension, base)
        same = [index for index, of in first.items() if of == first[one.index] != index]
        mine = [i for i in same if load_suite(suite).tasks[i].variant.dimension == dimension]  # type: ignore[union-attr]
        of = first[one.index]
        if of not in known:
            known[of] = played(suite, of, assets)
        states, actions, solved = played(suite, mine[-1], assets)
        assert solved
        assert solved == known[of][2]
        assert actions.tobytes() == known[of][1].tobytes(), dimension
        assert states.tobytes() == known[of][0].tobytes(), dimension


@pytest.mark.slow
@pytest.mark.libero_plus
def test_what_is_not_grouped_differs(assets: Path) -> None:
    """The arm's controller pulls elsewhere, and a layout's objects stand elsewhere."""
    suite, base = "libero_plus_goal", "turn_on_the_stove"
    tasks = [first_of(suite, dimension, base) for dimension in ("camera", "robot", "layout")]
    states = [played(suite, task.index, assets)[0] for task in tasks]
    for other in states[1:]:
        shared = min(len(states[0]), len(other))
        assert states[0].shape[1] != other.shape[1] or (states[0][:shared] != other[:shared]).any()
