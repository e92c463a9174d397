"""How often the model solves tasks: runs in the simulator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gridseval.errors import UsageError
from gridseval.evaluation import Progress, RunConfig, evaluate
from gridseval.training.config import TrainConfig
from gridseval.training.dataset import Dataset


def check_origins(config: TrainConfig, datasets: Sequence[Dataset]) -> None:
    """Refuse simulation where tasks are unknown, or where it would start as the data did.

    Raises:
        UsageError: A dataset does not say its tasks, or has the simulator's seed.
    """
    if config.evaluate_every is None and not config.dagger:
        return
    seeds = range(config.env_seed, config.env_seed + config.dagger + 1)
    for dataset in datasets:
        if not dataset.provenance.tasks:
            raise UsageError(
                f"{dataset.path} does not say of which tasks it is, so that nothing can be "
                "simulated",
                "leave out --evaluate-every and --dagger",
            )
        if dataset.provenance.env_seed in seeds:
            raise UsageError(
                f"{dataset.path} was collected with --env-seed {dataset.provenance.env_seed}, so that "
                "evaluations or rounds would start where its episodes do",
                "give another --env-seed",
            )


def evaluate_model(
    config: TrainConfig,
    datasets: Sequence[Dataset],
    step: int,
    device: str,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Evaluate the checkpoint in ``config.out`` on fresh starts of all tasks of the data.

    Args:
        config: The training's.
        datasets: Whose tasks.
        step: Of the training; names the run's folder.
        device: Of the policy.
        progress: Shows how far it is.

    Returns:
        One result per suite, of plain values.
    """
    results = []
    for suite, tasks in tasks_of(datasets):
        folder = config.out / "evaluations" / f"step-{step:07d}-{suite}"
        tally = evaluate(
            run_of(config, folder, suite, tasks, device, config.evaluate_starts, config.env_seed),
            progress,
        ).tally
        interval = tally.interval
        results.append(
            {
                "step": step,
                "suite": suite,
                "successes": tally.successes,
                "episodes": tally.counted,
                "errors": tally.errors,
                "interval": None
                if interval is None
                else [round(interval.lower, 4), round(interval.upper, 4)],
            }
        )
    return results


def tasks_of(datasets: Sequence[Dataset]) -> list[tuple[str, str]]:
    """Return each suite with its tasks, as ``--tasks`` has them."""
    found = sorted({origin for dataset in datasets for origin in dataset.provenance.tasks})
    suites = dict.fromkeys(suite for suite, _ in found)
    return [
        (name, ",".join(str(task) for suite, task in found if suite == name)) for name in suites
    ]


def run_of(
    config: TrainConfig,
    folder: Path,
    suite: str,
    tasks: str,
    device: str,
    starts: int,
    env_seed: int,
    replan: int | None = None,
) -> RunConfig:
    """Return the arguments of a run of the checkpoint in ``config.out``.

    Args:
        config: The training's.
        folder: The run's.
        suite: Its name.
        tasks: As ``--tasks`` has them.
        device: Of the policy.
        starts: Fresh starts per task.
        env_seed: The simulator's.
        replan: Policy steps between queries, or ``None`` for the policy's.
    """
    return RunConfig(
        suite=suite,
        out=folder,
        tasks=tasks,
        starts=f"fresh:{starts}",
        policy="nano",
        checkpoint=str(config.out),
        policy_arguments={"device": device, "threads": str(config.threads)},
        replan=replan,
        seed=config.seed,
        env_seed=env_seed,
        workers=config.workers,
        video="none",
        assets=config.assets,
        libero_plus=config.libero_plus,
        command=config.command,
    )
