"""docs/developing/extend/table-column.md: one entry, seen in every output."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import jsonschema
import pytest
from harness import PatchedTree
from run_files import write_run

from gridseval.results import EpisodeRecord

PAGE = "table-column.md"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of two tasks whose longest episodes take 310 and 140 steps."""
    records = [
        EpisodeRecord(
            suite="libero_goal",
            task=task,
            task_name=f"task_{task}",
            trial=trial,
            instruction=f"do {task}",
            status="success",
            success=True,
            steps=steps,
            seed=7,
        )
        for task, trial, steps in ((0, 0, 120), (0, 1, 310), (1, 0, 140), (1, 1, 90))
    ]
    return write_run(tmp_path / "run", records)


def test_the_patch_touches_one_file(patched: PatchedTree) -> None:
    assert patched.product_files == ("gridseval/results/tables/columns.py",)


def test_programs_get_it(patched: PatchedTree, run: Path) -> None:
    rows = csv.DictReader(io.StringIO(patched.gridseval("table", run, "--format", "csv").stdout))
    longest = [(row["level"], row["longest_steps"]) for row in rows if row["level"] != "published"]
    assert longest == [("task", "310"), ("task", "140"), ("suite", "310")]
    data = json.loads(patched.gridseval("table", run, "--format", "json").stdout)
    summary = data["runs"][0]["summary"]
    assert summary["suites"][0]["longest_steps"] == 310
    assert [task["longest_steps"] for task in summary["suites"][0]["tasks"]] == [310, 140]
    schema = patched.root / "gridseval" / "results" / "tables" / "summary.schema.json"
    jsonschema.Draft202012Validator(json.loads(schema.read_text("utf8"))).validate(summary)


def test_people_see_it(patched: PatchedTree, run: Path) -> None:
    for form, row in (
        ("text", "0  do 0          100.0 %     34.2–100.0     2/2       0    215      310"),
        ("md", "| 0 | do 0 | 100.0 % | 34.2–100.0 | 2/2 | 0 | 215 | 310 |"),
        ("latex", r"0 & do 0 & 100.0 \% & 34.2--100.0 & 2/2 & 0 & 215 & 310 \\"),
    ):
        said = patched.gridseval("table", run, "--format", form).stdout
        assert "longest" in said
        assert row in said, said
    several = patched.gridseval("table", f"a={run}", f"b={run}", "--format", "md").stdout
    assert "| run | policy | seed | episodes | errors | steps | longest |" in several
    assert "| b | oracle | 7 | 4/10 | 0 | 165 | 310 |" in several


def test_the_report_shows_it(patched: PatchedTree, run: Path) -> None:
    patched.gridseval("report", run)
    page = " ".join((run / "report.html").read_text(encoding="utf8").split())
    assert "<dt>longest</dt><dd>310</dd>" in page


WRITE = """
import sys, pathlib, yaml
from gridseval.results import RunDirectory, write_tables
folder = pathlib.Path(sys.argv[1])
write_tables(RunDirectory.open(folder, yaml.safe_load((folder / "run.yaml").read_text())))
"""


def test_a_run_writes_it(patched: PatchedTree, run: Path) -> None:
    patched.python("-c", WRITE, run)
    summary = json.loads((run / "summary.json").read_text(encoding="utf8"))
    assert summary["suites"][0]["longest_steps"] == 310
    assert "| steps | longest |" in (run / "table.md").read_text(encoding="utf8")
    assert ",longest_steps\n" in (run / "table.csv").read_text(encoding="utf8")


def test_the_documentation_lists_it(patched: PatchedTree) -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); import hooks; print(hooks.columns_table())"
    said = patched.python("-c", code, patched.root / "docs").stdout
    assert "| `longest_steps` | steps | policy steps of the longest episode | longest |" in said


def test_the_patch_brings_a_test_that_passes(patched: PatchedTree) -> None:
    tests = Path(__file__).parents[1]
    conftest = (tests / "results" / "conftest.py").read_text(encoding="utf8")
    (patched.root / "tests" / "results" / "conftest.py").write_text(conftest, encoding="utf8")
    patched.python("-m", "pytest", "-q", "-p", "no:cacheprovider", patched.root / "tests")
