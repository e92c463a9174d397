"""``gridseval gate`` on synthetic runs and on two real ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import numpy as np
import pytest
from gate_runs import make_run, write_run

from gridseval.results import read_records


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return write_run(make_run(np.ones((10, 50), int)), tmp_path / "old")


@pytest.fixture
def worse(tmp_path: Path) -> Path:
    outcomes = np.ones((10, 50), int)
    outcomes[3] = 0
    return write_run(make_run(outcomes), tmp_path / "worse")


def test_a_pass_and_a_regression(cli: Any, old: Path, worse: Path) -> None:
    said = cli("gate", old, "--baseline", old)
    assert (said.status, said.err) == (0, "  500 of 500 and 500 episodes are in both runs\n")
    assert said.out.startswith("Pass: no drop beyond 2 points is shown: libero_goal 100.0 %")
    assert len(said.out.splitlines()) == 1
    said = cli("gate", worse, "--baseline", old)
    assert said.status == 1
    assert "task 3 (task_3) of libero_goal (100.0 % → 0.0 %)" in said.out
    assert len(said.out.splitlines()) == 1


def test_every_episode_must_be_the_same(cli: Any, old: Path, worse: Path) -> None:
    said = cli("gate", old, "--baseline", old, "--same-steps")
    assert said.status == 0
    assert said.out.startswith("Pass: outcome and steps are the same in all 500 episodes")
    said = cli("gate", worse, "--baseline", old, "--same-steps")
    assert (said.status, "50 of 500 episodes" in said.out) == (1, True)
    said = cli("gate", old, "--min-success", "0.95", "--same-steps")
    assert (said.status, "--same-steps needs a --baseline" in said.err) == (2, True)


def test_a_threshold(cli: Any, old: Path, worse: Path) -> None:
    assert cli("gate", old, "--min-success", "0.95").status == 0
    said = cli("gate", worse, "--min-success", 0.95)
    assert said.status == 1
    assert "against 95.0 % of the required 95 %" in said.out
    assert cli("gate", worse, "--min-success", 0.95, "--max-drop", 0.06).status == 1
    assert cli("gate", worse, "--min-success", 0.91, "--max-drop", 0.02).status == 0


def test_published_rates(cli: Any, old: Path, worse: Path) -> None:
    said = cli("gate", old, "--published", "--family", "LightVLA")
    assert (said.status, "98.2 % of the published LightVLA" in said.out) == (0, True)
    assert cli("gate", worse, "--published", "--family", "LightVLA").status == 1
    said = cli("gate", old, "--published")
    assert said.status == 2
    assert "no published rates of 'oracle'" in said.err


def test_the_card_says_whose_published_rates(cli: Any, tmp_path: Path) -> None:
    policy = {"name": "openpi", "family": "π0.5 + GridS 4"}
    run = write_run(
        make_run(np.ones((10, 50), int), policy=policy, protocol="openpi", env_seed=7),
        tmp_path / "run",
    )
    said = cli("gate", run, "--published")
    assert (said.status, "of the published π0.5 + GridS 4" in said.out) == (0, True)


def test_outputs(cli: Any, old: Path, worse: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    junit, summary, job = (old.parent / name for name in ("j.xml", "s.md", "job.md"))
    job.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(job))
    said = cli("gate", worse, "--baseline", old, "--junit", junit, "--summary", summary)
    assert said.status == 1
    assert Xml.parse(junit).getroot().get("failures") == "2"
    assert said.out.strip() in summary.read_text()
    assert job.read_text() == "before\n" + summary.read_text()


def test_outputs_that_cannot_be_written(
    cli: Any, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = cli("gate", old, "--baseline", old, "--junit", old / "no" / "j.xml")
    assert (said.status, "cannot write" in said.err) == (5, True)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(old))
    said = cli("gate", old, "--baseline", old)
    assert (said.status, "cannot write" in said.err) == (5, True)


def test_a_difference_is_named_and_can_be_forced(cli: Any, old: Path, tmp_path: Path) -> None:
    other = write_run(make_run(np.ones((10, 50), int), seed=8), tmp_path / "other")
    said = cli("gate", other, "--baseline", old)
    assert (said.status, "not comparable: seed: 7 -> 8" in said.out) == (2, True)
    assert cli("gate", other, "--baseline", old, "--force").status == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "give exactly one of --baseline, --min-success and --published"),
        (("--published", "--min-success", 0.9), "give exactly one of"),
        (("--min-success", 0), "--min-success must be above 0 and at most 1, not 0"),
        (("--min-success", 0.9, "--alpha", 0.7), "--alpha must be above 0 and below 0.5"),
        (("--min-success", 0.9, "--max-errors", "many"), "--max-errors 'many' is neither"),
        (("--min-success", 0.9, "--max-errors", "1.5"), "--max-errors '1.5' is neither"),
        (("--min-success", 0.9, "--max-errors", "200%"), "--max-errors '200%' is neither"),
        (("--baseline", "no/such"), "there is no run no/such"),
    ],
)
def test_wrong_arguments(cli: Any, old: Path, words: tuple[object, ...], message: str) -> None:
    said = cli("gate", old, *words)
    assert (said.status, said.out) == (2, "")
    assert message in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("rule", [{"p_good": "high"}, {"p_good": 0.9, "p_bad": 0.95}])
def test_a_spoilt_rule_is_named(cli: Any, tmp_path: Path, rule: dict[str, Any]) -> None:
    run = write_run(make_run(np.ones((10, 50), int), sequential=rule), tmp_path / "run")
    said = cli("gate", run, "--min-success", 0.9)
    assert (said.status, said.out) == (5, "")
    assert "run.yaml of run: sequential" in said.err


@pytest.mark.parametrize("limit", ["5", "1%", "0.01", "0"])
def test_error_limits(cli: Any, tmp_path: Path, limit: str) -> None:
    outcomes = np.ones((10, 50), int)
    outcomes[0, :5] = -1
    run = write_run(make_run(outcomes), tmp_path / "run")
    said = cli("gate", run, "--min-success", 0.9, "--max-errors", limit)
    assert said.status == (2 if limit == "0" else 0)


def test_only_the_lines_of_episodes_jsonl_count(cli: Any, old: Path, worse: Path) -> None:
    """A torn last line, duplicates, another order, unknown fields, and no derived files."""
    path = worse / "episodes.jsonl"
    lines = path.read_text().splitlines()
    lines = [line.replace('"schema": 1', '"schema": 1, "later": [1]') for line in lines[::-1]]
    path.write_text("\n".join([*lines, *lines[:30], lines[0][:40]]))
    said = cli("gate", worse, "--baseline", old)
    assert said.status == 1
    assert "task 3 (task_3)" in said.out


def test_a_real_run_ends_when_it_is_decided(command: Any, run_words: Any, tmp_path: Path) -> None:
    """Nothing is solved in eight steps; of 40 episodes the first rounds are enough."""
    words = run_words("zero", "--tasks", "0,1", "--trials", 20, "--workers", 2, "--video", "none")
    said = command(*words, "--stop-when-decided", "--min-success", 0.9, "--max-drop", 0.2)
    assert said.status == 0, said.err
    assert "stopped early: 4 of 40 episodes decided that the success rate is" in said.out
    records = read_records(tmp_path / "run" / "episodes.jsonl")
    assert 4 <= len(records) <= 6
    said = command("gate", tmp_path / "run", "--min-success", 0.9)
    assert (said.status, "its sequential test decided after 4 of 40" in said.out) == (1, True)


@pytest.mark.slow
def test_two_real_runs_of_which_one_is_impossible(
    command: Any, run_words: Any, tmp_path: Path
) -> None:
    """The oracle on six initial states; with five policy steps it cannot solve any."""
    for name, steps in (("old", 280), ("again", 280), ("broken", 5)):
        words = run_words("oracle", "--trials", 6, "--max-steps", steps, "--workers", 2)
        words[words.index("--out") + 1] = tmp_path / name
        said = command(*words, "--video", "none")
        assert said.status == 0, said.err
    old, again, broken = (tmp_path / name for name in ("old", "again", "broken"))
    assert [r.success for r in read_records(old / "episodes.jsonl")] == [True] * 6
    # Six episodes can show no drop of ten points, but one of ninety.
    assert command("gate", again, "--baseline", old).status == 2
    said = command("gate", again, "--baseline", old, "--detect", 0.9)
    assert (said.status, "100.0 % against 100.0 %" in said.out) == (0, True)
    said = command("gate", broken, "--baseline", old)
    assert (said.status, "max_steps: 280 -> 5" in said.err) == (1, True)
    assert "task 0 (pick_up_the_alphabet_soup_and_place_it_in_the_basket)" in said.out
