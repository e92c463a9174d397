"""What a worker process keeps in memory, stage by stage, measured in a separate process."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gridseval.bench.measured_process import measure_apart
from gridseval.errors import MachineError

_ROLLUP = Path("/proc/self/smaps_rollup")
_STEPS = 20


@dataclass(frozen=True)
class Stage:
    """A process's memory after a stage of its work.

    Attributes:
        name: What it has done.
        resident_mb: Resident set (10⁶ bytes), libraries that other processes share included.
        proportional_mb: The same, with shared pages divided among those that share them.
        cpu_s: Processor time since the start of the process.
    """

    name: str
    resident_mb: float
    proportional_mb: float
    cpu_s: float


@dataclass(frozen=True)
class WorkerMemory:
    """A worker's memory.

    Attributes:
        stages: In the order of work.
        peak_mb: The most that was resident at any moment: while a scene is compiled.
    """

    stages: tuple[Stage, ...]
    peak_mb: float


def measure_memory(suite: str, assets: str | None, images: bool) -> WorkerMemory:
    """Start a process that does what a worker does, and ask for its memory.

    Args:
        suite: Whose first two tasks are run.
        assets: Folder of LIBERO's assets, or ``None`` to look for them.
        images: Whether images are drawn.

    Raises:
        MachineError: The system does not tell a process's memory, or the process failed.
    """
    if not _ROLLUP.exists():
        raise MachineError("this system does not tell what a process keeps in memory", "use Linux")
    told = measure_apart(
        "gridseval.bench.memory",
        *(suite, assets or "", "images" * images),
        failed="the measured worker failed",
        hint="see gridseval doctor",
    )
    return WorkerMemory(tuple(Stage(**stage) for stage in told["stages"]), told["peak_mb"])


def memory_text(measured: dict[str, WorkerMemory]) -> str:
    """Return a table of at most 80 columns for each measured worker."""
    return "\n\n".join(_table(name, each) for name, each in measured.items())


def memory_json(measured: dict[str, WorkerMemory]) -> dict[str, Any]:
    """Return the figures as plain data."""
    return {"schema": 1, **{name: asdict(each) for name, each in measured.items()}}


def _table(name: str, measured: WorkerMemory) -> str:
    lines = [f"{f'a worker {name}':<34}{'resident':>10}{'added':>8}{'shared out':>12}{'CPU':>9}"]
    before = 0.0
    for stage in measured.stages:
        added = stage.resident_mb - before
        before = stage.resident_mb
        lines.append(
            f"{stage.name:<34}{stage.resident_mb:>7.0f} MB{added:>+8.0f}"
            f"{stage.proportional_mb:>9.0f} MB{stage.cpu_s:>7.1f} s"
        )
    return "\n".join([*lines, f"{'most at any moment':<34}{measured.peak_mb:>7.0f} MB"])


def _stages(suite: str, assets: str | None, images: bool) -> list[Stage]:
    """Do what a worker does."""
    stages = [_stage("Python and this module")]
    import numpy as np

    from gridseval.envs.compiler_memory import limit_asset_cache
    from gridseval.envs.libero_env import LiberoEnv
    from gridseval.envs.libero_package import import_libero

    stages.append(_stage("gridseval, numpy, gymnasium"))
    # Images are asked for by themselves, so that their share can be told.
    env = LiberoEnv(
        suite,
        assets=assets,
        observations=("state",),
        action_chunk=_STEPS,
        render_mode="rgb_array" if images else None,
        max_scenes=1,
    )
    import_libero()
    limit_asset_cache(0)
    stages.append(_stage("robosuite, MuJoCo, numba imported"))
    env.reset(options={"task": 0, "trial": 0})
    stages.append(_stage("compiled model, first observation"))
    if images:
        env.render()
        stages.append(_stage("renderer, first images"))
    env.step(np.zeros((_STEPS, 7)))
    env.render()
    stages.append(_stage(f"{_STEPS} steps"))
    env.reset(options={"task": 1, "trial": 0})
    env.render()
    stages.append(_stage("another task in its place"))
    return stages


def _stage(name: str) -> Stage:
    told = dict(line.split(":", 1) for line in _ROLLUP.read_text().splitlines()[1:])
    resident, proportional = (int(told[key].split()[0]) * 1024 / 1e6 for key in ("Rss", "Pss"))
    return Stage(name, round(resident, 1), round(proportional, 1), round(time.process_time(), 2))


def main(arguments: Sequence[str]) -> None:
    """Measure this process; prints JSON for the one that started it."""
    suite, assets, images = arguments
    stages = _stages(suite, assets or None, bool(images))
    # Only now: it loads numpy, which belongs to a later stage.
    from gridseval.tokens.accounting.memory import peak_resident_mb

    told = {"stages": [asdict(stage) for stage in stages], "peak_mb": round(peak_resident_mb(), 1)}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
