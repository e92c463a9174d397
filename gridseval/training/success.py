"""How often the model solves tasks: runs in the simulator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gridseval.errors import UsageError
from gridseval.evaluation import Progress, RunConfig, evaluate
from gridseval.evaluation.prepared_run import prepare
from gridseval.policies.nano.config import NanoConfig
from gridseval.training.config import TrainConfig
from gridseval.training.dataset import Dataset


def check_simulation(config: TrainConfig, datasets: Sequence[Dataset], shape: NanoConfig) -> None:
    """Refuse, before an hour of training, what evaluations and rounds could not be run on.

    Raises:
        UsageError: A dataset does not say its tasks, or has the simulator's seed; a suite, a task
            or a number of starts does not exist; the model's images are larger than the protocol's.
        MachineError: Assets, OpenGL or a supported MuJoCo are missing.
    """
    if config.evaluate_every is None and not config.dagger:
        return
    seeds = range(config.env_seed, config.env_seed + config.dagger + 1)
    for dataset in datasets:
        origin = dataset.provenance
        if not origin.tasks:
            raise UsageError(
                f"{dataset.path} does not say of which tasks it is, so that nothing can be "
                "simulated",
                "leave out --evaluate-every and --dagger",
            )
        if origin.env_seed in seeds:
            raise UsageError(
                f"{dataset.path} was collected with --env-seed {origin.env_seed}, so that "
                "evaluations or rounds would start where its episodes do",
                "give another --env-seed",
            )
    starts = max(config.evaluate_starts, config.dagger_starts if config.dagger else 0)
    for suite, tasks in tasks_of(datasets):
        run = run_of(config, config.out, suite, tasks, "cpu", starts, config.env_seed)
        _check_run(replace(run, policy="zero", checkpoint=None, policy_arguments={}), shape)


def _check_run(run: RunConfig, shape: NanoConfig) -> None:
    """Prepare a run of a policy that sees what the model does; the model itself does not exist."""
    prepared = prepare(run)
    prepared.acting(replace(prepared.loaded, observation_keys=(*shape.cameras, "state")))
    rendered = prepared.conditions.protocol.image_px
    if shape.image_px > rendered:
        raise UsageError(
            f"the model's images have {shape.image_px} px, and the simulator's {rendered}",
            "leave out --evaluate-every and --dagger",
        )


def errors_of(result: Mapping[str, Any]) -> str:
    """Return, in words for the end of a sentence, that episodes ended in an error, if some did."""
    return f", {result['errors']} ended in an error" if result["errors"] else ""


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
        checkpoint=str(config.out.resolve()),  # the same from any folder, on resuming
        policy_arguments={"device": device},
        replan=replan,
        seed=config.seed,
        env_seed=env_seed,
        workers=config.workers,
        video="none",
        assets=config.assets,
        libero_plus=config.libero_plus,
        command=config.command,
    )
