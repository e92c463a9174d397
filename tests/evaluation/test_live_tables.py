"""Tables that keep up with a run: often enough, seldom enough, and never in its way."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gridseval.errors import OutputError
from gridseval.evaluation.live import EVERY_S, SHARE, LiveTables
from gridseval.results import EpisodeRecord, RunDirectory, write_tables


class Run:
    """A run directory whose tables take a while."""

    def __init__(self, clock: list[float], cost_s: float = 0.0) -> None:
        self.clock, self.cost_s, self.written = clock, cost_s, 0

    def write_tables(self) -> None:
        self.clock[0] += self.cost_s
        self.written += 1


def test_at_most_every_few_seconds() -> None:
    clock = [0.0]
    run = Run(clock)
    live = LiveTables(run.write_tables, lambda: clock[0])
    for _ in range(600):
        live.refresh()
        clock[0] += 0.1
    assert run.written == pytest.approx(60 / EVERY_S, abs=1)


def test_slow_tables_take_a_small_share_of_the_time() -> None:
    clock = [0.0]
    run = Run(clock, cost_s=2.0)
    live = LiveTables(run.write_tables, lambda: clock[0])
    for _ in range(10_000):
        live.refresh()
        clock[0] += 1.0
    assert run.written > 10
    assert run.written * run.cost_s <= 1.1 * SHARE * clock[0]


def test_a_full_disk_does_not_stop_a_run() -> None:
    class Full:
        def write_tables(self) -> None:
            raise OutputError("cannot write table.md: No space left on device")

    LiveTables(Full().write_tables).refresh()


def test_summary_json_follows_and_the_records_are_not_read_again(
    tmp_path: Path, live_record: Callable[[int], EpisodeRecord]
) -> None:
    clock = [0.0]
    with RunDirectory.open(tmp_path / "run", {"suite": "s", "episodes": 9}) as run:
        live = LiveTables(lambda: write_tables(run), lambda: clock[0])
        for trial in range(2):
            run.append(live_record(trial))
            live.refresh()
            clock[0] += EVERY_S
            assert _counts(run.path)["done"] == trial + 1
            assert _counts(run.path)["expected"] == 9
            (run.path / "episodes.jsonl").unlink(missing_ok=True)  # nobody reads it
        run.append(live_record(2))
        live.refresh()
        live.refresh()
        assert _counts(run.path)["done"] == 3
        assert not list(run.path.glob("*.new"))


def test_a_record_costs_little_while_tables_wait(
    tmp_path: Path, live_record: Callable[[int], EpisodeRecord]
) -> None:
    with RunDirectory.open(tmp_path / "run", {"suite": "s"}) as run:
        for trial in range(300):
            run.append(live_record(trial))
        live = LiveTables(lambda: write_tables(run))
        live.refresh()
        began_s = time.process_time()  # others on this machine do not count
        for _ in range(1000):
            live.refresh()
        assert time.process_time() - began_s < 1.0


@pytest.fixture
def live_record() -> Callable[[int], EpisodeRecord]:
    def record(trial: int) -> EpisodeRecord:
        named: dict[str, Any] = {"suite": "s", "task": 0, "task_name": "t", "instruction": "i"}
        return EpisodeRecord(**named, trial=trial, status="success", success=True, steps=5, seed=7)

    return record


def _counts(run: Path) -> dict[str, int | None]:
    counts: dict[str, int | None] = json.loads((run / "summary.json").read_text())["episodes"]
    return counts
