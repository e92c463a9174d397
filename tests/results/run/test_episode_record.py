"""EpisodeRecord and its line of JSON."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from gridseval.results import EpisodeRecord
from gridseval.results.run.record import record_from_json

MakeRecord = Callable[..., EpisodeRecord]


def test_the_line_is_what_the_contract_says(make_record: MakeRecord) -> None:
    line = make_record().to_json()
    assert line.isascii()
    assert "\n" not in line
    assert json.loads(line) == {
        "schema": 1,
        "suite": "libero_goal",
        "task": 7,
        "task_name": "turn_on_the_stove",
        "trial": 3,
        "instruction": "turn on the stove",
        "status": "success",
        "success": True,
        "steps": 118,
        "error": None,
        "seed": 11,
        "queries": 15,
        "retries": 2,
        "wall_s": 4.25,
        "video": "videos/7-3.mp4",
        "extra": {"points": [0.5, None], "place": "Zürich"},
    }


@pytest.mark.parametrize("status", ["success", "failure", "error"])
def test_a_record_survives_its_line(make_record: MakeRecord, status: str) -> None:
    record = make_record(status, instruction="line\nfeed \u2028 \ud800 é")
    again = record_from_json(json.loads(record.to_json()))
    assert again == record
    assert hash(again) == hash(record)
    assert again.key == ("libero_goal", 7, 3)


def test_unknown_keys_are_kept(make_record: MakeRecord) -> None:
    data = json.loads(make_record().to_json()) | {"tokens": 96, "place": "outer"}
    record = record_from_json(data)
    assert record.extra == {"points": [0.5, None], "place": "Zürich", "tokens": 96}


@pytest.mark.parametrize(
    "changed",
    [
        {"success": False},
        {"success": None},
        {"success": 1},
        {"status": "done"},
        {"steps": -1},
        {"task": -1},
        {"trial": -1},
        {"retries": 10**400},
        {"wall_s": float("nan")},
        {"wall_s": float("inf")},
        {"schema": 2},
    ],
)
def test_impossible_records_are_refused(make_record: MakeRecord, changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(changed))):
        dataclasses.replace(make_record(), **changed)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"schema": 2, "suite": 3}, "schema 2 is newer than 1; update gridseval"),
        ({"task": "7"}, "task: expected a whole number, got the text '7'"),
        ({"steps": 1.5}, "steps: expected a whole number"),
        ({"success": "yes"}, "success: expected true or false"),
        ({"status": "sucess"}, "did you mean 'success'"),
        ({"extra": []}, "extra: expected a mapping"),
        ({"status": "error"}, "success True does not agree with status 'error'"),
    ],
)
def test_lines_that_are_no_record_are_refused(
    make_record: MakeRecord, changed: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(expected)):
        record_from_json(json.loads(make_record().to_json()) | changed)


def test_what_json_cannot_say_is_never_written(make_record: MakeRecord) -> None:
    with pytest.raises(ValueError, match="JSON"):
        make_record(extra={"loss": float("nan")}).to_json()
    with pytest.raises(TypeError):
        make_record(extra={"path": object()}).to_json()
