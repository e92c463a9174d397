"""Rounds in which the model acts and the expert labels what it saw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gridseval.collecting import CollectConfig, collect
from gridseval.envs.scene import CONTROL_HZ
from gridseval.errors import MachineError
from gridseval.evaluation import Progress
from gridseval.policies.nano.config import NanoConfig
from gridseval.training.config import TrainConfig
from gridseval.training.dataset import Dataset
from gridseval.training.success import run_of, tasks_of


def frame_steps(datasets: Sequence[Dataset], chunk: int) -> int:
    """Return the policy steps between frames of a round.

    Args:
        datasets: Whose first one says it.
        chunk: The model's actions per query, which a frame must not outlast.
    """
    said = next((d.provenance.replan for d in datasets if d.provenance.replan), chunk)
    return max(n for n in range(1, min(said, chunk) + 1) if CONTROL_HZ % n == 0)


def collect_round(
    config: TrainConfig,
    datasets: Sequence[Dataset],
    number: int,
    shape: NanoConfig,
    device: str,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Let the checkpoint in ``config.out`` act on new fresh starts, and the expert label.

    Source: DAgger (arXiv 1011.0686).

    Args:
        config: The training's.
        datasets: Whose tasks.
        number: The round's, from 1.
        shape: The model's.
        device: Of the policy.
        progress: Shows how far it is.

    Returns:
        One result per suite, of plain values; ``path`` is the dataset's, relative to
        ``config.out``.

    Raises:
        MachineError: Episodes ended in an error, so that there is no dataset yet.
    """
    results = []
    for suite, tasks in tasks_of(datasets):
        folder = config.out / "dagger" / f"round-{number}-{suite}"
        run = run_of(
            config, folder, suite, tasks, device, config.dagger_starts, config.env_seed + number,
            frame_steps(datasets, shape.chunk),
        )  # fmt: skip
        summary, episodes = collect(
            CollectConfig(run, label=config.label, image_px=shape.image_px, keep="all"), progress
        )
        if not episodes:
            raise MachineError(
                f"{summary.tally.errors} episodes of round {number} ended in an error: see "
                f"{folder}/episodes.jsonl",
                "the same command tries them again",
            )
        results.append(
            {
                "round": number,
                "suite": suite,
                "path": str(folder.relative_to(config.out)),
                "successes": summary.tally.successes,
                "episodes": episodes,
            }
        )
    return results
