"""Runs in which time goes on while the policy thinks."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gridseval.results.run.jsonl import read_records

SHORT = ("--tasks", "0", "--trials", "2", "--record-actions", "--video", "none")
LATE = ("--delay", "0:6", "--execution", "async", "--replan", "4")
Results = Callable[..., dict[tuple[int, int], Any]]


def delays_of(run: Path) -> dict[int, list[int]]:
    return {each.trial: each.extra["delays"] for each in read_records(run / "episodes.jsonl")}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, finish: Any) -> Path:
    out = tmp_path_factory.mktemp("plain") / "run"
    finish(out, "oracle", *SHORT, "--workers", "1")
    return out


@pytest.fixture(scope="module")
def late(tmp_path_factory: pytest.TempPathFactory, finish: Any) -> Path:
    out = tmp_path_factory.mktemp("late") / "run"
    finish(out, "oracle", *SHORT, *LATE, "--workers", "2")
    return out


@pytest.mark.parametrize("execution", ["sync", "async"])
def test_no_delay_is_the_run_of_today_to_the_bit(
    plain: Path, tmp_path: Path, finish: Any, results: Results, execution: str
) -> None:
    out = tmp_path / "run"
    finish(out, "oracle", *SHORT, "--workers", "1", "--delay", "0", "--execution", execution)
    assert results(out) == results(plain)
    assert all(success for success in (each["success"] for each in results(plain).values()))
    timing = yaml.safe_load((out / "run.yaml").read_text())["timing"]
    assert timing == {"delay": "0", "execution": execution, "when_late": "hold"}
    assert "timing" not in yaml.safe_load((plain / "run.yaml").read_text())


@pytest.mark.parametrize("workers", ["0", "1"])
def test_delays_do_not_depend_on_workers(
    late: Path, tmp_path: Path, finish: Any, results: Results, workers: str
) -> None:
    out = tmp_path / "run"
    finish(out, "oracle", *SHORT, *LATE, "--workers", workers)
    assert results(out) == results(late)
    assert delays_of(out) == delays_of(late)
    assert len({delay for delays in delays_of(late).values() for delay in delays}) > 2


def test_a_delayed_run_that_was_killed_goes_on_as_if_nothing_had_been(
    late: Path, tmp_path: Path, start: Any, finish: Any, results: Results
) -> None:
    out = tmp_path / "run"
    with start(out, "oracle", *SHORT, *LATE, "--workers", "1") as process:
        until = time.monotonic() + 200
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                if (out / "episodes.jsonl").read_text().count("\n"):
                    break
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    finish(out, "oracle", *SHORT, *LATE, "--workers", "1")
    assert results(out) == results(late)
    assert delays_of(out) == delays_of(late)


def test_the_delays_of_a_measured_run_make_it_again(
    tmp_path: Path, finish: Any, results: Results
) -> None:
    said = finish(
        tmp_path / "measured",
        *("oracle", *SHORT, "--workers", "2", "--delay", "measured", "--latency-scale", "40"),
    )
    assert "--delay replay:RUN repeats" in said
    manifest = yaml.safe_load((tmp_path / "measured/run.yaml").read_text())
    assert manifest["timing"]["repeatable"] is False
    delays = delays_of(tmp_path / "measured")
    assert all(delay >= 1 for each in delays.values() for delay in each)
    again = tmp_path / "again"
    finish(again, "oracle", *SHORT, "--workers", "1", "--delay", f"replay:{tmp_path / 'measured'}")
    assert results(again) == results(tmp_path / "measured")
    assert delays_of(again) == delays


def test_records_and_tables_say_how_long_and_how_well_the_arm_moved(
    plain: Path, late: Path
) -> None:
    for run, waited in ((plain, True), (late, False)):
        for record in read_records(run / "episodes.jsonl"):
            motion = record.extra["motion"]
            assert 0.2 < motion["path_m"] < 5
            assert motion["ldlj"] < -5
            assert motion["sparc"] < -1
            assert 0 <= motion["reversals_hz"] <= 20
            assert motion["toggles"] >= 1
            assert 1 < motion["energy_j"] < 5000
            assert 1 < motion["contact_n"] < 5000
            assert 0 <= motion["moved_m"] < 2
            assert motion["seam_jump"] >= 0
            time_s = record.steps / 20
            assert (record.extra["completion_s"] > time_s) is waited
            assert waited or record.extra["completion_s"] == time_s
    table = (late / "table.md").read_text()
    assert "completion s" in table
    assert "LDLJ" in table


def test_a_run_is_not_resumed_with_another_delay(late: Path, finish: Any) -> None:
    said = finish(late, "oracle", *SHORT, "--delay", "3", status=5)
    assert "timing" in said


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--delay", "-1"), ["--delay", "-1", "measured"]),
        (("--delay", "soon"), ["soon", "N:M"]),
        (("--delay", "5:2"), ["5:2", "smaller number first"]),
        (("--delay", "99999"), ["99999", "10000"]),
        (("--delay", "9" * 400), ["measured"]),
        (("--delay", "replay:nowhere"), ["nowhere"]),
        (("--delay", "2", "--execution", "asynch"), ["asynch", "async"]),
        (("--delay", "2", "--when-late", "stop"), ["stop", "hold"]),
        (("--delay", "2", "--latency-scale", "2"), ["--latency-scale", "measured"]),
        (("--delay", "measured", "--latency-scale", "nan"), ["--latency-scale"]),
        (("--execution", "async"), ["--execution", "--delay"]),
        (("--when-late", "repeat"), ["--when-late", "--delay"]),
    ],
)
def test_wrong_timing_is_one_line(
    tmp_path: Path, finish: Any, options: tuple[str, ...], named: list[str]
) -> None:
    said = finish(tmp_path / "run", "zero", *SHORT, *options, status=2)
    assert "Traceback" not in said
    for name in named:
        assert name in said
    assert not (tmp_path / "run").exists()


def test_delays_are_replayed_of_the_same_episodes_only(
    late: Path, tmp_path: Path, finish: Any
) -> None:
    other = ("--tasks", "0", "--trials", "3", "--video", "none", "--delay", f"replay:{late}")
    said = finish(tmp_path / "run", "zero", *other, status=2)
    assert "no delays of 1 of the 3 episodes" in said
    assert "task 0 trial 2" in said
