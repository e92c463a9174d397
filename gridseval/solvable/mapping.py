"""Make the map of a suite: find tasks that are the same, run the expert on the others, join."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gridseval.envs.task_files import TaskFiles
from gridseval.evaluation import NoExtension, Progress, RunConfig, evaluate
from gridseval.files import write_atomically
from gridseval.os_errors import RUN_HINTS, os_errors
from gridseval.policies.oracle.source import expert_sha256
from gridseval.results import EpisodeRecord, read_run
from gridseval.run_names import MAP, MAP_MARKDOWN
from gridseval.solvable.config import SolvableConfig
from gridseval.solvable.map_file import write_rows
from gridseval.solvable.plan import Plan
from gridseval.solvable.problem import Problem
from gridseval.solvable.summary import map_markdown
from gridseval.solvable.task_map import MapRow, TaskMap, row_of
from gridseval.suites import (
    Missing,
    Task,
    read_bddl,
)

_ASSETS_ZIP = "assets.zip"


class _Problems(NoExtension):
    """Writes into ``run.yaml`` which problems are run, so that no others continue the run."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def manifest(self) -> Mapping[str, Any]:
        """Return the key."""
        return {"solvable": {"problems_sha256": self._plan.problems_sha256}}


def make_map(config: SolvableConfig, plan: Plan, progress: Progress | None = None) -> TaskMap:
    """Run the expert on one of the suites, or resume it, and write its map beside the run.

    Args:
        config: What was asked for.
        plan: The suite's.
        progress: Shows how far the run is; default: shows nothing.

    Raises:
        GridsevalError: Something a user can mend; see :func:`gridseval.evaluation.evaluate`.
    """
    out = config.out / plan.suite.name
    mapped = _run(config, plan, progress) if plan.run else _unrun(config, plan)
    with os_errors(f"cannot write {out}", hint=RUN_HINTS):
        out.mkdir(parents=True, exist_ok=True)
    write_atomically(out / MAP, write_rows(mapped.rows))
    write_atomically(out / MAP_MARKDOWN, map_markdown([mapped]))
    return mapped


def _unrun(config: SolvableConfig, plan: Plan) -> TaskMap:
    """Return the map of a suite of which no task can be run here."""
    out = config.out / plan.suite.name
    rows = tuple(_rows(plan, ()))
    return TaskMap(plan.suite.name, config.trials, expert_sha256(), "", out, rows)


def _run(config: SolvableConfig, plan: Plan, progress: Progress | None) -> TaskMap:
    out = config.out / plan.suite.name
    run_config = RunConfig(
        suite=plan.suite.address,
        out=out,
        tasks=",".join(map(str, plan.run)),
        trials=config.trials,
        policy="oracle",
        workers=config.workers,
        video="none",
        assets=config.assets,
        libero_plus=config.libero_plus,
        record_actions=True,
        retry_errors=config.retry_errors,
        resume_anyway=config.resume_anyway,
        force=config.force,
        command=config.command,
    )
    evaluate(run_config, progress, _Problems(plan))
    run = read_run(out)
    assets, policy = (run.manifest.get(key, {}) for key in ("assets", "policy"))
    return TaskMap(
        suite=plan.suite.name,
        trials=config.trials,
        expert=str(policy.get("expert", "")),
        assets=str(assets.get("identity", "")),
        run=out,
        rows=tuple(_rows(plan, run.records)),
    )


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
