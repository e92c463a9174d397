"""gridseval table, from words to text and exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from run_files import MANIFEST, write_run

from gridseval.results import EpisodeRecord


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    def make(name: str, solved: int, **changed: Any) -> Path:
        records = [
            EpisodeRecord(
                suite="libero_goal",
                task=0,
                task_name="open",
                trial=trial,
                instruction="open it",
                status="success" if trial < solved else "failure",
                success=trial < solved,
                steps=9,
                seed=changed.get("seed", 7),
            )
            for trial in range(10)
        ]
        return write_run(tmp_path / name, records, MANIFEST | {"trials": 10} | changed)

    return make


def test_one_run(cli: Any, make_run: Callable[..., Path]) -> None:
    said = cli("table", make_run("a", 9))
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith("libero_goal · oracle\n")
    assert "90.0 %" in said.out and "59.6–98.2" in said.out and "9/10" in said.out


@pytest.mark.parametrize(
    ("form", "start"),
    [
        ("text", "new, b\nsuccess in %"),
        ("md", "# new, b\n\n## success in %"),
        ("latex", "% \\usepackage{booktabs}\n"),
        ("csv", "run,level,suite,task,"),
        ("json", '{\n  "schema": 1,'),
    ],
)
def test_every_form(cli: Any, make_run: Callable[..., Path], form: str, start: str) -> None:
    said = cli("table", f"new={make_run('a', 9)}", make_run("b", 3), "--format", form)
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith(start)
    assert said.out.endswith("\n") and not said.out.endswith("\n\n")


def test_other_models_need_force(cli: Any, make_run: Callable[..., Path]) -> None:
    words = ["table", make_run("a", 9), make_run("b", 3, assets={"identity": "stand-ins"})]
    said = cli(*words)
    assert (said.status, said.out) == (2, "")
    assert "assets.identity: 'libero' -> 'stand-ins'" in said.err
    assert "--force" in said.err
    forced = cli(*words, "--force")
    assert forced.status == 0
    assert "assets.identity: 'libero' -> 'stand-ins'" in forced.out


def test_seeds_are_pooled(cli: Any, make_run: Callable[..., Path]) -> None:
    said = cli("table", make_run("a", 9), make_run("b", 7, seed=8), "--pool", "--format", "json")
    (run,) = json.loads(said.out)["runs"]
    assert run["summary"]["episodes"]["counted"] == 20
    assert run["summary"]["suites"][0]["success_rate"] == 0.8


def test_published_rates(cli: Any, make_run: Callable[..., Path]) -> None:
    run = make_run("a", 1)
    assert "published rates (†" not in cli("table", run).out
    assert "π0.5 [1]" in cli("table", run, "--published", "pi0.5").out
    assert "published rates (†" not in cli("table", run, "--published", "none").out
    said = cli("table", run, "--published", "pi9")
    assert said.status == 2 and "no published rates of 'pi9'" in said.err


def test_rows(cli: Any, make_run: Callable[..., Path]) -> None:
    assert "open it" not in cli("table", make_run("a", 1), "--by", "suite").out


def test_no_run_is_refused(cli: Any, tmp_path: Path) -> None:
    said = cli("table", tmp_path)
    assert (said.status, said.out) == (2, "")
    assert f"{tmp_path} is not a run: it has no episodes.jsonl" in said.err
    assert cli("table").status == 2
