"""What a table of one or several runs says in each of its forms."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_files import MANIFEST

from gridseval.errors import UsageError
from gridseval.results import EpisodeRecord, render_json, summarise
from gridseval.results.run.reading import Run
from gridseval.results.tables.several_runs import (
    RunsTable,
    table_csv,
    table_json,
    table_latex,
    table_markdown,
    table_text,
    tabulate,
)

MakeRecord = Callable[..., EpisodeRecord]


def run_of(label: str, records: list[EpisodeRecord], **changed: Any) -> Run:
    return Run(label, True, (Path(label),), MANIFEST | changed, tuple(records))


@pytest.fixture
def two(make_record: MakeRecord) -> RunsTable:
    """Run a: task 0 3/4, task 1 4/4; run b: task 0 1/4 and no task 1."""
    a = [make_record("failure" if i == 0 else "success", task=0, trial=i) for i in range(4)]
    a += [make_record(task=1, trial=i, instruction="put 5 % of a_b & c") for i in range(4)]
    b = [make_record("success" if i == 0 else "failure", task=0, trial=i) for i in range(4)]
    return tabulate([run_of("a", a), run_of("b_2", b)], [])


def schema(name: str) -> Any:
    text = resources.files("gridseval.results.tables").joinpath(name).read_text(encoding="utf-8")
    checked = json.loads(text)
    jsonschema.Draft202012Validator.check_schema(checked)
    return jsonschema.Draft202012Validator(checked)


def validate(text: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(text, parse_constant=pytest.fail)
    schema("table.schema.json").validate(data)
    for run in data["runs"]:
        schema("summary.schema.json").validate(run["summary"])
    return data


def words(text: str) -> str:
    return " ".join(text.split())


def test_runs_stand_side_by_side(two: RunsTable) -> None:
    text = words(table_text(two))
    assert "0 turn on the stove 75.0 (30.1–95.4) 25.0 (4.6–69.9)" in text
    assert "1 put 5 % of a_b & c 100.0 (51.0–100.0) –" in text
    lines = table_markdown(two).splitlines()
    assert "| # | task | a | b_2 |" in lines
    assert "| 1 | put 5 % of a_b & c | 100.0 (51.0–100.0) | – |" in lines
    assert "|  | **libero_goal** | **87.5 (52.9–97.8)** | **25.0 (4.6–69.9)** |" in lines
    assert "| a | oracle | 11 | 8/10 | 0 | 118 |" in lines


def test_rows_may_be_suites_only(two: RunsTable) -> None:
    assert "turn on the stove" not in table_text(two, "suite")
    assert "libero_goal" in table_text(two, "suite")
    assert "turn on the stove" not in table_text(tabulate(two.runs[:1], []), "suite")


def test_a_table_by_dimension_of_runs_that_have_none_says_so(two: RunsTable) -> None:
    assert "no record has a dimension and a level" in table_text(two, "dimension")


@pytest.mark.parametrize("count", [1, 3])
def test_runs_that_have_just_begun_have_a_table(count: int) -> None:
    table = tabulate([run_of(f"run {i}", []) for i in range(count)])
    for render in (table_text, table_markdown, table_latex):
        assert render(table)
    assert len(table_csv(table).splitlines()) == 1
    assert len(validate(table_json(table))["runs"]) == count


def test_latex_is_escaped_and_ruled(two: RunsTable) -> None:
    text = table_latex(two)
    assert r"1 & put 5 \% of a\_b \& c & 100.0 (51.0--100.0) & -- \\" in text
    assert r"\# & task & a & b\_2 \\" in text
    for rule in (r"\toprule", r"\midrule", r"\bottomrule"):
        assert rule in text
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 2


@given(st.text(max_size=40))
def test_latex_has_no_command_of_the_data(make_record: MakeRecord, said: str) -> None:
    table = tabulate([run_of("a", [make_record(instruction=said or "x")])], [])
    row = next(line for line in table_latex(table).splitlines() if line.startswith("    7 & "))
    cells = row.removesuffix(r" \\")
    for command in ("textbackslash{}", "textasciitilde{}", "textasciicircum{}"):
        cells = cells.replace(f"\\{command}", "")
    for escaped in (r"\&", r"\%", r"\$", r"\#", r"\_", r"\{", r"\}", r"$\pm$", r"$\times$"):
        cells = cells.replace(escaped, "")
    cells = cells.replace("{[}", "").replace(r"$\dagger$", "").replace(r"$\cdot$", "")
    assert not set("\\%$#_{}~^") & set(cells)
    assert cells.count("&") == 6


def test_csv_has_a_row_per_run_and_place(two: RunsTable) -> None:
    rows = list(csv.DictReader(io.StringIO(table_csv(two))))
    assert [(row["run"], row["level"], row["task"], row["counted"]) for row in rows] == [
        ("a", "task", "0", "4"),
        ("a", "task", "1", "4"),
        ("a", "suite", "", "8"),
        ("b_2", "task", "0", "4"),
        ("b_2", "suite", "", "4"),
    ]
    assert [row["success_rate"] for row in rows] == ["0.75", "1.0", "0.875", "0.25", "0.25"]


def test_json_holds_the_summaries(two: RunsTable) -> None:
    data = validate(table_json(two))
    assert [run["label"] for run in data["runs"]] == ["a", "b_2"]
    assert data["runs"][0]["paths"] == ["a"]
    for run, stored in zip(two.runs, data["runs"], strict=True):
        assert stored["summary"] == json.loads(render_json(summarise(run.records, run.manifest)))


@pytest.mark.parametrize("statuses", [[], ["error"], ["success", "failure", "error"]])
def test_summaries_keep_to_their_schema(make_record: MakeRecord, statuses: list[str]) -> None:
    records = [make_record(status, trial=i) for i, status in enumerate(statuses)]
    validate(table_json(tabulate([run_of("a", records)], ["all"])))
    schema("summary.schema.json").validate(json.loads(render_json(summarise(records, {}))))


def test_the_schema_refuses_what_it_should(make_record: MakeRecord) -> None:
    data = json.loads(render_json(summarise([make_record()], MANIFEST)))
    validator = schema("summary.schema.json")
    assert validator.is_valid(data | {"new": 1})
    assert not validator.is_valid(data | {"schema": 2})
    data["suites"][0]["tasks"][0]["success_rate"] = 90.0
    assert not validator.is_valid(data)


TOKENS = {"kept_tokens": [90, 102], "dense_tokens": 512, "latency_ms": 30.5, "kept_wrist": 12}


def test_efficiency_is_shown_where_records_have_it(make_record: MakeRecord) -> None:
    records = [
        make_record(trial=0, extra=TOKENS),
        make_record(trial=1, extra=TOKENS | {"kept_tokens": 104.0}),
        make_record("error", trial=2, extra={"kept_tokens": 9999}),
        make_record(trial=3, extra={"kept_tokens": "many"}),
    ]
    table = tabulate([run_of("a", records)], [])
    data = validate(table_json(table))["runs"][0]["summary"]["suites"][0]
    assert (data["kept_tokens_mean"], data["kept_wrist_mean"]) == (100.0, 12.0)
    assert data["kept_tokens_sd"] == pytest.approx(32**0.5)
    assert data["retention_mean"] == pytest.approx(100 / 512)
    assert (data["latency_ms_mean"], data["latency_ms_sd"]) == (30.5, 0.0)
    row = next(csv.DictReader(io.StringIO(table_csv(table))))
    assert float(row["dense_tokens_mean"]) == 512
    assert "| 100.0 ± 5.7 | 19.5 ± 1.1 % | 30.5 ± 0.0 |" in table_markdown(table)
    assert "| kept wrist |" in table_markdown(table)
    assert "| 12.0 ± 0.0 |" in table_markdown(table)
    assert r"100.0 $\pm$ 5.7 & 19.5 $\pm$ 1.1 \%" in table_latex(table)
    assert max(map(len, table_text(table).splitlines())) <= 80


def test_without_tokens_there_are_no_such_columns(two: RunsTable) -> None:
    assert "efficiency" not in table_text(two)
    assert "kept" not in table_csv(two)


def test_dimensions_and_levels_are_a_table_of_their_own(make_record: MakeRecord) -> None:
    records = [
        make_record(
            "success" if level < 2 else "failure",
            trial=5 * d + level,
            extra={"dimension": name, "level": level},
        )
        for d, name in enumerate(["camera viewpoints", "light conditions"])
        for level in range(5)
        if (name, level) != ("light conditions", 0)
    ]
    table = tabulate([run_of("a", [*records, make_record(task=9)])], [])
    lines = table_markdown(table, "dimension").splitlines()
    assert "| dimension | level 0 | level 1 | level 2 | level 3 | level 4 | all |" in lines
    assert lines[6].startswith("| camera viewpoints | 100.0 (20–100) 1/1 | 100.0 (20–100) 1/1 |")
    assert lines[7].startswith("| light conditions | – | 100.0")
    assert lines[8].endswith("| **33.3 (12–65) 3/9** |")
    assert "turn on the stove" not in table_text(table, "dimension")
    assert max(map(len, table_text(table).splitlines())) <= 80
    cells = validate(table_json(table))["runs"][0]["summary"]["suites"][0]["dimensions"]
    by_place = {(cell["dimension"], cell["level"]): cell["counted"] for cell in cells}
    assert by_place[("camera viewpoints", None)] == 5
    assert by_place[(None, 4)] == 2
    assert by_place[(None, None)] == 9
    rows = csv.DictReader(io.StringIO(table_csv(table)))
    assert sum(row["level"] == "dimension" for row in rows) == len(by_place)


def test_published_rates_stand_beside_and_are_marked(make_record: MakeRecord) -> None:
    records = [
        make_record("failure" if trial < 30 else "success", trial=trial) for trial in range(100)
    ]
    runs = [run_of("a", records), run_of("b", records[30:])]
    table = tabulate(runs, ["openvla", "pi0"])
    text = words(table_text(table))
    assert "OpenVLA [1] libero_goal 78.6 70.0 (60.4–78.1) † 100.0 (94.8–100.0) †" in text
    assert "OpenVLA [2] libero_goal 79.2 70.0 (60.4–78.1) †" in text
    assert "[1] VLA-Pruner, table of OpenVLA" in text
    assert "π0 [2] libero_goal 96.0 70.0 (60.4–78.1) † ≠ 100.0 (94.8–100.0) ≠" in text
    assert "a: published rates of π0 were measured otherwise: env_seed: 7, here 0" in text
    assert "OpenVLA were measured otherwise" not in text
    data = validate(table_json(table))["published"]
    assert {row["label"] for row in data} == {"OpenVLA", "π0"}
    pi = next(row for row in data if row["label"] == "π0")
    assert (pi["suite"], pi["rate"], pi["excluded_by"]) == ("libero_goal", 0.96, ["a"])
    assert pi["differs"] == {key: ["env_seed: 7 -> 0"] for key in "ab"}
    (row,) = [row for row in csv.DictReader(io.StringIO(table_csv(table))) if row["run"] == "π0"]
    assert (row["level"], row["success_rate"], row["counted"]) == ("published", "0.96", "")


def test_runs_of_other_protocols_are_told_apart(make_record: MakeRecord) -> None:
    other = {"env_seed": 1000, "seeding": "trial", "image_px": 360}
    runs = [run_of("a", [make_record()]), run_of("b", [make_record()], **other)]
    text = words(table_text(tabulate(runs, [])))
    assert "protocols differ: env_seed 0 / 1000; seeding task / trial; image_px 256 / 360" in text
    assert "protocols differ" not in table_text(tabulate([runs[0], run_of("c", [make_record()])]))


def test_published_rates_of_a_runs_own_policy_are_found(make_record: MakeRecord) -> None:
    run = run_of("a", [make_record()], policy={"name": "OpenVLA-OFT"})
    assert {row.family for row in tabulate([run]).published} == {"OpenVLA-OFT"}
    assert {row.suite for row in tabulate([run]).published} == {"libero_goal"}
    assert tabulate([run], []).published == ()
    assert len(tabulate([run], ["all"]).published) > 10
    with pytest.raises(UsageError, match="did you mean 'OpenVLA'"):
        tabulate([run], ["OpenVAL"])


_labels = st.text(alphabet="ab_-/. ", min_size=1, max_size=60)


@settings(max_examples=60, deadline=None)
@given(st.lists(_labels, min_size=1, max_size=7, unique=True), st.integers(1, 9), st.booleans())
def test_any_number_of_runs_fits_eighty_columns(
    make_record: MakeRecord, labels: list[str], levels: int, tokens: bool
) -> None:
    extra = TOKENS if tokens else {}
    runs = [
        run_of(
            label,
            [
                make_record(
                    task=2000,
                    trial=level,
                    instruction="put the black bowl " * 3,
                    extra=extra | {"dimension": "language instructions", "level": level},
                )
                for level in range(levels)
            ],
            policy={"name": label * 2},
        )
        for label in labels
    ]
    lines = table_text(tabulate(runs, ["all"])).splitlines()
    assert max(map(len, lines)) <= 80
