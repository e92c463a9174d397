"""Which episodes a run is about: trials by number, and episodes from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from command_line import cli as cli
from hypothesis import given
from hypothesis import strategies as st

from gridseval.errors import UsageError
from gridseval.evaluation.episode_choice import parse_trials, read_episodes
from gridseval.results import read_records
from gridseval.suites import list_episodes, load_suite


@pytest.mark.parametrize(
    ("text", "numbers", "shown"),
    [
        ("0-9,20-29", [*range(10), *range(20, 30)], "0-9,20-29"),
        ("7-7", [7], "7"),
        ("3,1,2,9", [1, 2, 3, 9], "1-3,9"),
        (" 4 - 5 , 5-6", [4, 5, 6], "4-6"),
    ],
)
def test_lists_of_trials(text: str, numbers: list[int], shown: str) -> None:
    choice = parse_trials(text)
    assert list(choice.numbers or ()) == numbers
    assert choice.trials == numbers[-1] + 1
    assert choice.manifest == {"selected": {"trials": shown}}
    suite = load_suite("libero_goal")
    every = list_episodes(suite, suite.tasks[:2], choice.trials)
    assert [(each.task, each.trial) for each in choice.of(every)] == [
        (task, trial) for task in (0, 1) for trial in numbers
    ]


def test_a_number_is_how_many() -> None:
    assert parse_trials("10") == parse_trials(10)
    assert (parse_trials(10).trials, parse_trials(10).numbers) == (10, None)
    assert parse_trials(10).manifest == {}


@pytest.mark.parametrize(
    "text", ["", "1,", "a", "3-1", "1-2-3", "1;2", "0-999999999", "1.5", "9" * 301]
)
def test_wrong_trials_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_trials(text)


@given(st.text(alphabet="0123456789,- ", max_size=12))
def test_any_text_is_trials_or_a_usage_error(text: str) -> None:
    try:
        choice = parse_trials(text)
    except UsageError:
        return
    assert choice.numbers is None or choice.trials == choice.numbers[-1] + 1


def test_files_list_episodes(tmp_path: Path) -> None:
    suite, file = load_suite("libero_goal"), tmp_path / "lost.txt"
    file.write_text("# lost\n3:7\nlibero_goal:0:2\r\n\nlibero_10:5:1\n3:7\n")
    choice = read_episodes(file, suite)
    assert choice.pairs == {(3, 7), (0, 2)}
    assert (choice.trials, choice.manifest["selected"]["episodes"]) == (8, 2)
    file.write_text("0:2\n3:7\n")
    assert read_episodes(file, suite).manifest == choice.manifest
    file.write_text("0:2\n3:8\n")
    assert read_episodes(file, suite).manifest != choice.manifest


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"3-7\n", "line 1: '3-7' is not TASK:TRIAL"),
        (b"0:1\n99:0\n", "there is no task 99"),
        (b"# nothing\n", "lists no episode of libero_goal"),
        (b"libero_10:0:1\n", "lists no episode"),
        (b"\xff\xfe", "is refused"),
    ],
)
def test_files_that_are_wrong(tmp_path: Path, content: bytes, named: str) -> None:
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(UsageError, match=named):
        read_episodes(tmp_path / "f", load_suite("libero_goal"))
    with pytest.raises(UsageError, match="cannot read"):
        read_episodes(tmp_path / "absent", load_suite("libero_goal"))


def run(cli: Any, out: Path, assets: Path, *options: object, status: int = 0) -> str:
    said = cli(
        *("run", "--suite", "libero_object", "--policy", "zero", "--workers", 0, "--max-steps", 4),
        *("--video", "none", "--assets", assets, "--out", out, *options),
    )
    assert said.status == status, said
    return str(said.out + said.err)


def keys(out: Path) -> list[tuple[int, int]]:
    return [(each.task, each.trial) for each in read_records(out / "episodes.jsonl")]


def test_runs_of_chosen_trials_grow_into_whole_ones(cli: Any, tmp_path: Path, assets: Path) -> None:
    out = tmp_path / "run"
    run(cli, out, assets, "--tasks", 0, "--trials", "1,3")
    assert keys(out) == [(0, 1), (0, 3)]
    manifest = yaml.safe_load((out / "run.yaml").read_text())
    assert (manifest["trials"], manifest["episodes"]) == (4, 2)
    assert manifest["selected"] == {"trials": "1,3"}
    said = run(cli, out, assets, "--tasks", 0, "--trials", "2-3", status=5)
    assert "selected.trials" in said
    run(cli, out, assets, "--tasks", 0, "--trials", 4)
    assert sorted(keys(out)) == [(0, 0), (0, 1), (0, 2), (0, 3)]
    assert "selected" not in yaml.safe_load((out / "run.yaml").read_text())


def test_episodes_of_a_comparison_are_run_again(cli: Any, tmp_path: Path, assets: Path) -> None:
    from run_files import MANIFEST, write_run

    from gridseval.results import EpisodeRecord

    def record(task: int, trial: int, success: bool) -> EpisodeRecord:
        return EpisodeRecord(
            suite="libero_object",
            task=task,
            task_name="t",
            trial=trial,
            instruction="x",
            status="success" if success else "failure",
            success=success,
            steps=9,
            seed=7,
        )

    about = MANIFEST | {"suite": "libero_object"}
    pairs = [(task, trial) for task in (0, 1) for trial in range(3)]
    before = write_run(tmp_path / "a", [record(*pair, True) for pair in pairs], about)
    lost = {(0, 2), (1, 0)}
    after = write_run(tmp_path / "b", [record(*pair, pair not in lost) for pair in pairs], about)
    said = cli("compare", before, after, "--list", "lost")
    assert (said.status, said.out) == (0, "0:2\n1:0\n")
    assert cli("compare", before, after, "--list", "won").out == ""
    assert cli("compare", before, after, "--list", "both").out == "0:0\n0:1\n1:1\n1:2\n"
    (tmp_path / "lost.txt").write_text(said.out)
    run(cli, tmp_path / "run", assets, "--episodes", tmp_path / "lost.txt")
    assert set(keys(tmp_path / "run")) == lost
    wrong = ("--episodes", tmp_path / "lost.txt", "--trials", 3)
    assert "--trials is given, too" in run(cli, tmp_path / "c", assets, *wrong, status=2)
