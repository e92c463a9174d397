"""Make the map of a suite: find tasks that are the same, run the expert on the others, join."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gridseval.assets import find_assets
from gridseval.envs.episodes import Episodes
from gridseval.envs.plus import find_plus
from gridseval.envs.task_files import TaskFiles
from gridseval.evaluation import Progress, RunConfig, evaluate
from gridseval.results import EpisodeRecord, read_run
from gridseval.results.run.files import write_atomically
from gridseval.run_names import MAP, MAP_MARKDOWN
from gridseval.solvable.config import SolvableConfig
from gridseval.solvable.problem import Problem
from gridseval.solvable.summary import map_markdown
from gridseval.solvable.task_map import MapRow, TaskMap, row_of, write_rows
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
    read_bddl,
    split_available,
)

_ASSETS_ZIP = "assets.zip"


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
    """

    suite: Suite
    folder: PlusFolder
    assets: Path
    tasks: tuple[Task, ...]
    lacking: Mapping[int, Missing]
    first: Mapping[int, int]

    @property
    def run(self) -> tuple[int, ...]:
        """The indices of the tasks that are run."""
        return tuple(sorted(set(self.first.values())))


def make_map(config: SolvableConfig, name: str, progress: Progress | None = None) -> TaskMap:
    """Run the expert on one of the suites, or resume it, and write its map beside the run.

    Args:
        config: What was asked for.
        name: The suite.
        progress: Shows how far the run is; default: shows nothing.

    Raises:
        GridsevalError: Something a user can mend; see :func:`gridseval.evaluation.evaluate`.
    """
    plan = plan_of(config, name)
    out = config.out / plan.suite.name
    # Without a task to run, the run says what is missing.
    chosen = plan.run or tuple(task.index for task in plan.tasks)
    run_config = RunConfig(
        suite=name,
        out=out,
        tasks=",".join(map(str, chosen)),
        trials=config.trials,
        policy="oracle",
        workers=config.workers,
        video="none",
        assets=config.assets,
        libero_plus=config.libero_plus,
        record_actions=True,
        retry_errors=config.retry_errors,
        force=config.force,
        command=config.command,
    )
    evaluate(run_config, progress)
    run = read_run(out)
    assets, policy = (run.manifest.get(key, {}) for key in ("assets", "policy"))
    mapped = TaskMap(
        suite=plan.suite.name,
        trials=config.trials,
        expert=str(policy.get("expert", "")),
        assets=str(assets.get("identity", "")),
        run=out,
        rows=tuple(_rows(plan, run.records)),
    )
    write_atomically(out / MAP, write_rows(mapped.rows))
    write_atomically(out / MAP_MARKDOWN, map_markdown([mapped]))
    return mapped


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
    first: Mapping[int, int] = {task.index: task.index for task in available}
    if not config.every_task:
        seed = load_protocol(DEFAULT_PROTOCOL).env_seed
        episodes = Episodes(name, assets, config.libero_plus)
        first = Twins(episodes, config.trials, seed).first(available)
    missing = {lack.task.index: lack for lack in lacking}
    return Plan(suite, folder, assets, tasks, missing, first)


def _rows(plan: Plan, records: Sequence[EpisodeRecord]) -> Iterator[MapRow]:
    by_task: dict[int, list[EpisodeRecord]] = {}
    for record in records:
        by_task.setdefault(record.task, []).append(record)
    for task in plan.tasks:
        lack = plan.lacking.get(task.index)
        said = _said(plan, task)
        if lack is not None:
            yield row_of(task, (), state="lacks data", lacks=_lack(lack), **said)
            continue
        first = plan.first[task.index]
        same = None if first == task.index else first
        yield row_of(task, by_task.get(first, ()), same_as=same, **said)


def _said(plan: Plan, task: Task) -> dict[str, Any]:
    """Return what a task's text says; of a task that lacks even that, nothing."""
    path = TaskFiles.of_task(task, plan.assets, plan.folder).bddl
    if not path.is_file():
        return {}
    problem = Problem.of(read_bddl(path))
    open_ = problem.leaves_open(task.instruction)
    return {"never": problem.contradictions(), "leaves_open": open_}


def _lack(lack: Missing) -> str:
    zipped = lack.what.startswith("assets/")
    return f"needs {_ASSETS_ZIP}: {lack.what}" if zipped else f"needs {lack.what}"
