"""``robot_true`` is called ``perturbed_start`` now: old spellings and old runs go on."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gridseval.cli.run import command as run_command
from gridseval.cli.table import command as table
from gridseval.envs.config import EnvConfig
from gridseval.envs.perturbations.plan import parse_plan
from gridseval.envs.pool.settings import EnvSettings
from gridseval.errors import OutputError, UsageError
from gridseval.evaluation import RunConfig, evaluate
from gridseval.evaluation.task_selection import choose
from gridseval.moved import current_extra, current_manifest
from gridseval.results.run.manifest import read_manifest
from gridseval.results.run.reading import read_run

OLD, NEW = "robot_true:2", "perturbed_start:2"


def run(out: Path, assets: Path, **changed: Any) -> Any:
    arguments: dict[str, Any] = {
        "suite": "libero_object",
        "tasks": "0",
        "trials": 1,
        "policy": "zero",
        "assets": str(assets),
        "max_steps": 1,
        "workers": 0,
        "video": "none",
        "perturb": (NEW,),
    }
    return evaluate(RunConfig(out=out, **{**arguments, **changed}))


def make_old(out: Path) -> None:
    """Rewrite a run as the version before wrote it."""
    for name in ("run.yaml", "episodes.jsonl"):
        text = (out / name).read_text(encoding="utf8")
        assert "perturbed_start" in text
        (out / name).write_text(text.replace("perturbed_start", "robot_true"), encoding="utf8")


def test_the_same_seed_draws_the_same_under_both_names() -> None:
    old = parse_plan([OLD]).draw(7, "libero_10", 3, 0)
    assert old == parse_plan([NEW]).draw(7, "libero_10", 3, 0)
    # What version 0.1 drew for robot_true:2.
    assert old.perturbation.joints is not None
    assert old.perturbation.joints[:3] == (
        *(-0.11045567403213115, -0.08973179157434956, 0.00666038605767116),
    )
    assert old.perturbation.joints_true
    assert list(old.record) == ["perturbed_start", "applied"]


def test_old_arguments_are_accepted_with_a_warning(tmp_path: Path) -> None:
    said = "the argument robot_true is called perturbed_start now"
    with pytest.warns(FutureWarning, match=said):
        assert EnvConfig.of("libero_plus_goal", {"robot_true": True}).perturbed_start
    old: dict[str, Any] = {"robot_true": True}
    with pytest.warns(FutureWarning, match=said):
        assert RunConfig(suite="libero_plus_goal", out=tmp_path, **old).perturbed_start


@pytest.mark.filterwarnings("ignore:the argument robot_true:FutureWarning")
def test_a_copy_takes_the_old_argument_too(tmp_path: Path) -> None:
    old: dict[str, Any] = {"robot_true": True}
    for plain in (RunConfig("libero_plus_goal", tmp_path), EnvConfig("libero_plus_goal")):
        changed = replace(plain, **old)
        assert changed.perturbed_start
        with pytest.raises(UsageError, match="robot_true is False and perturbed_start, its pres"):
            replace(changed, **{"robot_true": False})


def test_environments_options_take_the_old_argument() -> None:
    old: dict[str, Any] = {"robot_true": True}
    for kind in (EnvConfig, EnvSettings):
        with pytest.warns(FutureWarning, match="robot_true is called perturbed_start now") as found:
            assert kind("libero_plus_goal", **old).perturbed_start
        assert found[0].filename == __file__


def test_a_run_that_says_both_names_is_refused(tmp_path: Path) -> None:
    assert current_manifest({"robot_true": True, "perturbed_start": True}) == {
        "perturbed_start": True
    }
    (tmp_path / "run.yaml").write_text("robot_true: true\nperturbed_start: false\n", "utf8")
    with pytest.raises(OutputError, match=r"run\.yaml: robot_true is True and perturbed_start"):
        read_manifest(tmp_path / "run.yaml")


def test_the_old_option_is_accepted_with_a_warning(tmp_path: Path) -> None:
    words = ["--suite", "libero_goal", "--policy", "zero", "--robot-true", "--out"]
    done = CliRunner().invoke(run_command, [*words, str(tmp_path / "run")])
    assert "warning: --robot-true is called --perturbed-start now" in done.output
    assert isinstance(done.exception, UsageError)
    assert "--perturbed-start is for the suites of LIBERO-Plus" in str(done.exception)


def test_old_dimensions_and_keys_have_the_present_name() -> None:
    assert current_extra({"dimension": "robot_true", "level": 2})["dimension"] == "perturbed_start"
    assert current_manifest({"robot_true": True}) == {"perturbed_start": True}


def test_the_old_name_is_accepted_with_a_warning(tmp_path: Path) -> None:
    with pytest.warns(FutureWarning, match="robot_true is called perturbed_start now"):
        EnvConfig("libero_object", perturb=(OLD,))
    note = "the perturbation robot_true is called perturbed_start now"
    told = choose(RunConfig(out=tmp_path, suite="libero_object", policy="zero", perturb=(OLD,)))
    assert told.warnings == (note,)
    assert told.plan.texts == (NEW,)
    new = RunConfig(out=tmp_path, suite="libero_object", policy="zero", perturb=(NEW,))
    assert choose(new).warnings == ()


@pytest.mark.parametrize("spelling", [OLD, NEW])
def test_an_old_run_resumes_with_either_spelling(
    assets: Path, tmp_path: Path, spelling: str
) -> None:
    run(tmp_path / "run", assets)
    make_old(tmp_path / "run")
    before = (tmp_path / "run" / "episodes.jsonl").read_text(encoding="utf8")
    run(tmp_path / "run", assets, perturb=(spelling,))
    assert (tmp_path / "run" / "episodes.jsonl").read_text(encoding="utf8") == before
    read = read_run(tmp_path / "run")
    assert read.manifest["perturb"] == [NEW]
    assert list(read.records[0].extra["perturb"]) == ["perturbed_start", "applied"]


def test_old_and_new_parts_of_one_run_are_merged(assets: Path, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    run(old, assets)
    run(new, assets, tasks="1")
    make_old(old)
    shown = CliRunner().invoke(table, [f"both={old}", f"both={new}", "--format", "csv"])
    assert shown.exit_code == 0, shown.output
    rows = [row for row in csv.DictReader(io.StringIO(shown.stdout)) if row["level"] == "task"]
    assert [(row["run"], row["task"]) for row in rows] == [("both", "0"), ("both", "1")]
