"""How often the model solves tasks, and what it does wrong: runs in the simulator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gridseval.collecting import CollectConfig, collect
from gridseval.collecting.lerobot_meta import INFO
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
        if not dataset.origins:
            raise UsageError(
                f"{dataset.path} does not say of which tasks it is, so that nothing can be "
                "simulated",
                "leave out --evaluate-every and --dagger",
            )
        if dataset.env_seed in seeds:
            raise UsageError(
                f"{dataset.path} was collected with --env-seed {dataset.env_seed}, so that "
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
    for suite, tasks in _tasks(datasets):
        folder = config.out / "evaluations" / f"step-{step:07d}-{suite}"
        tally = evaluate(
            _run(config, folder, suite, tasks, device, config.evaluate_starts, config.env_seed),
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


def collect_round(
    config: TrainConfig,
    datasets: Sequence[Dataset],
    number: int,
    px: int,
    device: str,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Let the checkpoint in ``config.out`` act on new fresh starts, and the expert label.

    Source: DAgger (arXiv 1011.0686).

    Args:
        config: The training's.
        datasets: Whose tasks.
        number: The round's, from 1.
        px: Side of the images.
        device: Of the policy.
        progress: Shows how far it is.

    Returns:
        One result per suite, of plain values; ``path`` is the dataset's.
    """
    replan = next((dataset.replan for dataset in datasets if dataset.replan), None)
    results = []
    for suite, tasks in _tasks(datasets):
        folder = config.out / "dagger" / f"round-{number}-{suite}"
        run = _run(
            config, folder, suite, tasks, device, config.dagger_starts, config.env_seed + number,
            replan,
        )  # fmt: skip
        # The expert must not infer the hand's velocity from actions that were never executed.
        watching = {"watches": "true"} if config.label == "oracle" else {}
        summary, episodes = collect(
            CollectConfig(run, config.label, watching, image_px=px, keep="all"), progress
        )
        assert (folder / INFO).is_file()
        results.append(
            {
                "round": number,
                "suite": suite,
                "path": str(folder),
                "successes": summary.tally.successes,
                "episodes": episodes,
            }
        )
    return results


def _tasks(datasets: Sequence[Dataset]) -> list[tuple[str, str]]:
    """Return each suite with its tasks, as ``--tasks`` has them."""
    found = sorted({origin for dataset in datasets for origin in dataset.origins})
    suites = dict.fromkeys(suite for suite, _ in found)
    return [
        (name, ",".join(str(task) for suite, task in found if suite == name)) for name in suites
    ]


def _run(
    config: TrainConfig,
    folder: Path,
    suite: str,
    tasks: str,
    device: str,
    starts: int,
    env_seed: int,
    replan: int | None = None,
) -> RunConfig:
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
