"""What the four outputs say of the same records."""

from __future__ import annotations

import csv
import io
import json
import math
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridseval.results import (
    COLUMNS,
    EpisodeRecord,
    Summary,
    render_csv,
    render_json,
    render_markdown,
    render_terminal,
    summarise,
)

MakeRecord = Callable[..., EpisodeRecord]


@pytest.fixture
def records(make_record: MakeRecord) -> list[EpisodeRecord]:
    """Task 2: 3 of 4 solved, 1 error; task 5: errors only."""
    outcomes = ["success", "success", "failure", "error", "success"]
    return [
        make_record(
            s,
            task=2,
            trial=i,
            steps=100 * (i + 1),
            wall_s=i + 0.5,
            queries=i,
            retries=1,
            extra={"completion_s": 6.0 + i},
        )
        for i, s in enumerate(outcomes)
    ] + [make_record("error", task=5, trial=i, instruction="put a | b") for i in range(2)]


@pytest.fixture
def summary(records: list[EpisodeRecord], manifest: dict[str, Any]) -> Summary:
    return summarise(records, manifest)


FIGURES_OF_TASK_2 = {
    "successes": 3,
    "failures": 1,
    "errors": 1,
    "counted": 4,
    "success_rate": 0.75,
    "success_lower": 0.300642,
    "success_upper": 0.954413,
    "success_mean_over_tasks": 0.75,
    "success_mean_lower": 0.300642,
    "success_mean_upper": 0.954413,
    "mean_steps": (100 + 200 + 300 + 500) / 4,
    "mean_steps_to_success": (100 + 200 + 500) / 3,
    "completion_s": (6 + 7 + 10) / 3,
    # Student's t of two degrees of freedom times the standard error of 6, 7 and 10.
    "completion_lower_s": 23 / 3 - 4.302653 * math.sqrt(13 / 3 / 3),
    "completion_upper_s": 23 / 3 + 4.302653 * math.sqrt(13 / 3 / 3),
    "queries": 10,
    "retries": 5,
    "wall_s": 12.5,
}


def test_json_has_every_figure(summary: Summary, manifest: dict[str, Any]) -> None:
    data = json.loads(render_json(summary))
    assert data["schema"] == 1
    assert data["run"] == {key: manifest[key] for key in ("suite", "policy", "assets")}
    assert data["episodes"] == {
        "expected": 500,
        "done": 7,
        "successes": 3,
        "failures": 1,
        "errors": 3,
        "counted": 4,
    }
    (suite,) = data["suites"]
    first, second = suite.pop("tasks")
    assert (first.pop("task"), first.pop("task_name")) == (2, "turn_on_the_stove")
    assert first.pop("instruction") == "turn on the stove"
    assert first == pytest.approx(FIGURES_OF_TASK_2, abs=1e-6)
    assert second["errors"] == 2
    assert second["success_rate"] is second["success_lower"] is second["mean_steps"] is None
    assert (suite["suite"], suite["errors"], suite["success_rate"]) == ("libero_goal", 3, 0.75)


def test_csv_has_every_figure(summary: Summary) -> None:
    first, second, suite = csv.DictReader(io.StringIO(render_csv(summary)))
    assert [row["level"] for row in (first, second, suite)] == ["task", "task", "suite"]
    assert (first["task"], first["task_name"], suite["task"]) == ("2", "turn_on_the_stove", "")
    numbers = {column.name: float(first[column.name]) for column in COLUMNS}
    assert numbers == pytest.approx(FIGURES_OF_TASK_2, abs=1e-6)
    assert (second["success_rate"], second["success_upper"], second["errors"]) == ("", "", "2")


def test_markdown_rows(summary: Summary) -> None:
    lines = render_markdown(summary).splitlines()
    assert lines[0] == "# libero_goal · oracle"
    assert "| 2 | turn on the stove | 75.0 % | 30.1–95.4 | 3/4 | 1 | 275 |" in lines
    assert "| 5 | put a \\| b | – | – | 0/0 | 2 | – |" in lines
    assert any(line.startswith("|  | **libero_goal** | **75.0 %** |") for line in lines)
    assert "- 7 of 500 episodes done, 3 errors, 0.3 min of episode time" in lines
    assert "- 3 episodes ended in a technical error and enter no rate" in lines


def test_terminal_rows(summary: Summary) -> None:
    lines = render_terminal(summary).splitlines()
    assert lines[0] == "libero_goal · oracle"
    assert "2  turn on the stove   75.0 %      30.1–95.4     3/4       1    275" in lines
    assert "5  put a | b                –              –     0/0       2      –" in lines
    assert "models" not in render_terminal(summary)


@pytest.mark.parametrize(
    ("assets", "expected"),
    [
        (
            {"identity": "stand-ins", "hash": "fedcba9876543210"},
            "assets: stand-ins (fedcba987654), not LIBERO's own: do not compare",
        ),
        (
            {"identity": "custom", "hash": "fedcba9876543210"},
            "assets: custom (fedcba987654), not known to be LIBERO's own: ",
        ),
        ({"identity": "development"}, "assets: development,"),
        ({}, "assets: unknown,"),
        (None, "assets: unknown,"),
    ],
)
def test_other_models_are_named_everywhere(
    records: list[EpisodeRecord], manifest: dict[str, Any], assets: object, expected: str
) -> None:
    summary = summarise(records, manifest | {"assets": assets})
    assert expected in render_markdown(summary)
    assert expected in " ".join(render_terminal(summary).split())
    assert any(expected in note for note in json.loads(render_json(summary))["notes"])


def test_reasons_of_errors_are_counted(make_record: MakeRecord, manifest: dict[str, Any]) -> None:
    reasons = ["b", "a", "a", None, "two\nlines " + 200 * "x", "c"]
    records = [make_record("error", trial=i, error=reason) for i, reason in enumerate(reasons)]
    notes = summarise(records, manifest).notes
    assert notes == (
        "6 episodes ended in a technical error and enter no rate",
        "2 × a",
        "1 × b",
        "1 × c",
        "2 more reasons in episodes.jsonl",
    )
    assert summarise(records[4:5], manifest).notes == (
        "1 episode ended in a technical error and enters no rate",
        f"1 × two lines {139 * 'x'}…",
    )
    assert "1 of 500 episodes done, 1 error," in render_markdown(summarise(records[:1], manifest))


def test_the_manifests_notes_are_shown(
    records: list[EpisodeRecord], manifest: dict[str, Any]
) -> None:
    summary = summarise(records, manifest | {"notes": ["MuJoCo 3.4 was forced"]})
    for text in (render_markdown(summary), render_terminal(summary)):
        assert "MuJoCo 3.4 was forced" in text


def test_the_mean_over_tasks_is_shown_where_it_differs(
    make_record: MakeRecord, manifest: dict[str, Any]
) -> None:
    records = [make_record("success", task=0)]
    assert "mean over the tasks" not in render_terminal(summarise(records, manifest))
    records += [make_record("failure", task=1, trial=trial) for trial in range(3)]
    assert "mean over the tasks of libero_goal: 50.0 %" in render_terminal(
        summarise(records, manifest)
    )


def test_outputs_do_not_depend_on_the_order_of_records(
    make_record: MakeRecord, manifest: dict[str, Any]
) -> None:
    records = [
        make_record(random.Random(str((task, trial))).choice(["success", "failure"]), **key)
        for task in range(4)
        for trial in range(6)
        for key in [{"task": task, "trial": trial, "wall_s": 0.1 * trial}]
    ]
    shuffled = random.Random(3).sample(records, len(records))
    for render in (render_csv, render_json, render_markdown, render_terminal):
        assert render(summarise(records, manifest)) == render(summarise(shuffled, manifest))


def test_two_suites_have_a_row_each(make_record: MakeRecord, manifest: dict[str, Any]) -> None:
    records = [make_record("success", suite="b"), make_record("failure", suite="a")]
    suites = json.loads(render_json(summarise(records, manifest)))["suites"]
    assert [(row["suite"], row["success_rate"]) for row in suites] == [("a", 0.0), ("b", 1.0)]
    assert [len(row["tasks"]) for row in suites] == [1, 1]


@pytest.mark.parametrize("manifest", [{}, {"policy": {"path": "x"}, "episodes": "many"}])
def test_an_empty_run_with_any_manifest_has_tables(manifest: dict[str, Any]) -> None:
    summary = summarise([], manifest)
    assert summary.expected is None
    assert "0 episodes done" in render_markdown(summary)
    assert "0 episodes done" in render_terminal(summary)
    assert len(render_csv(summary).splitlines()) == 1
    assert json.loads(render_json(summary))["suites"] == []


def test_what_yaml_can_say_and_json_cannot_is_text() -> None:
    policy = {"name": "x", "limit": math.inf, "args": (1, math.nan, True), "day": b"1"}
    data = json.loads(render_json(summarise([], {"policy": policy})), parse_constant=pytest.fail)
    assert data["run"]["policy"] == {
        "name": "x",
        "limit": "inf",
        "args": [1, "nan", True],
        "day": "b'1'",
    }


_words = st.text(alphabet="ab_ |*\n", max_size=120) | st.sampled_from(["ab " * 40, "b" * 200])


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(0, 2400), st.sampled_from(["success", "failure", "error"]), _words),
        max_size=20,
    ),
    _words,
)
def test_the_terminal_table_fits_eighty_columns(
    make_record: MakeRecord, rows: list[tuple[int, str, str]], title: str
) -> None:
    records = [
        make_record(status, task=task, trial=i, instruction=words, suite="libero_plus_spatial")
        for i, (task, status, words) in enumerate(rows)
    ]
    lines = render_terminal(summarise(records, {"suite": title, "assets": {"identity": title}}))
    assert max(map(len, lines.splitlines())) <= 80
