"""``gridseval bench --scale`` and ``--memory``: what the driver and a worker cost."""

from __future__ import annotations

from typing import Any

import click

from gridseval.errors import UsageError


def drive_simulated(workers: int | None, trials: int | None, seed: int) -> dict[str, Any]:
    """Measure the driver with simulated workers and show it; return the figures as plain data.

    Args:
        workers: How many; ``None`` for 256.
        trials: Records that are read, per task of ten; ``None`` for 10,000.
        seed: Of the drawn times.

    Raises:
        UsageError: There is no worker, or no trial.
    """
    from tqdm import tqdm

    from gridseval.bench.scale import TASKS, ScalePlan, measure_scale, scale_json, scale_text

    records = ScalePlan.records if trials is None else TASKS * trials
    if (workers is not None and workers < 1) or records < TASKS:
        raise UsageError("--scale needs at least one worker and one trial")
    episodes = min(records, ScalePlan.episodes)
    plan = ScalePlan(workers or ScalePlan.workers, episodes, records, seed)
    with tqdm(total=3, desc="scale", unit="part") as bar:
        measured = measure_scale(plan, lambda _: bar.update())
    click.echo(scale_text(plan, measured))
    return scale_json(plan, measured)


def weigh_worker(suite: str, assets: str | None) -> dict[str, Any]:
    """Show where a worker's memory goes; return the figures as plain data.

    Args:
        suite: Whose first tasks are run.
        assets: Folder of LIBERO's assets, or ``None`` to look for them.

    Raises:
        MachineError: The system does not tell a process's memory, or the worker failed.
    """
    from tqdm import tqdm

    from gridseval.bench.memory import measure_memory, memory_json, memory_text

    measured = {}
    with tqdm(total=2, desc="memory", unit="worker") as bar:
        for name, images in (("without images", False), ("with images", True)):
            measured[name] = measure_memory(suite, assets, images)
            bar.update()
    click.echo(memory_text(measured))
    return memory_json(measured)
