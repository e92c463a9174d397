"""The gate of a deterministic policy: one episode that differs is enough."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as Xml

import numpy as np
from gate_runs import MANIFEST, make_run

from gridseval.results.gate.junit import render_junit
from gridseval.results.gate.markdown import render_gate_markdown
from gridseval.results.gate.rules import GateRules
from gridseval.results.gate.same_steps import gate_on_steps
from gridseval.results.run.reading import Run

RULES = GateRules()
OUTCOMES = np.ones((10, 2), int)


def with_steps(run: Run, place: int, steps: int) -> Run:
    records = list(run.records)
    records[place] = replace(records[place], steps=steps)
    return replace(run, records=tuple(records))


def other(key: str, **changed: Any) -> dict[str, Any]:
    return {key: {**MANIFEST[key], **changed}}


def test_equal_episodes_pass() -> None:
    verdict = gate_on_steps(make_run(OUTCOMES), make_run(OUTCOMES, "old"), RULES)
    assert (verdict.conclusion, verdict.exit_code) == ("pass", 0)
    assert "all 20 episodes" in verdict.sentence


def test_one_other_number_of_steps_is_a_regression() -> None:
    run = with_steps(make_run(OUTCOMES), 5, 101)
    verdict = gate_on_steps(run, make_run(OUTCOMES, "old"), RULES)
    assert verdict.exit_code == 1
    assert "1 of 20 episodes of new and old differ in outcome or steps, 0" in verdict.sentence
    assert "task 2 trial 1 of libero_goal success 100 → success 101" in verdict.sentence


def test_so_is_another_outcome_and_a_better_one_too() -> None:
    worse = OUTCOMES.copy()
    worse[4, 0] = 0
    for run, baseline in ((worse, OUTCOMES), (OUTCOMES, worse)):
        verdict = gate_on_steps(make_run(run), make_run(baseline, "old"), RULES)
        assert verdict.exit_code == 1
        assert "1 of them in outcome" in verdict.sentence


def test_many_are_not_all_named() -> None:
    verdict = gate_on_steps(make_run(0 * OUTCOMES), make_run(OUTCOMES, "old"), RULES)
    assert verdict.sentence.count("task ") == 5
    assert verdict.sentence.endswith(", ….")


def test_another_expert_or_mujoco_cannot_tell_unless_forced() -> None:
    for key, changed in (("policy", {"expert": "1"}), ("versions", {"mujoco": "3.4.0"})):
        run = make_run(OUTCOMES, **other(key, **changed))
        moved = with_steps(run, 0, 7)
        baseline = make_run(OUTCOMES, "old")
        assert gate_on_steps(run, baseline, RULES).exit_code == 2
        forced = gate_on_steps(run, baseline, GateRules(force=True))
        assert forced.exit_code == 0
        assert any("forced although" in note for note in forced.notes)
        assert gate_on_steps(moved, baseline, GateRules(force=True)).exit_code == 1


def test_an_incomplete_run_or_errors_cannot_tell() -> None:
    run = make_run(OUTCOMES)
    some = replace(run, records=run.records[:9])
    assert gate_on_steps(some, make_run(OUTCOMES, "old"), RULES).exit_code == 2
    none = make_run(-1 * OUTCOMES)
    verdict = gate_on_steps(none, make_run(OUTCOMES, "old"), GateRules(force=True))
    assert verdict.exit_code == 2


def test_what_differs_fails_in_the_junit_file_and_nothing_else() -> None:
    old = make_run(OUTCOMES, "old")
    passed = Xml.fromstring(render_junit(gate_on_steps(make_run(OUTCOMES), old, RULES)))
    assert [passed.get(key) for key in ("tests", "failures", "errors")] == ["11", "0", "0"]
    verdict = gate_on_steps(with_steps(make_run(OUTCOMES), 5, 101), old, RULES)
    failed = Xml.fromstring(render_junit(verdict))
    names = [
        case.get("name") for case in failed.iter("testcase") if case.find("failure") is not None
    ]
    assert names == ["suite average", "task 2: task_2"]
    assert "| regression |" in render_gate_markdown(verdict)


def test_an_episode_that_became_an_error_is_a_regression_and_none_is_left_out() -> None:
    worse = np.tile(OUTCOMES, (1, 50))
    before = make_run(worse, "old")
    worse = worse.copy()
    worse[3, 7] = -1
    verdict = gate_on_steps(make_run(worse), before, RULES)
    assert verdict.exit_code == 1
    assert "1 of 1000 episodes" in verdict.sentence


def test_force_accepts_another_environment_and_never_that_episodes_are_missing() -> None:
    force = GateRules(force=True)
    few, many = make_run(OUTCOMES[:1, :1]), make_run(OUTCOMES, "old")
    for run, baseline in ((few, many), (many, few)):
        verdict = gate_on_steps(run, baseline, force)
        assert verdict.exit_code == 2
        assert "only 1 episodes are in both runs" in verdict.sentence
    crashed = OUTCOMES.copy()
    crashed[1:] = -1
    assert gate_on_steps(make_run(crashed), many, force).exit_code == 2
