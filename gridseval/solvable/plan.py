"""Which tasks of a suite are run for a map, and which others are the same as one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gridseval.assets import find_assets
from gridseval.envs.episodes import Episodes
from gridseval.envs.plus import find_plus
from gridseval.errors import UsageError
from gridseval.solvable.config import SolvableConfig
from gridseval.solvable.twins import Twins
from gridseval.suites import (
    DEFAULT_PROTOCOL,
    Missing,
    PlusFolder,
    Selection,
    Suite,
    Task,
    instruct,
    load_protocol,
    load_suite,
    split_available,
)


@dataclass(frozen=True)
class Plan:
    """What is run of a suite, and what stands for what.

    Attributes:
        suite: The suite, with its instructions.
        folder: LIBERO-Plus's files.
        assets: Root of LIBERO's assets.
        tasks: What was asked for, in the suite's order.
        lacking: Those of them that lack files, by index.
        first: For every other task's index that of the one that is run for it.
        problems_sha256: A hash of the problems and initial states of the tasks that are run.
    """

    suite: Suite
    folder: PlusFolder
    assets: Path
    tasks: tuple[Task, ...]
    lacking: Mapping[int, Missing]
    first: Mapping[int, int]
    problems_sha256: str

    @property
    def run(self) -> tuple[int, ...]:
        """The indices of the tasks that are run."""
        return tuple(sorted(set(self.first.values())))


def plan_of(config: SolvableConfig, name: str) -> Plan:
    """Return which tasks of a suite are run, and which others are the same as one of them.

    Raises:
        UsageError: An argument names something that does not exist.
        MachineError: Assets are missing, or a file of a task is broken.
    """
    folder, assets = find_plus(config.libero_plus), find_assets(config.assets).root
    suite = instruct(load_suite(name), folder)
    selection = Selection(config.tasks, config.dimension, config.level, config.sample)
    tasks = selection.of(suite)
    available, lacking = split_available(tasks, folder)
    seed = load_protocol(DEFAULT_PROTOCOL).env_seed
    twins = Twins(Episodes(name, assets, config.libero_plus), config.trials, seed)
    first: Mapping[int, int] = {task.index: task.index for task in available}
    if not config.every_task:
        first = twins.first(available)
    run = sorted(set(first.values()))
    digest = twins.digest(suite.tasks[index] for index in run)
    missing = {lack.task.index: lack for lack in lacking}
    return Plan(suite, folder, assets, tasks, missing, first, digest)


def plans_of(config: SolvableConfig) -> tuple[Plan, ...]:
    """Return the plan of every suite, each suite once, before anything is run.

    Raises:
        UsageError: Two suites have one name, or as :func:`plan_of`.
        MachineError: As :func:`plan_of`.
    """
    plans: dict[str, Plan] = {}
    for name in config.all_suites:
        plan = plan_of(config, name)
        known = plans.setdefault(plan.suite.name, plan)
        if known.suite.file != plan.suite.file:
            raise UsageError(
                f"{known.suite.file} and {plan.suite.file} are two suites {plan.suite.name!r}",
                "map one of them with another --out",
            )
    return tuple(plans.values())
