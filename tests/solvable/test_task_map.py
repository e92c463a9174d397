"""The map, its page and its list, from made-up records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gridseval.errors import OutputError, UsageError
from gridseval.results import EpisodeRecord
from gridseval.solvable.contact_sheet import unsolved_rows
from gridseval.solvable.map_file import read_map, write_rows
from gridseval.solvable.summary import map_markdown, map_text
from gridseval.solvable.task_map import MapRow, TaskMap, row_of
from gridseval.solvable.unsolved_list import check_list, read_list, write_list
from gridseval.suites import Task, load_suite

TASK = load_suite("libero_goal").tasks[3]


def record(trial: int, status: Any = "success", steps: int = 90, **remark: Any) -> EpisodeRecord:
    return EpisodeRecord(
        suite="libero_goal",
        task=3,
        task_name=TASK.name,
        trial=trial,
        instruction=TASK.instruction,
        status=status,
        success={"success": True, "failure": False, "error": None}[status],
        steps=steps,
        error="the worker died" if status == "error" else None,
        seed=7,
        extra={"remark": remark} if remark else {},
    )


def mapped(*rows: MapRow, suite: str = "libero_goal") -> TaskMap:
    return TaskMap(suite, 2, "0" * 64, "libero", Path("x"), rows)


def plus_rows() -> tuple[MapRow, ...]:
    tasks = [t for t in load_suite("libero_plus_goal").tasks if t.variant and t.variant.level == 2]
    camera, robot = (next(t for t in tasks if of(t) == name) for name in ("camera", "robot"))
    failed = record(0, "failure", 300, reason="out of reach: plate_1", phase="carry", goal="on x")
    return (
        row_of(camera, [failed]),
        row_of(robot, [record(0)]),
        row_of(tasks[-1], [failed], same_as=camera.index),
        row_of(tasks[-2], (), state="lacks data", lacks="needs assets.zip: assets/x"),
    )


def of(task: Task) -> str:
    return task.variant.dimension if task.variant else ""


def test_a_row_says_how_many_were_solved_and_why_not_the_others() -> None:
    row = row_of(
        TASK,
        [
            record(0, steps=100),
            record(3, "failure", 300, reason="still at work", phase="work", goal="open x"),
            record(1, "failure", 300, reason="blocked by mug_1", phase="approach", goal="on a b"),
            record(2, "failure", 300, reason="blocked by mug_1"),
            record(4, "error"),
        ],
    )
    assert (row.state, row.attempts, row.solved, row.steps) == ("error", 4, 1, 100.0)
    assert row.unsolved == (1, 2, 3)
    assert (row.phase, row.goal) == ("approach", "on a b")
    assert row.reasons == {"blocked by mug_1": 2, "out of time": 1}
    assert row.reason == "blocked by mug_1 (2); out of time (1)"
    assert row.error == "the worker died"


@pytest.mark.parametrize(
    ("records", "state"),
    [
        ([], "not run"),
        ([record(0, "error")], "error"),
        ([record(0, "failure")], "not solved"),
        ([record(0), record(1)], "solved"),
        ([record(0), record(1, "failure")], "partly solved"),
        ([record(0), record(1, "error")], "error"),
    ],
)
def test_states(records: list[EpisodeRecord], state: str) -> None:
    row = row_of(TASK, records)
    assert row.state == state
    if state == "not solved":
        assert row.reason == "the expert did not say"


def test_a_goal_that_holds_at_the_start_is_listed_apart_though_it_counts_as_solved() -> None:
    row = row_of(TASK, [record(0, steps=1, held_at_start=True), record(1, held_at_start=False)])
    assert (row.state, row.held_at_start) == ("solved", 1)
    page = map_markdown([mapped(row)])
    assert "## Goal already true at the start" in page
    assert "| 1 of 2 |" in page
    assert "Goal already true" not in map_markdown([mapped(row_of(TASK, [record(0)]))])


def test_a_start_at_which_the_goal_holds_hides_no_failure() -> None:
    failed = [record(trial, "failure", reason="out of reach: bowl_1") for trial in (1, 2)]
    page = map_markdown([mapped(row_of(TASK, [record(0, held_at_start=True), *failed]))])
    assert "## Goal already true at the start" in page
    _, _, unsolved = page.partition("## Not solved by the expert in every attempt")
    assert "out of reach: bowl_1" in unsolved


def test_an_episode_that_ended_in_an_error_is_told() -> None:
    page = map_markdown([mapped(row_of(TASK, [record(0), record(1, "error")]))])
    assert "1 tasks have episodes that ended in an error" in page
    assert "| 1 | 1 | 0 | 0 | 0 | 0 | 100.0 % |" in page, "not counted as a solved task"


def test_rows_are_read_as_they_were_written(tmp_path: Path) -> None:
    rows = (*plus_rows(), row_of(TASK, [record(0, "failure", reason="no skill")]))
    (tmp_path / "map.jsonl").write_text(write_rows(rows))
    assert read_map(tmp_path / "map.jsonl") == rows


@pytest.mark.parametrize(
    "content",
    [
        b'{"suite": "libero_goal"}\n',
        b"\xff\xfe",
        b"[" * 100_000,
        2 * write_rows(plus_rows()[:1]).encode(),
        write_rows(plus_rows()[:1]).encode().replace(b'"steps": null', b'"steps": NaN'),
    ],
)
def test_what_is_not_a_map_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "map.jsonl").write_bytes(content)
    with pytest.raises(OutputError, match="is not a map"):
        read_map(tmp_path / "map.jsonl")


def test_the_page_counts_by_dimension_and_level() -> None:
    page = map_markdown([mapped(*plus_rows(), suite="libero_plus_goal")])
    assert "| libero_plus_goal | 4 | 3 | 1 | 0 | 2 | 1 | 33.3 % |" in page
    assert "| camera | 0/1 |" in page
    assert "| robot | 1/1 | 1/1 |" in page
    assert "| out of reach | 2 | 1 |" in page
    (line,) = (line for line in page.splitlines() if "out of reach: plate_1" in line)
    assert line.count("|") == 9, "one line for tasks that are the same"


def test_nothing_is_called_unsolvable() -> None:
    row = row_of(TASK, [record(0, "failure", reason="out of reach: bowl_1")])
    for text in (map_markdown([mapped(row)]), map_text([mapped(row)])):
        assert "unsolvable" not in text.lower()
        assert "another policy" in text
    for path in (Path(__file__).parents[2] / "gridseval" / "solvable").glob("*.py"):
        assert "unsolvable" not in path.read_text(encoding="utf8").lower()


def test_the_page_fits_a_terminal() -> None:
    text = map_text([mapped(*plus_rows(), suite="libero_plus_goal")])
    assert max(map(len, text.splitlines())) <= 80


def test_the_list_has_one_line_per_task_and_keeps_other_suites(tmp_path: Path) -> None:
    path = tmp_path / "list.yaml"
    write_list(path, [mapped(row_of(TASK, [record(0, "failure", reason="no skill: a, b")]))])
    write_list(path, [mapped(*plus_rows(), suite="libero_plus_goal")])
    goal, plus = read_list(path).suites
    assert (goal.suite, plus.suite) == ("libero_goal", "libero_plus_goal")
    (task,) = goal.tasks
    assert (task.task, task.solved, task.attempts, task.reason) == (3, 0, 1, "no skill: a, b")
    assert (plus.mapped, plus.lacking) == (3, 1)
    assert len(plus.tasks) == 1 and len(plus.tasks[0].also) == 1
    assert path.read_text().count("{task:") == 2
    write_list(path, [mapped(row_of(TASK, [record(0)]))])
    assert read_list(path).suites[0].tasks == ()
    with pytest.raises(UsageError, match="the others would be lost"):
        write_list(path, [mapped(*plus_rows()[:1], suite="libero_plus_goal")])
    with pytest.raises(OutputError, match="is not a folder"):
        check_list(tmp_path / "none" / "list.yaml", {})
    path.write_text("other: 1\n")
    with pytest.raises(UsageError, match="other"):
        write_list(path, [mapped()])


def test_sheets_show_the_least_solved_first_and_no_task_twice() -> None:
    rows = plus_rows()
    partly = row_of(TASK, [record(0), record(1, "failure")])
    shown = unsolved_rows(mapped(partly, *rows))
    assert [row.name for row in shown] == [rows[0].name, partly.name]
