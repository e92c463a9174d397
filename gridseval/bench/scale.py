"""How many episodes one driver sustains, and what a long run's records cost it."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gridseval.bench.measured_process import measure_apart
from gridseval.bench.simulated_pool import SimulatedPool
from gridseval.policies import ActionChunk
from gridseval.results import EpisodeRecord, RunDirectory, write_tables
from gridseval.results.run.record import SUCCESS_OF
from gridseval.rollout import Outcome, RolloutPlan, run_episodes
from gridseval.run_names import EPISODES
from gridseval.suites import Episode
from gridseval.tokens.accounting.memory import peak_resident_mb

TASKS = 10
_SUITE = "libero_10"
_CHUNK = 8
_STEP_S = 0.03
_STEPS = 160
_LINES = 1000


@dataclass(frozen=True)
class ScalePlan:
    """What is measured.

    Attributes:
        workers: Simulated workers.
        episodes: That they run.
        records: Of the long run that is read again.
        seed: Of all that is drawn.
    """

    workers: int = 256
    episodes: int = 2000
    records: int = 100_000
    seed: int = 0


@dataclass(frozen=True)
class Scale:
    """What was measured; times are processor times of the driver.

    Attributes:
        episodes_per_s: As many as one driver could do, if it never had to wait.
        simulated_per_s: As many as these workers did.
        share: Of a core, that the driver needed for it.
        read_s: To open the long run's directory, as a run that is resumed does.
        tables_s: To write its tables.
        peak_mb: The most memory (10⁶ bytes) that was resident meanwhile.
    """

    episodes_per_s: float
    simulated_per_s: float
    share: float
    read_s: float
    tables_s: float
    peak_mb: float


class _Policy:
    """Answers at once."""

    observation_keys = ("agentview", "wrist", "state")

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        """Start episodes."""

    def act(self, observations: Mapping[str, Any]) -> ActionChunk:
        """Return still actions."""
        return ActionChunk(np.zeros((len(observations["slots"]), _CHUNK, 7), np.float32))


def measure_scale(plan: ScalePlan, on_progress: Callable[[str], object]) -> Scale:
    """Run simulated workers, then read a long run.

    Raises:
        MachineError: The process that reads failed.
    """
    with tempfile.TemporaryDirectory(prefix="gridseval-scale-") as folder:
        path = Path(folder) / "run"
        cpu_s, elapsed_s = _drive(plan, path)
        on_progress("simulated workers")
        _lengthen(path / EPISODES, plan.records)
        on_progress("records written")
        told = measure_apart(
            "gridseval.bench.scale",
            *(str(path), str(plan.records)),
            failed="the records could not be read",
            hint="is the disk full?",
        )
        on_progress("records read")
    return Scale(plan.episodes / cpu_s, plan.episodes / elapsed_s, cpu_s / elapsed_s, **told)


def scale_text(plan: ScalePlan, measured: Scale) -> str:
    """Return a table for a terminal of 80 columns."""
    rows = (
        (f"{plan.workers} simulated workers", f"{measured.simulated_per_s:.1f} episodes/s"),
        ("  the driver's share of a core", f"{100 * measured.share:.0f} %"),
        ("  one driver sustains", f"{measured.episodes_per_s:.0f} episodes/s"),
        (f"{plan.records} records: open, as to resume", f"{measured.read_s:.1f} s"),
        ("  write the tables", f"{measured.tables_s:.1f} s"),
        ("  memory of the driver, at most", f"{measured.peak_mb:.0f} MB"),
    )
    return "\n".join(f"{name:<44}{value:>20}" for name, value in rows)


def scale_json(plan: ScalePlan, measured: Scale) -> dict[str, Any]:
    """Return plan and figures as plain data."""
    return {"schema": 1, "plan": asdict(plan), **asdict(measured)}


def _drive(plan: ScalePlan, path: Path) -> tuple[float, float]:
    """Run episodes into a directory; return the driver's processor time and the run's time."""
    each = -(-plan.episodes // TASKS)
    episodes = [Episode(_SUITE, task, trial) for task in range(TASKS) for trial in range(each)]
    pool = SimulatedPool(plan.workers, _STEP_S, _STEPS, plan.seed)
    with RunDirectory.open(path, _manifest(plan)) as run:
        began_s = time.process_time()
        outcomes = run_episodes(episodes[: plan.episodes], pool, _Policy(), RolloutPlan(_CHUNK))
        for outcome in outcomes:
            run.append(_record(outcome))
        return time.process_time() - began_s, pool.elapsed_s


def _manifest(plan: ScalePlan) -> dict[str, Any]:
    trials = -(-max(plan.records, plan.episodes) // TASKS)
    return {"schema": 1, "suite": _SUITE, "tasks": list(range(TASKS)), "trials": trials}


def _record(outcome: Outcome) -> EpisodeRecord:
    episode = outcome.episode
    seconds = {key: round(value, 3) for key, value in outcome.seconds.items()}
    return EpisodeRecord(
        suite=episode.suite,
        task=episode.task,
        task_name=f"task_{episode.task}",
        trial=episode.trial,
        instruction=f"task {episode.task}",
        status=outcome.status,
        success=SUCCESS_OF[outcome.status],
        steps=outcome.steps,
        seed=0,
        queries=outcome.queries,
        wall_s=round(outcome.wall_s, 3),
        extra={
            "seconds": seconds,
            **outcome.figures,
            "kept_tokens": [64] * outcome.queries,
            "dense_tokens": 512,
            "motion": dict(outcome.motion),
        },
    )


def _lengthen(path: Path, records: int) -> None:
    """Write records of further trials after those that are there, without waiting for the disk."""
    lines = path.read_text(encoding="ascii").splitlines()[:_LINES]
    kept = [json.loads(line) for line in lines]
    with path.open("w", encoding="ascii") as file:
        for number in range(records):
            told = kept[number % len(kept)] | {"task": number % TASKS, "trial": number // TASKS}
            file.write(json.dumps(told) + "\n")


def main(arguments: Sequence[str]) -> None:
    """Read a long run in this process; prints JSON for the one that started it."""
    path, records = Path(arguments[0]), int(arguments[1])
    began_s = time.process_time()
    with RunDirectory.open(path, _manifest(ScalePlan(episodes=0, records=records))) as run:
        read_s = time.process_time() - began_s
        write_tables(run)
        tables_s = time.process_time() - began_s - read_s
    told = {"read_s": read_s, "tables_s": tables_s, "peak_mb": round(peak_resident_mb(), 1)}
    sys.stdout.write(json.dumps({key: round(value, 3) for key, value in told.items()}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
