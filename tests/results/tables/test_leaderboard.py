"""LIBERO-Plus's table: dimension × level, and the leaderboard's row beside published ones."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from run_files import MANIFEST

from gridseval.errors import UsageError
from gridseval.results import (
    EpisodeRecord,
    arrange_runs,
    render_csv,
    render_json,
    render_markdown,
    render_terminal,
    summarise,
    tabulate,
    wilson_interval,
)
from gridseval.results.run.published import load_published_plus
from gridseval.results.run.reading import Run
from gridseval.results.tables import pivot
from gridseval.results.tables.leaderboard import leaderboard
from gridseval.results.tables.several_runs import table_csv, table_markdown
from gridseval.suites import load_suite, strata

MakeRecord = Callable[..., EpisodeRecord]

SUITES = ("libero_plus_10", "libero_plus_goal", "libero_plus_object", "libero_plus_spatial")
TOTALS = {
    **{"camera": 1599, "robot": 1550, "language": 1537, "light": 1142, "background": 1076},
    **{"noise": 1601, "layout": 1525},
}


def records_of(
    suite: str, solved: Callable[[Any], bool], make: MakeRecord, keep: Callable[[Any], bool] = bool
) -> Iterable[EpisodeRecord]:
    """Yield one record per task of a suite that is kept."""
    for task in load_suite(suite).tasks:
        variant = task.variant
        if variant is not None and keep(task):
            yield make(
                "success" if solved(task) else "failure",
                suite=suite,
                task=task.index,
                task_name=task.name,
                trial=0,
                extra={"dimension": variant.dimension, "level": variant.level},
            )


@pytest.fixture(scope="module")
def everything(make_record: MakeRecord) -> list[EpisodeRecord]:
    """All 10,030 tasks; those with an index that 3 divides are solved, and all of noise."""
    return [
        record
        for suite in SUITES
        for record in records_of(
            suite,
            lambda task: task.index % 3 == 0 or task.variant.dimension == "noise",
            make_record,
        )
    ]


def test_a_complete_run_is_successes_over_tasks(everything: list[EpisodeRecord]) -> None:
    row = leaderboard(everything)
    assert row is not None
    assert row.is_complete
    assert row.tasks == row.counted == 10030
    solved = Counter(r.extra["dimension"] for r in everything if r.success)
    for name, tasks in TOTALS.items():
        estimate = row.dimensions[name]
        assert estimate is not None
        assert estimate.tasks == estimate.counted == tasks
        assert estimate.rate == pytest.approx(solved[name] / tasks, abs=1e-12)
        expected = wilson_interval(solved[name], tasks)
        assert expected is not None
        assert estimate.interval.lower == pytest.approx(expected.lower)
        assert estimate.interval.upper == pytest.approx(expected.upper)
        assert not estimate.is_partial
    assert row.total is not None
    assert row.total.rate == pytest.approx(sum(solved.values()) / 10030)
    assert row.label == "all 10030 tasks of all suites"


def test_a_sample_is_weighted_by_the_true_numbers_of_tasks(make_record: MakeRecord) -> None:
    """One task of each cell: rates depend on the level only, as does the weighted truth."""
    seen = set()

    def first_of_cell(task: Any) -> bool:
        cell = task.variant.dimension, task.variant.level
        return cell not in seen and not seen.add(cell)

    def easy(task: Any) -> bool:
        return task.variant.level in (1, 2)

    suite = "libero_plus_object"
    sample = list(records_of(suite, easy, make_record, first_of_cell))
    truth = list(records_of(suite, easy, make_record))
    row, whole = leaderboard(sample), leaderboard(truth)
    assert row is not None and whole is not None
    assert row.counted == len(sample) == 35
    assert not row.is_complete
    for name in TOTALS:
        weighted, true = row.dimensions[name], whole.dimensions[name]
        assert weighted is not None and true is not None
        assert weighted.rate == pytest.approx(true.rate, abs=1e-12)
        width = weighted.interval.upper - weighted.interval.lower
        # Five episodes tell at most as much as five with equal weights.
        assert width > 0.5
    assert row.total is not None and whole.total is not None
    assert row.total.rate == pytest.approx(whole.total.rate)
    assert "35 of 2518 tasks of libero_plus_object" in row.label


def test_the_levels_name_is_that_of_the_suites() -> None:
    assert pivot.NO_LEVEL == strata.NO_LEVEL


def test_errors_are_not_counted(make_record: MakeRecord) -> None:
    task = load_suite(SUITES[0]).tasks[0]
    assert task.variant is not None
    place = {"dimension": task.variant.dimension, "level": task.variant.level}
    broken = make_record("error", suite=SUITES[0], task=0, extra=place)
    row = leaderboard([broken])
    assert row is not None
    assert row.counted == 0
    assert set(row.dimensions.values()) == {None}
    assert row.total is None


def test_other_suites_have_no_row(make_record: MakeRecord) -> None:
    assert leaderboard([make_record()]) is None
    summary = summarise([make_record()], MANIFEST)
    assert "LIBERO-Plus" not in render_markdown(summary)
    assert json.loads(render_json(summary))["leaderboard"] is None
    assert "published" not in render_csv(summary)


@pytest.fixture(scope="module")
def partial(make_record: MakeRecord) -> Any:
    """A run of libero_plus_goal in which light could not be run, nor one level of layout."""

    def runs(task: Any) -> bool:
        variant = task.variant
        return variant.dimension != "light" and (variant.dimension, variant.level) != ("layout", 5)

    suite = "libero_plus_goal"
    records = list(records_of(suite, lambda task: task.index % 2 == 0, make_record, runs))
    lacking = {
        "light": {"1": 46, "2": 49, "3": 28, "4": 21, "5": 14, "none": 121},
        "layout": {"5": 88},
    }
    return summarise(records, MANIFEST | {"suite": suite, "unavailable": lacking})


def test_unavailable_cells_are_marked(partial: Any) -> None:
    lines = render_markdown(partial).splitlines()
    title = next(line for line in lines if "by dimension and level" in line)
    assert "× n: n tasks unavailable" in title
    start = lines.index(title)
    table = {line.split(" | ")[0]: line.split(" | ") for line in lines[start + 2 : start + 13]}
    assert table["| dimension"][1:] == [*(f"level {n}" for n in range(1, 6)), "no level", "all |"]
    assert table["| light"][1:] == ["× 46", "× 49", "× 28", "× 21", "× 14", "× 121", "× 279 |"]
    assert table["| layout"][5] == "× 88"
    assert table["| layout"][7].endswith("/337 × 88 |")
    assert table["| noise"][6] == "–"
    assert [name for name in table if name in {f"| {known}" for known in TOTALS}] == [
        f"| {known}" for known in TOTALS
    ]
    assert max(map(len, render_terminal(partial).splitlines())) <= 80


def test_the_row_stands_above_published_ones(partial: Any) -> None:
    lines = render_markdown(partial).splitlines()
    header = next(i for i, line in enumerate(lines) if line.startswith("| policy | camera"))
    assert lines[header] == f"| policy | {' | '.join(TOTALS)} | total |"
    this = lines[header + 2].split(" | ")
    assert this[0] == "| this run"
    assert this[4] == "–"
    assert "* (" in this[7]
    assert this[8] == "– |"
    shown = lines[header + 3 : header + 10]
    assert "| OpenVLA [P1] | 0.8 | 3.5 | 23.0 | 8.1 | 34.8 | 15.2 | 28.5 | 15.6 |" in shown
    assert sum(line.startswith("| π0") for line in shown) == 4
    notes = [line for line in lines if line.startswith("- ")]
    assert any(
        "2224 of 2591 tasks of libero\\_plus\\_goal" in n or "2224 of 2591" in n for n in notes
    )
    assert any("unavailable" in note for note in notes)
    assert any(note.startswith("- [P1] LIBERO-Plus") for note in notes)


def test_files_for_programs_have_the_row(partial: Any) -> None:
    data = json.loads(render_json(partial))
    schema = json.loads(
        resources.files("gridseval.results.tables")
        .joinpath("summary.schema.json")
        .read_text("utf8")
    )
    jsonschema.validate(data, schema)
    row = data["leaderboard"]
    assert row["dimensions"]["light"] is None
    assert row["total"] is None
    assert row["complete"] is False
    assert row["dimensions"]["layout"]["tasks_unavailable"] == 88
    assert row["dimensions"]["layout"]["tasks_represented"] == 337
    assert len(row["published"]) == 7
    assert data["unavailable"]["light"]["none"] == 121
    lines = list(csv.DictReader(io.StringIO(render_csv(partial))))
    mine = {line["dimension"]: line for line in lines if line["level"] == "leaderboard"}
    assert set(mine) == {*TOTALS} - {"light"}
    assert float(mine["camera"]["success_rate"]) == pytest.approx(
        row["dimensions"]["camera"]["success_rate"]
    )
    published = [line for line in lines if line["level"] == "published"]
    assert len(published) == 7 * 8
    totals = {line["success_rate"] for line in published if line["dimension"] == ""}
    assert totals == {"0.156", "0.696", "0.536", "0.616", "0.842", "0.821", "0.796"}


def test_levels_that_upstream_leaves_open_count_for_their_dimension(
    make_record: MakeRecord,
) -> None:
    record = make_record(
        suite="libero_plus_goal", extra={"dimension": "light", "level": None}, trial=0
    )
    summary = summarise([record], MANIFEST)
    dimensions = json.loads(render_json(summary))["suites"][0]["dimensions"]
    assert {(cell["dimension"], cell["level"]) for cell in dimensions} == {
        ("light", "none"),
        ("light", None),
        (None, "none"),
        (None, None),
    }


def test_runs_of_the_four_suites_are_one(everything: list[EpisodeRecord]) -> None:
    runs = [
        Run(
            suite,
            False,
            (Path(suite),),
            MANIFEST | {"suite": suite, "unavailable": {"light": {"1": number, "none": 1}}},
            tuple(record for record in everything[::40] if record.suite == suite),
        )
        for number, suite in enumerate(SUITES, start=1)
    ]
    (merged,) = arrange_runs(runs)
    assert merged.manifest["unavailable"] == {"light": {"1": 10, "none": 4}}
    text = table_markdown(tabulate([merged], []), "suite")
    assert "251 of 10030 tasks of all suites, weighted by tasks" in text
    assert "OFT+ [P1]" in table_markdown(tabulate([merged], []), "dimension")
    rows = list(csv.DictReader(io.StringIO(table_csv(tabulate([merged], [])))))
    assert {row["run"] for row in rows if row["level"] == "leaderboard"} == {merged.label}
    assert "OFT+" in {row["run"] for row in rows if row["level"] == "published"}


def test_shards_of_a_suite_do_not_add_up_what_is_missing(make_record: MakeRecord) -> None:
    suite = "libero_plus_10"
    runs = [
        Run(
            f"shard {number}",
            False,
            (Path(str(number)),),
            MANIFEST | {"suite": suite, "unavailable": lacking, "selection": {"dimension": name}},
            tuple(
                make_record(suite=suite, task=task, extra={"dimension": "camera", "level": 1})
                for task in (number, 9)
            ),
        )
        for number, name, lacking in (
            (1, "light", {"light": {"1": 3}}),
            (2, "light", {"light": {"1": 3}}),
            (3, "layout", {"layout": {"2": 1}}),
        )
    ]
    (merged,) = arrange_runs(runs)
    assert merged.manifest["unavailable"] == {"light": {"1": 3}, "layout": {"2": 1}}


def test_a_task_that_ran_twice_is_one_task(make_record: MakeRecord) -> None:
    place = {"dimension": "camera", "level": 1}
    row = leaderboard(
        [make_record(suite="libero_plus_10", task=4, trial=trial, extra=place) for trial in (0, 1)]
    )
    assert row is not None
    assert (row.tasks_run, row.counted) == (1, 2)
    assert row.label.startswith("1 of 2519 tasks")


def test_published_rows_weigh_tasks(tmp_path: Path) -> None:
    """The totals are close to what the dimensions say: a typing error in one would show."""
    for row in load_published_plus():
        weighted = sum(row.rates[name] * tasks for name, tasks in TOTALS.items()) / 10030
        # π0's row was assembled from several measurements, as was the third party's average.
        assert weighted == pytest.approx(row.total, abs=0.03), row.family


def test_a_broken_file_of_published_rows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.yaml"
    for rates, total in (("[1, 2]", 3), ("[101]", 3), ("[1]", -1)):
        path.write_text(
            f"dimensions: [camera]\nsources:\n  - source: s\n    rows:\n"
            f"      - {{family: f, rates: {rates}, total: {total}}}\n"
        )
        with pytest.raises(UsageError, match="f: "):
            load_published_plus(path)


def test_thousands_of_tasks_have_rows_in_the_csv_only(make_record: MakeRecord) -> None:
    suite = "libero_plus_spatial"
    summary = summarise(list(records_of(suite, lambda _: True, make_record)), dict(MANIFEST))
    assert len(render_csv(summary).splitlines()) > 2402
    for table in (render_markdown(summary), render_terminal(summary)):
        assert len(table.splitlines()) < 150
        assert "table.csv has a row for each of the 2402 tasks" in table
        assert "camera" in table
    run = Run("mine", False, (Path("mine"),), dict(MANIFEST), summary.records)
    assert len(table_markdown(tabulate([run], [])).splitlines()) < 150
    assert len(table_markdown(tabulate([run], []), "task").splitlines()) > 2402


def test_rows_of_one_base_task_can_be_told_apart(make_record: MakeRecord) -> None:
    few = {0: "view", 1: "level", 2: "language"}
    seen: Counter[str] = Counter()

    def keep(task: Any) -> bool:
        seen[task.variant.kind] += 1
        return task.variant.kind in few.values() and seen[task.variant.kind] <= 2

    records = list(records_of("libero_plus_10", lambda _: True, make_record, keep))
    labels = [row.label for row in summarise(records, dict(MANIFEST)).tasks]
    assert len(set(labels)) == len(records) == 6
    assert any(re.search(r" · view \d+ \d+ \d+ \d+ \d+ initstate 0$", label) for label in labels)
    assert any(re.search(r" · level\d sample\d$", label) for label in labels)
