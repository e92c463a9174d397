"""JUnit XML, the job summary, and the published rates that ship."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np
import pytest
from gate_runs import make_run

from gridseval.errors import UsageError
from gridseval.results.gate.junit import render_junit
from gridseval.results.gate.markdown import render_gate_markdown
from gridseval.results.gate.rules import GateRules
from gridseval.results.gate.verdict import Verdict, gate_on_baseline
from gridseval.results.run.published import PublishedRow, load_published, published_rows
from gridseval.suites import list_suites


def _verdict(lost_task: int | None = None, tasks: int = 10, trials: int = 50) -> Verdict:
    before = np.ones((tasks, trials), int)
    after = before.copy()
    if lost_task is not None:
        after[lost_task] = 0
    return gate_on_baseline(make_run(after), make_run(before, "old"), GateRules())


def _cases(verdict: Verdict) -> tuple[Xml.Element, list[Xml.Element]]:
    root = Xml.fromstring(render_junit(verdict))
    return root, list(root.iter("testcase"))


def test_a_pass_has_a_case_per_task_and_one_for_the_suite() -> None:
    root, cases = _cases(_verdict())
    assert [case.get("name") for case in cases][:2] == ["suite average", "task 0: task_0"]
    assert {key: root.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "11",
        "failures": "0",
        "errors": "0",
        "skipped": "0",
    }
    assert "100.0 % against 100.0 % of old" in (cases[1].findtext("system-out") or "")


def test_a_regression_fails_the_suite_and_the_task() -> None:
    root, cases = _cases(_verdict(lost_task=3))
    failed = [case.get("name") for case in cases if case.find("failure") is not None]
    assert failed == ["suite average", "task 3: task_3"]
    (suite,) = root
    assert (suite.get("name"), suite.get("failures"), suite.get("tests")) == (
        "libero_goal",
        "2",
        "11",
    )


def test_what_one_cannot_tell_has_not_passed() -> None:
    root, cases = _cases(_verdict(trials=2))
    assert cases[0].find("error") is not None
    assert all(case.find("skipped") is not None for case in cases[1:])
    assert (root.get("errors"), root.get("skipped")) == ("1", "10")
    root, cases = _cases(Verdict("cannot tell", "Cannot tell: nothing is there.", "new", "old"))
    assert [case.find("error").get("message") for case in cases] == [  # type: ignore[union-attr]
        "Cannot tell: nothing is there."
    ]


def test_a_verdict_without_a_single_culprit_still_fails() -> None:
    checks = tuple(replace(check, regressed=False) for check in _verdict().checks)
    _, cases = _cases(Verdict("regression", "Regression: early.", "new", "old", checks))
    assert [case.find("failure") is not None for case in cases] == [True] + [False] * 10


def test_names_that_xml_cannot_hold_are_replaced() -> None:
    verdict = replace(_verdict(), run='a\x00<"&\ud800ü')
    root, _ = _cases(verdict)
    assert root.get("name") == 'gridseval gate: a\ufffd<"&\ufffdü'


def test_the_job_summary() -> None:
    lines = render_gate_markdown(_verdict(lost_task=3)).splitlines()
    assert lines[0] == "## ❌ gridseval gate: regression"
    assert lines[2].startswith("Regression: libero_goal is at 90.0 %")
    (row,) = [line for line in lines if line.startswith("| 3 task\\_3") or "| 3 task_3" in line]
    assert "| 100.0 % | 0.0 % | −100.0 points, 95 % interval −100.0 to" in row
    assert row.endswith("| 50 | < 0.0001 | regression |")
    assert "- 500 of 500 and 500 episodes are in both runs" in lines
    widths = {line.replace("\\|", "").count("|") for line in lines if line.startswith("|")}
    assert len(widths) == 1
    assert render_gate_markdown(_verdict()).startswith("## ✅")
    assert render_gate_markdown(_verdict(trials=2)).startswith("## ❓")


def test_published_rates_that_ship() -> None:
    rows = load_published()
    assert {row.suite for row in rows} <= set(list_suites())
    assert all(row.source for row in rows)
    assert len({(row.family, row.suite, row.source) for row in rows}) == len(rows)
    ours = published_rows("π0.5 + GridS 16")
    assert {suite: row.rate for suite, row in ours.items()} == {
        "libero_spatial": 98.6,
        "libero_object": 98.8,
        "libero_goal": 98.4,
        "libero_10": 95.2,
    }
    assert ours["libero_10"].counts == (476, 500)
    assert published_rows("OpenVLA")["libero_10"].rate == 52.2
    assert published_rows("OpenVLA")["libero_10"].counts is None


def test_an_unknown_family_is_refused() -> None:
    with pytest.raises(UsageError, match=r"no published rates of 'LightVLa'.*'LightVLA'"):
        published_rows("LightVLa")


@pytest.mark.parametrize(
    ("rates", "message"),
    [("[98.0]", "expected 2 rates, got 1"), ("[98.0, 101.0]", "rate must be within 0 and 100")],
)
def test_broken_published_rates_are_refused(tmp_path: Path, rates: str, message: str) -> None:
    path = tmp_path / "published.yaml"
    rows = f"rows: [{{family: X, rates: {rates}}}]"
    path.write_text(f"suites: [a, b]\nsources:\n  - source: s\n    {rows}\n")
    with pytest.raises((UsageError, ValueError), match=message):
        load_published(path)
    with pytest.raises(ValueError, match="trials"):
        PublishedRow("X", "a", 50.0, 0, "s")
