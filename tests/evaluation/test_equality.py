"""The same episodes with the same outcomes, whoever runs them and however often they are killed."""

from __future__ import annotations

import contextlib
import csv
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gridseval.results.run.jsonl import read_records

COMMON = ("--tasks", "0,1", "--trials", "3", "--max-steps", "100", "--record-actions")
EPISODES = {(task, trial) for task in (0, 1) for trial in range(3)}
Results = Callable[..., dict[tuple[int, int], Any]]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory, finish: Any, results: Results) -> Path:
    """Return a run with two workers, made in one go."""
    out = tmp_path_factory.mktemp("reference") / "run"
    finish(out, "Sometimes", *COMMON, "--workers", "2", "--video", "none")
    done = results(out)
    # The policy solves half of them: otherwise equality would say little.
    solved = {key for key in EPISODES if sum(key) % 2 == 0}
    assert {key for key, values in done.items() if values["success"]} == solved
    assert len({done[key]["steps"] for key in solved}) > 1
    return out


@pytest.mark.parametrize("workers", [0, 1])
def test_workers_make_no_difference(
    reference: Path, tmp_path: Path, finish: Any, results: Results, workers: int
) -> None:
    finish(tmp_path, "Sometimes", *COMMON, "--workers", str(workers), "--video", "none")
    done = results(tmp_path)
    assert set(done) == EPISODES
    assert done == results(reference)
    assert _table(tmp_path) == _table(reference)


def _table(run: Path) -> list[dict[str, str]]:
    """Return the rows of a run's table without the time and memory that it took."""
    with (run / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    measured = ("wall_s", "latency", "peak_memory", "completion")
    return [
        {key: text for key, text in row.items() if not key.startswith(measured)} for row in rows
    ]


def test_recorded_actions_replayed_give_the_same(
    reference: Path, tmp_path: Path, finish: Any, results: Results
) -> None:
    finish(tmp_path, "replay", "--ckpt", str(reference), *COMMON, "--video", "none")
    # The oracle was asked every 4 steps, a replay is asked every 8.
    assert results(tmp_path, ["queries"]) == results(reference, ["queries"])


@pytest.mark.slow
def test_a_run_killed_at_random_moments_equals_one_that_was_not(
    reference: Path,
    tmp_path: Path,
    start: Any,
    finish: Any,
    results: Results,
    still_living: Callable[[int], list[str]],
) -> None:
    rng, before, out = random.Random(11), 0, tmp_path / "run"
    killed = 0
    options = (*COMMON, "--video", "all")
    for kill in range(6):
        workers = ("--workers", str(kill % 3))
        with start(out, "Sometimes", *options, *workers) as process:
            if kill % 2:
                _wait_for_a_line(out, process, beyond=before)
                time.sleep(rng.uniform(0, 0.1))  # tables are written, episodes started
            else:
                time.sleep(rng.uniform(0.5, 5))
            with contextlib.suppress(ProcessLookupError):  # a fast machine may be done already
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            killed += process.returncode == -signal.SIGKILL
        assert still_living(process.pid) == []
        if (out / "episodes.jsonl").exists():
            count = len(read_records(out / "episodes.jsonl"))
            assert count >= before
            before = count
            # A run that was killed before it had cut the last one leaves that.
            if (out / "episodes.jsonl").read_bytes()[-1:] in (b"", b"\n"):
                with (out / "episodes.jsonl").open("ab") as log:
                    log.write(b'{"schema": 1, "suite": "libero_ob')
        if before == len(EPISODES):
            break
    assert before > 0
    assert killed >= 2
    finish(out, "Sometimes", *options)
    assert set(results(out)) == EPISODES
    assert results(out) == results(reference)
    _assert_tidy(out)


def _wait_for_a_line(out: Path, process: Any, beyond: int) -> None:
    log = out / "episodes.jsonl"
    while process.poll() is None:
        if log.exists() and len(log.read_bytes().split(b"\n")) - 1 > beyond:
            return
        time.sleep(0.005)


def _assert_tidy(out: Path) -> None:
    names = {path.name for path in out.iterdir()} - {".lock"}
    tables = {"run.yaml", "episodes.jsonl", "table.md", "table.csv", "summary.json"}
    assert names == tables | {"videos", "actions"}
    named = {record.video for record in read_records(out / "episodes.jsonl")}
    assert {f"videos/{path.name}" for path in (out / "videos").iterdir()} == named
    assert len(named) == len(list((out / "actions").iterdir())) == len(EPISODES)
