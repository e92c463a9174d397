"""The row of papers, a rate per suite and their mean, in every form of table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from run_files import MANIFEST, write_run

from gridseval.report.page import render_report
from gridseval.report.source import read_runs
from gridseval.report.text import percent
from gridseval.results import EpisodeRecord, arrange_runs, read_run, tabulate
from gridseval.results.run.several_suites import join_suites
from gridseval.results.stats.task_means import mean_over_suites
from gridseval.results.tables.several_runs import RunsTable, table_csv, table_json, table_text

MakeRecord = Callable[..., EpisodeRecord]


@pytest.fixture
def run(tmp_path: Path, make_record: MakeRecord) -> Path:
    solved = {"libero_10": 5, "libero_goal": 8}
    records = [
        make_record("success" if trial < least else "failure", suite=suite, task=0, trial=trial)
        for suite, least in solved.items()
        for trial in range(10)
    ]
    own = [MANIFEST | {"suite": suite, "tasks": [0], "trials": 10} for suite in solved]
    return write_run(tmp_path / "both", records, join_suites(own))


def table_of(*paths: Path) -> RunsTable:
    return tabulate(arrange_runs([read_run(path) for path in paths]), [])


def test_a_run_of_two_suites_has_it(run: Path) -> None:
    records = read_run(run).records
    mean = mean_over_suites(records)
    assert mean is not None
    rate, lower, upper = (100 * x for x in (mean.rate, mean.interval.lower, mean.interval.upper))
    said = f"{rate:.1f} ({lower:.1f}–{upper:.1f})"
    lines = table_text(table_of(run)).splitlines()
    at = lines.index("mean over suites: success in %, with 95 % interval")
    assert lines[at + 1].split() == ["run", "libero_goal", "libero_10", "mean"]
    assert lines[at + 3].startswith("this run")
    assert lines[at + 3].endswith(said)
    rows = list(csv.DictReader(io.StringIO(table_csv(table_of(run)))))
    (row,) = (row for row in rows if row["level"] == "mean")
    assert (row["suite"], float(row["success_rate"])) == ("libero_goal, libero_10", mean.rate)
    summary = json.loads(table_json(table_of(run)))["runs"][0]["summary"]
    assert summary["mean_over_suites"] == {
        "suites": ["libero_goal", "libero_10"],
        "success_rate": mean.rate,
        "success_lower": mean.interval.lower,
        "success_upper": mean.interval.upper,
    }
    page = render_report(read_runs([run]), run)
    assert "mean of 2 suites" in page
    assert percent(mean.rate) in page


def test_a_run_that_lacks_a_suite_has_a_dash(
    run: Path, tmp_path: Path, make_record: MakeRecord
) -> None:
    other: dict[str, Any] = MANIFEST | {"tasks": [0], "policy": {"name": "zero"}}
    records = [make_record(task=0, trial=trial) for trial in range(5)]
    lines = table_text(table_of(run, write_run(tmp_path / "one", records, other))).splitlines()
    at = lines.index("mean over suites: success in %, with 95 % interval")
    assert lines[at + 4].split() == ["one", "100.0", "(56.6–100.0)", "–", "–"]
    alone = table_of(tmp_path / "one")
    assert "mean over suites" not in table_text(alone)
    assert json.loads(table_json(alone))["runs"][0]["summary"]["mean_over_suites"] is None


def test_libero_plus_has_its_own_total(tmp_path: Path, make_record: MakeRecord) -> None:
    place = {"dimension": "camera", "level": 1}
    suites = ("libero_plus_goal", "libero_plus_10")
    records = [make_record(suite=suite, task=0, trial=0, extra=place) for suite in suites]
    own = [MANIFEST | {"suite": suite, "tasks": [0], "trials": 1} for suite in suites]
    path = write_run(tmp_path / "plus", records, join_suites(own))
    assert "mean over suites" not in table_text(table_of(path))
