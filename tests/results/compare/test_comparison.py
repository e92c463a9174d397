"""What compare says of two runs: rates, tasks, flips, and where trajectories part."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from run_files import MANIFEST, write_run

from gridseval.errors import OutputError, UsageError
from gridseval.results import EpisodeRecord
from gridseval.results.compare.flips import Comparison, compare_runs
from gridseval.results.compare.text import compare_json, compare_markdown, compare_text
from gridseval.results.run.reading import read_run
from gridseval.results.run.trajectories import equal_steps

MakeRecord = Callable[..., EpisodeRecord]
MakeRun = Callable[..., Path]


@pytest.fixture
def make_run(tmp_path: Path, make_record: MakeRecord) -> MakeRun:
    """Return a maker of runs: s, f and e per trial, a text per task."""

    def make(
        name: str,
        *outcomes: str,
        actions: bool = False,
        **changed: Any,
    ) -> Path:
        status = {"s": "success", "f": "failure", "e": "error"}
        records = [
            make_record(status[letter], task=task, trial=trial, steps=20, instruction=f"do {task}")
            for task, letters in enumerate(outcomes)
            for trial, letter in enumerate(letters)
        ]
        planned = {"tasks": [0, 1, 2], "trials": 33}
        path = write_run(tmp_path / name, records, MANIFEST | planned | changed)
        if actions:
            for record in records:
                save(path, record, np.zeros((record.steps, 7), np.float32))
        return path

    return make


def save(run: Path, record: Any, actions: Any) -> None:
    (run / "actions").mkdir(exist_ok=True)
    suite, task, trial = record if isinstance(record, tuple) else record.key
    np.save(run / "actions" / f"{suite}-{task}-{trial}.npy", actions)


def compared(first: Path, second: Path) -> Comparison:
    return compare_runs(read_run(first), read_run(second))


def words(comparison: Comparison) -> str:
    return " ".join(compare_text(comparison).split())


def test_a_run_is_identical_to_its_copy(make_run: MakeRun) -> None:
    comparison = compared(make_run("a", "sfe", "sss"), make_run("b", "sfe", "sss", workers=9))
    assert comparison.identical
    assert words(comparison) == (
        "a and b are identical: 6 episodes with the same outcomes and steps (actions are not in "
        "both runs; run --record-actions keeps them) 1 episodes ended in a technical error in A "
        "or B and are not compared"
    )


def test_equal_actions_are_part_of_it(make_run: MakeRun) -> None:
    paths = make_run("a", "sf", actions=True), make_run("b", "sf", actions=True)
    assert words(compared(*paths)).endswith("and the same actions to the bit")
    actions = np.zeros((20, 7), np.float32)
    actions[13, 6] = -0.0  # equal to 0.0, but not the same bits
    save(paths[1], ("libero_goal", 0, 1), actions)
    comparison = compared(*paths)
    assert not comparison.identical
    text = words(comparison)
    assert "1 of 2 trajectories are equal to the bit" in text
    assert "the first to part is trial 1 of task 0 of libero_goal, after 13 equal steps" in text


@pytest.mark.parametrize("outcomes", [("sff", "sss"), ("sf", "sss"), ("sfs", "sss", "s")])
def test_other_outcomes_or_episodes_are_not_identical(
    make_run: MakeRun, outcomes: tuple[str, ...]
) -> None:
    comparison = compared(make_run("a", "sfs", "sss"), make_run("b", *outcomes))
    assert not comparison.identical
    assert "identical" not in words(comparison)


def test_what_flipped_is_counted_tested_and_listed(make_run: MakeRun) -> None:
    first = make_run("a", "sssss", "sssfe", "ffff")
    second = make_run("b", "fffsf", "ssffs", "ffff", max_steps=200)
    comparison = compared(first, second)
    counts = comparison.counts
    assert (counts.both, counts.lost, counts.won, counts.neither) == (3, 5, 0, 5)
    assert comparison.p_value == pytest.approx(2 * 0.5**5)
    text = words(comparison)
    assert "B − A on 13 common episodes: -38.5 % (95 % interval " in text
    assert "exact McNemar p = 0.062" in text
    assert "solved by both 3, by A only 5, by B only 0, by none 5" in text
    assert "tasks that changed # task solved by A by B lost won" in text
    assert "0 do 0 5/5 1/5 4 0" in text
    assert "1 do 1 3/4 3/5 1 0" in text
    assert "do 2" not in text
    assert "libero_goal 1 2 success → failure 20 20 –" in text
    assert "1 episodes ended in a technical error" in text
    assert "max_steps: 300 -> 200" in text
    assert "actions/ is not in both runs (gridseval run --record-actions keeps it)" in text
    lines = compare_markdown(comparison).splitlines()
    assert "| 0 | do 0 | 5/5 | 1/5 | 4 | 0 |" in lines


def test_both_directions_and_episodes_of_one_run_only(make_run: MakeRun) -> None:
    comparison = compared(make_run("a", "sf", "ss"), make_run("b", "fsss"))
    assert (comparison.counts.lost, comparison.counts.won) == (1, 1)
    assert comparison.difference is not None and comparison.difference.estimate == 0
    text = words(comparison)
    assert "2 episodes are in A only" in text and "2 episodes are in B only" in text
    assert "failure → success" in text and "success → failure" in text


def test_json_has_everything(make_run: MakeRun) -> None:
    paths = make_run("a", "ssf", actions=True), make_run("b", "fsfs", actions=True)
    moved = np.zeros((20, 7), np.float32)
    moved[4:] = 1
    save(paths[1], ("libero_goal", 0, 0), moved)
    data = json.loads(compare_json(compared(*paths)))
    assert data["schema"] == 1 and data["identical"] is False
    assert data["first"] == {"label": "a", "paths": [str(paths[0])]}
    assert data["pairs"] == {"both": 1, "lost": 1, "won": 0, "neither": 1}
    assert data["episodes"] == {
        "in_both": 3,
        "only_first": 0,
        "only_second": 1,
        "recorded": 3,
        "different": 1,
    }
    assert data["difference"]["estimate"] == pytest.approx(-1 / 3)
    (flip,) = data["flips"]
    assert (flip["task"], flip["trial"], flip["first_different_step"]) == (0, 0, 4)
    assert flip["first"] == {"status": "success", "steps": 20, "video": "videos/7-3.mp4"}
    assert data["tasks"][0]["second"]["counted"] == 4
    assert data["suites"][0]["task"] is None


def test_other_suites_are_refused(make_run: MakeRun, tmp_path: Path, make_record: Any) -> None:
    ten = MANIFEST | {"suite": "libero_10", "tasks": [7]}
    other = write_run(tmp_path / "other", [make_record(suite="libero_10")], ten)
    with pytest.raises(UsageError, match="a is of libero_goal, other of libero_10"):
        compared(make_run("a", "s"), other)
    empty = write_run(tmp_path / "empty", [])
    with pytest.raises(UsageError, match="a2 is of libero_goal, empty of no suite"):
        compared(make_run("a2", "s"), empty)


def test_errors_only_leave_nothing_to_compare(make_run: MakeRun) -> None:
    comparison = compared(make_run("a", "es"), make_run("b", "se"))
    assert comparison.difference is None and comparison.p_value == 1
    assert "no episode is counted in both runs" in words(comparison)


def test_many_flips_are_shortened_in_the_text_only(make_run: MakeRun) -> None:
    comparison = compared(make_run("a", "s" * 33), make_run("b", "f" * 33))
    text = compare_text(comparison)
    assert text.count("success → failure") == 20
    assert "(the first 20; --format json has 13 more)" in words(comparison)
    assert len(json.loads(compare_json(comparison))["flips"]) == 33
    assert max(map(len, text.splitlines())) <= 80


def npy(path: Path, actions: Any) -> Path:
    np.save(path, actions)
    return path


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda a: a, None),
        (lambda a: a[:6], 6),
        (lambda a: a[:0], 0),
        (lambda a: np.concatenate([a, a]), 9),
        (lambda a: a + np.float32(1e-6) * (np.arange(9) >= 5)[:, None], 5),
        (lambda a: np.where(np.arange(9)[:, None] == 0, np.nan, a), 0),
    ],
)
def test_where_trajectories_part(tmp_path: Path, change: Any, expected: int | None) -> None:
    actions = np.random.default_rng(1).random((9, 7), np.float32)
    first = npy(tmp_path / "a.npy", actions)
    second = npy(tmp_path / "b.npy", change(actions).astype(np.float32))
    assert equal_steps(first, second) == equal_steps(second, first) == expected
    assert equal_steps(second, second) is None


@pytest.mark.parametrize("content", [b"", b"no numpy", np.lib.format.MAGIC_PREFIX + b"\x01\x00"])
def test_broken_actions_are_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(OutputError, match=r"cannot read the actions .*a\.npy"):
        equal_steps(tmp_path / "a.npy", tmp_path / "a.npy")


@pytest.mark.parametrize("array", [np.zeros(7), np.array([["text"]]), np.array(3.0)])
def test_what_is_no_actions_is_named(tmp_path: Path, array: Any) -> None:
    path = npy(tmp_path / "a.npy", array)
    with pytest.raises(OutputError, match=r"a\.npy does not hold the actions of an episode"):
        equal_steps(path, path)
