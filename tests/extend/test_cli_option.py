"""docs/developing/extend/cli-option.md: an option that every format of a table obeys."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from harness import PatchedTree
from run_files import write_run

from gridseval.results import EpisodeRecord

PAGE = "cli-option.md"
TITLE = "Table 1: goals"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    record = EpisodeRecord(
        suite="libero_goal",
        task=0,
        task_name="open",
        trial=0,
        instruction="open it",
        status="success",
        success=True,
        steps=9,
        seed=7,
    )
    return write_run(tmp_path / "run", [record])


def test_the_patch_touches_two_files(patched: PatchedTree) -> None:
    assert patched.product_files == (
        "gridseval/cli/table.py",
        "gridseval/results/tables/several_runs.py",
    )


def test_help_names_it(patched: PatchedTree) -> None:
    said = " ".join(patched.gridseval("table", "--help").stdout.split())
    assert "--title TEXT Title of the table [default: suite and policy]" in said


def test_the_documentation_lists_it(patched: PatchedTree) -> None:
    code = (
        "import sys, types; sys.path.insert(0, sys.argv[1]); import hooks\n"
        "page = types.SimpleNamespace(file=types.SimpleNamespace(src_uri='reference/cli.md'))\n"
        "print(hooks.on_page_markdown('<!-- command line -->', page, None, None))"
    )
    said = patched.python("-c", code, patched.root / "docs").stdout
    assert "| `--title TEXT` | Title of the table \\[default: suite and policy] |" in said


@pytest.mark.parametrize(
    ("form", "shown"),
    [("text", f"{TITLE}\n"), ("md", f"# {TITLE}\n"), ("latex", f"\\caption{{{TITLE}}}")],
)
def test_people_read_it(patched: PatchedTree, run: Path, form: str, shown: str) -> None:
    said = patched.gridseval("table", run, "--title", TITLE, "--format", form).stdout
    assert shown in said
    without = patched.gridseval("table", run, "--format", form).stdout
    assert said == without.replace("libero_goal · oracle", TITLE).replace(
        r"libero\_goal $\cdot$ oracle", TITLE
    )


def test_programs_read_it(patched: PatchedTree, run: Path) -> None:
    said = patched.gridseval("table", run, "--title", TITLE, "--format", "json").stdout
    assert json.loads(said)["title"] == TITLE
