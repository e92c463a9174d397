"""Tokens, operations, latency and what was kept, beside success and per task."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from run_files import MANIFEST

from gridseval.errors import UsageError
from gridseval.results import EpisodeRecord, render_json, summarise
from gridseval.results.run.reading import Run
from gridseval.results.tables.efficiency import Spread, efficiency_keys, text_of
from gridseval.results.tables.several_runs import table_markdown, table_text, tabulate

MakeRecord = Callable[..., EpisodeRecord]


@pytest.fixture
def records(make_record: MakeRecord) -> list[EpisodeRecord]:
    """Two tasks, two episodes each; every figure has another value in every episode."""

    def extra(n: int) -> dict[str, Any]:
        return {
            "kept_tokens": [10 + n, 30 + n],
            "dense_tokens": 200,
            "tflops": 1.25 + n,
            "latency_ms": 20 + n,
            "latency_p95_ms": 40 + n,
            "latency_batch": 1 + n,
            "peak_memory_mb": 300 + n,
            "kept_sd": 10.0,
            "kept_border": 0.25 + n / 100,
            "kept_duplicates": 0.5,
            "kept_movement": 1.5 + n,
            "kept_turnover": 0.75,
            "kept_wrist": 7 + n,
            "seconds": {"policy": 1.0},
        }

    return [make_record(task=n // 2, trial=n % 2, extra=extra(n)) for n in range(4)]


def rows(markdown: str, heading: str) -> dict[str, dict[str, str]]:
    """Return a section's rows by their first cell: cells by their column."""
    part = markdown[markdown.index(f"## {heading}") :].split("\n\n")[1]
    lines = [[cell.strip(" *") for cell in line.split("|")[1:-1]] for line in part.splitlines()]
    return {cells[0]: dict(zip(lines[0], cells, strict=True)) for cells in lines[2:]}


def test_a_row_per_task_and_suite(records: list[EpisodeRecord]) -> None:
    table = tabulate([Run("a", True, (Path("a"),), MANIFEST, tuple(records))], [])
    costs = rows(table_markdown(table), "efficiency")
    assert list(costs) == ["libero_goal 0", "libero_goal 1", "libero_goal"]
    assert costs["libero_goal 1"] == {
        "suite": "libero_goal 1",
        "success": "100.0 (34.2–100.0)",
        "visual tokens": "22.5 ± 0.7",
        "retention": "11.2 ± 0.4 %",
        "TFLOPs/query": "3.75 ± 0.71",
        "ms/query": "22.5 ± 0.7",
        "ms/query, p95": "42.5 ± 0.7",
        "slots/query": "3.5 ± 0.7",
        "peak MB": "302.5 ± 0.7",
    }
    assert costs["libero_goal"]["TFLOPs/query"] == "2.75 ± 1.29"
    kept = rows(table_markdown(table), "what was kept")
    assert kept["libero_goal 0"] == {
        "suite": "libero_goal 0",
        "sd over queries": "10.0 ± 0.0",
        "at border": "25.5 ± 0.7 %",
        "duplicates": "50.0 ± 0.0 %",
        "cells moved": "2.0 ± 0.7",
        "new cells": "75.0 ± 0.0 %",
        "kept wrist": "7.5 ± 0.7",
    }
    assert max(map(len, table_text(table).splitlines())) <= 80


def test_several_runs_have_a_row_each(records: list[EpisodeRecord]) -> None:
    runs = [Run(name, True, (Path(name),), MANIFEST, tuple(records)) for name in ("a", "b")]
    costs = rows(table_markdown(tabulate(runs, [])), "efficiency")
    assert list(costs) == ["a: libero_goal", "b: libero_goal"]


def test_latency_alone_has_one_row(make_record: MakeRecord) -> None:
    records = [make_record(task=n, extra={"latency_ms": 3.0}) for n in range(2)]
    table = tabulate([Run("a", True, (Path("a"),), MANIFEST, tuple(records))], [])
    assert list(rows(table_markdown(table), "efficiency")) == ["libero_goal"]
    assert "what was kept" not in table_markdown(table)


def test_the_summary_is_what_its_schema_says(records: list[EpisodeRecord]) -> None:
    data = json.loads(render_json(summarise(records, MANIFEST)))
    text = (
        resources.files("gridseval.results.tables")
        .joinpath("summary.schema.json")
        .read_text("utf-8")
    )
    jsonschema.Draft202012Validator(json.loads(text)).validate(data)
    task = data["suites"][0]["tasks"][1]
    assert task["tflops_mean"] == 3.75
    assert task["peak_memory_mb_mean"] == 302.5
    assert task["kept_movement_mean"] == 4.0


def test_columns_stand_in_one_order(records: list[EpisodeRecord]) -> None:
    keys = efficiency_keys(records)
    assert keys[:4] == ("kept_tokens", "dense_tokens", "retention", "tflops")
    assert "seconds" not in keys
    assert len(set(keys)) == len(keys) == 14


@pytest.mark.parametrize(
    ("mean", "said"), [(0.00296, "0.0030"), (0.217, "0.22"), (4.379, "4.38"), (43.7, "43.7")]
)
def test_operations_keep_digits_that_matter(mean: float, said: str) -> None:
    assert text_of(Spread(mean, None), "tflops") == said


def test_several_runs_are_seen_beside_the_first(make_record: MakeRecord) -> None:
    def run(label: str, solved: int, ms: float, completion_s: float) -> Run:
        records = tuple(
            make_record(
                "success" if trial < solved else "failure",
                task=0,
                trial=trial,
                steps=80 if label == "dense" else 60,
                extra={"latency_ms": ms, "completion_s": completion_s, "motion": {"ldlj": -9.0}},
            )
            for trial in range(5)
        )
        return Run(label, True, (Path(label),), MANIFEST, records)

    runs = [run("dense", 4, 40.0, 6.0), run("fastv", 3, 16.0, 4.0), run("none", 0, 0.0, 4.0)]
    table = tabulate(runs, [])
    costs = rows(table_markdown(table), "efficiency")
    assert [costs[f"{name}: libero_goal"]["of first"] for name in ("dense", "fastv", "none")] == [
        "100.0 %",
        "75.0 %",
        "0.0 %",
    ]
    assert costs["fastv: libero_goal"]["speed-up"] == "2.50×"
    assert costs["none: libero_goal"]["speed-up"] == "–"
    solved = rows(table_markdown(table), "solved episodes")
    assert solved["fastv: libero_goal"] == {
        "suite": "fastv: libero_goal",
        "completion s": "4.0 (4.0–4.0)",
        "speed-up": "1.50×",
        "steps": "60",
        "LDLJ": "-9.00 (-9.00–-9.00)",
    }
    assert solved["none: libero_goal"]["completion s"] == "–"
    only = rows(table_markdown(table, motion=[]), "solved episodes")
    assert "LDLJ" not in only["dense: libero_goal"]
    with pytest.raises(UsageError, match="no figure of motion 'ldjl'"):
        table_text(table, motion=["ldjl"])
