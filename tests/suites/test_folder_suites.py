"""Folders of BDDL files as suites, and the layouts of LIBERO-PRO and LIBERO-Para."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from command_line import cli as cli

from gridseval.envs.libero_package import package_root
from gridseval.errors import MachineError, UsageError
from gridseval.evaluation import RunConfig
from gridseval.evaluation.task_selection import choose
from gridseval.results import read_records
from gridseval.suites import Selection, load_suite, suite_digest

GOAL = ("turn_on_the_stove", "put_the_bowl_on_the_plate")


def problem(name: str) -> str:
    return (package_root() / "bddl_files" / "libero_goal" / f"{name}.bddl").read_text()


def told(text: str, instruction: str) -> str:
    """Return a problem with another instruction, as paraphrases have it."""
    changed, count = re.subn(r"\(:language [^()]*\)", f"(:language {instruction})", text)
    assert count == 1
    return changed


def states(name: str) -> Path:
    return package_root() / "init_files" / "libero_goal" / f"{name}.pruned_init"


def write_pro(clone: Path, perturbation: str = "swap") -> Path:
    """Write a clone as LIBERO-PRO is laid out: a region is moved; return the suite's folder."""
    name = f"libero_goal_{perturbation}"
    bddl, init = (clone / "libero/libero" / part / name for part in ("bddl_files", "init_files"))
    for folder in (bddl, init):
        folder.mkdir(parents=True)
    for task in GOAL:
        (bddl / f"{task}.bddl").write_text(told(problem(task), f"{task} please".replace("_", " ")))
        shutil.copyfile(states(task), init / f"{task}.pruned_init")
    return bddl


def write_para(clone: Path) -> Path:
    """Write a clone as LIBERO-Para is laid out: paraphrases of two scenes; return the folder."""
    root = clone / "libero/libero"
    bddl, init = root / "bddl_files/libero_para", root / "init_files/libero_para"
    for folder in (bddl, init):
        folder.mkdir(parents=True)
    for number, task in enumerate(GOAL):
        shutil.copyfile(states(task), init / f"eval{number}.pruned_init")
        for kind, words in (
            ("act_lexical_addition_deletion", f"Gently do {number}"),
            ("comp_lexical+structural_same_polarity_habitual+coordination", f"do it, {number}"),
        ):
            text = told(problem(task), words)
            (bddl / f"{kind}_eval{number}_ver{number}.bddl").write_text(text)
    return bddl


def test_a_folder_of_problems_is_a_suite(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for task in GOAL:
        (folder / f"{task}.bddl").write_text(problem(task))
    suite = load_suite(folder)
    assert (suite.name, suite.title, suite.max_steps, suite.trials) == ("mine", "mine", 400, 50)
    assert [task.name for task in suite.tasks] == sorted(GOAL)
    assert not suite.has_states
    shutil.copyfile(states(GOAL[0]), folder / f"{GOAL[0]}.pruned_init")
    with pytest.raises(UsageError, match="1 of the 2 tasks of mine have no initial states"):
        load_suite(folder)
    shutil.copyfile(states(GOAL[1]), folder / f"{GOAL[1]}.init")
    assert load_suite(folder).has_states


def test_the_instruction_is_the_problems_unless_a_file_says_another(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "a_b.bddl").write_text(told(problem(GOAL[0]), "Do  it, NOW"))
    (folder / "c_d.bddl").write_text(told(problem(GOAL[0]), ""))
    assert [task.instruction for task in load_suite(folder).tasks] == ["Do it, NOW", "c d"]
    (folder / "instructions.yaml").write_text("a_b: switch it on\n")
    assert [task.instruction for task in load_suite(folder).tasks] == ["switch it on", "c d"]
    for text in ("- a\n", "a_b: 3\n", "a_b: ''\n", "3: x\n"):
        (folder / "instructions.yaml").write_text(text)
        with pytest.raises(UsageError, match=r"instructions\.yaml"):
            load_suite(folder)


def test_libero_pro_needs_no_yaml(tmp_path: Path, cli: Any) -> None:
    suite = load_suite(write_pro(tmp_path / "clone"))
    assert (suite.title, suite.max_steps) == ("LIBERO-PRO: libero_goal_swap", 300)
    assert {task.dimension for task in suite.tasks} == {"position"}
    assert suite.has_states
    assert [task.instruction for task in suite.tasks] == [
        "put the bowl on the plate please",
        "turn on the stove please",
    ]
    said = cli("suites", str(write_pro(tmp_path / "other", "lan")))
    assert said.status == 0
    assert "2 tasks" in said.out and "please" in said.out


def test_paraphrases_share_a_scene_and_are_sorted_by_axis(tmp_path: Path) -> None:
    suite = load_suite(write_para(tmp_path / "clone"))
    assert (suite.trials, suite.max_steps, len(suite.tasks)) == (1, 300, 4)
    assert [task.dimension for task in suite.tasks] == [
        "act lexical addition deletion",
        "act lexical addition deletion",
        "comp lexical+structural same polarity habitual+coordination",
        "comp lexical+structural same polarity habitual+coordination",
    ]
    assert [task.instruction for task in suite.tasks] == [
        "Gently do 0",
        "Gently do 1",
        "do it, 0",
        "do it, 1",
    ]
    assert suite.tasks[0].files == suite.tasks[2].files != suite.tasks[1].files
    assert suite.tasks[1].files is not None
    assert suite.tasks[1].files.init_states is not None
    assert suite.tasks[1].files.init_states.name == "eval1.pruned_init"
    chosen = Selection(dimension="act lexical addition deletion").of(suite)
    assert [task.index for task in chosen] == [0, 1]
    with pytest.raises(UsageError, match="LIBERO-Para: libero_para has no dimension 'act'"):
        Selection(dimension="act").of(suite)
    assert len(Selection(sample=2).of(suite)) == 2


def test_the_digest_is_of_all_that_decides(tmp_path: Path) -> None:
    folder = write_para(tmp_path / "clone")
    before = suite_digest(load_suite(folder))
    moved = shutil.copytree(tmp_path / "clone", tmp_path / "moved")
    again = moved / "libero/libero/bddl_files/libero_para"
    assert suite_digest(load_suite(again)) == before
    last = sorted(again.glob("*.bddl"))[-1]
    last.write_text(last.read_text().replace("do it, 1", "do it, 2"))
    assert suite_digest(load_suite(again)) != before


def test_a_folder_that_holds_code_or_nothing_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    with pytest.raises(UsageError, match=r"no suite\.yaml and no BDDL files"):
        load_suite(folder)
    evil = problem(GOAL[0]).replace("(:yaw_rotation", "(:yaw_rotation", 1)
    (folder / "a.bddl").write_text(evil.replace("(:language", "(:nonsense __import__) (:language"))
    config = RunConfig(suite=str(folder), out=tmp_path / "run")
    with pytest.raises(MachineError, match=r"a\.bddl, line"):
        choose(config)
    (folder / "-a.bddl").write_text(problem(GOAL[0]))
    with pytest.raises(UsageError, match="task name '-a'"):
        load_suite(folder)


def run(cli: Any, folder: Path, out: Path, assets: Path, *options: str, status: int = 0) -> str:
    said = cli(
        *("run", "--suite", str(folder), "--policy", "zero", "--workers", "0", "--max-steps", "4"),
        *("--video", "none", "--assets", str(assets), "--out", str(out), *options),
    )
    assert said.status == status, said
    return str(said.out + said.err)


def test_a_stateless_folder_runs_from_fresh_starts(tmp_path: Path, assets: Path, cli: Any) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "stove.bddl").write_text(problem(GOAL[0]))
    run(cli, folder, tmp_path / "run", assets, "--trials", "2")
    records = read_records(tmp_path / "run/episodes.jsonl")
    assert [(each.trial, each.instruction) for each in records] == [
        (0, "Turn on the stove"),
        (1, "Turn on the stove"),
    ]
    assert "starts: fresh" in (tmp_path / "run/run.yaml").read_text()
    said = run(cli, folder, tmp_path / "no", assets, "--starts", "stored", status=2)
    assert "mine has no stored initial states" in said and "fresh:N" in said


def test_paraphrases_run_with_their_axes_in_the_tables(
    tmp_path: Path, assets: Path, cli: Any
) -> None:
    folder = write_para(tmp_path / "clone")
    out = tmp_path / "run"
    run(cli, folder, out, assets)
    records = read_records(out / "episodes.jsonl")
    assert len(records) == 4
    assert {each.extra["level"] for each in records} == {None}
    # Two scenes are compiled for four tasks.
    assert sum(each.extra["seconds"]["compile"] > 0.03 for each in records) == 2
    assert "comp lexical+structural same polarity" in (out / "table.md").read_text()
    run(cli, folder, out, assets)  # resumed: nothing is left to do
    first = sorted(folder.glob("*.bddl"))[0]
    first.write_text(first.read_text().replace("Gently", "Roughly"))
    assert "suite_files.sha256" in run(cli, folder, out, assets, status=5)


@pytest.mark.parametrize("shape", ["own", "pro", "para"])
def test_the_expert_solves_them_and_every_command_shows_them(
    tmp_path: Path, assets: Path, cli: Any, shape: str
) -> None:
    if shape == "own":  # regions of one's own, and no states
        folder = tmp_path / "mine"
        folder.mkdir()
        for task in GOAL:
            text = problem(task)
            moved = text.replace("-0.09999999999999999 -0.01 -0.08 0.01", "-0.07 0.0 -0.05 0.02")
            assert moved != text
            (folder / f"{task}.bddl").write_text(moved)
    else:
        folder = {"pro": write_pro, "para": write_para}[shape](tmp_path / "clone")
    count = len(load_suite(folder).tasks)

    def solved(out: Path, *options: str) -> None:
        said = cli(
            *("run", "--suite", folder, "--policy", "oracle", "--trials", "1", "--workers", "0"),
            *("--video", "none", "--assets", assets, "--out", out, *options),
        )
        assert said.status == 0, said

    whole, first, rest = (tmp_path / name for name in ("whole", "first", "rest"))
    solved(whole)
    assert [each.status for each in read_records(whole / "episodes.jsonl")] == ["success"] * count
    solved(whole)  # resumed: all is there
    solved(first, "--tasks", "0")
    solved(rest, "--tasks", f"1-{count - 1}")
    merged = cli("table", first, rest)
    assert (merged.status, f"{count}/{count}" in merged.out) == (0, True)
    gated = cli("gate", whole, "--baseline", whole, "--same-steps")
    assert gated.status == 0, gated
    assert cli("compare", whole, whole).out.count("identical") == 1
    assert cli("report", whole, "--out", tmp_path / "r.html").status == 0
    assert load_suite(folder).tasks[0].instruction in (tmp_path / "r.html").read_text()
