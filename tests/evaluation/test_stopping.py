"""Runs that end when it is decided whether the checkpoint is good, without a simulator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

import gridseval.evaluation.run as run_module
from gridseval.errors import UsageError
from gridseval.evaluation import RunConfig, evaluate, sharing
from gridseval.evaluation.stopping import stopping_rule
from gridseval.results import EpisodeRecord, read_records
from gridseval.results.stats.sequential import SequentialRule
from gridseval.rollout import Outcome, RolloutPlan
from gridseval.suites import Episode


class Silent:
    """Shows nothing."""

    def on_begin(self, prepared: Any, done: Sequence[EpisodeRecord]) -> None:
        """Nothing is shown."""

    def on_record(self, record: EpisodeRecord) -> None:
        """Nothing is shown."""


class NoPool:
    """No environments."""

    def close(self) -> None:
        """Nothing is open."""


class Fake:
    """Stands in for the rollout: outcomes by a rule, in the order in which two slots end.

    Attributes:
        started: Episodes that were handed out.
    """

    def __init__(self, succeeds: Any) -> None:
        self.succeeds = succeeds
        self.started: list[Episode] = []
        self.plans: list[RolloutPlan] = []

    def __call__(
        self, episodes: Sequence[Episode], pool: Any, policy: Any, plan: RolloutPlan, _: Any
    ) -> Iterator[Outcome]:
        self.plans.append(plan)
        for first in range(0, len(episodes), 2):
            pair = episodes[first : first + 2]
            self.started += pair
            # Successes end first, as they do.
            for episode in sorted(pair, key=lambda e: not self.succeeds(e)):
                status = "success" if self.succeeds(episode) else "failure"
                yield Outcome(episode, status, 100, 10, 0, 1.0)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    def install(succeeds: Any) -> Fake:
        made = Fake(succeeds)
        monkeypatch.setattr(run_module, "run_episodes", made)
        monkeypatch.setattr(sharing, "make_pool", lambda *_: NoPool())
        return made

    yield install


def _config(out: Path, assets: Path, **changed: Any) -> RunConfig:
    values: dict[str, Any] = {
        "suite": "libero_goal",
        "out": out,
        "policy": "zero",
        "workers": 0,
        "video": "none",
        "assets": str(assets),
        "stop_when_decided": True,
        "min_success": 0.9,
    }
    return RunConfig(**(values | changed))


@pytest.mark.parametrize(
    ("decision", "at_most", "found"),
    [("bad", 20, "below 90 %"), ("good", 60, "above 85 %")],
)
def test_a_clear_case_ends_early_and_is_noted(
    tmp_path: Path, assets: Path, fake: Any, decision: str, at_most: int, found: str
) -> None:
    rollout = fake(lambda episode: decision == "good")
    summary = evaluate(_config(tmp_path, assets), Silent())
    records = read_records(tmp_path / "episodes.jsonl")
    assert len(records) <= at_most + 1
    assert rollout.plans[0].spread
    assert [e.task for e in rollout.started[:10]] == [*range(10)]
    manifest = yaml.safe_load((tmp_path / "run.yaml").read_text())
    assert manifest["sequential"] == {"p_good": 0.9, "p_bad": 0.85, "alpha": 0.05, "beta": 0.05}
    stopped = manifest["stopped"]
    assert (stopped["decision"], stopped["planned"], stopped["early"]) == (decision, 500, True)
    note = f"stopped early: {stopped['episodes']} of 500 episodes decided that the success rate"
    assert any(note in line and found in line for line in summary.notes)
    assert note in (tmp_path / "table.md").read_text()


def test_the_same_command_runs_nothing_more(tmp_path: Path, assets: Path, fake: Any) -> None:
    fake(lambda episode: False)
    evaluate(_config(tmp_path, assets), Silent())
    before = (tmp_path / "episodes.jsonl").read_bytes(), (tmp_path / "run.yaml").read_bytes()
    again = fake(lambda episode: False)
    evaluate(_config(tmp_path, assets), Silent())
    assert again.started == []
    assert ((tmp_path / "episodes.jsonl").read_bytes(), (tmp_path / "run.yaml").read_bytes()) == (
        before
    )


def test_a_resumed_run_decides_as_one_that_was_not_interrupted(
    tmp_path: Path, assets: Path, fake: Any
) -> None:
    def succeeds(episode: Episode) -> bool:
        return (7 * episode.task + episode.trial) % 4 > 0

    fake(succeeds)
    evaluate(_config(tmp_path / "whole", assets), Silent())
    whole = (tmp_path / "whole" / "episodes.jsonl").read_text().splitlines(keepends=True)
    torn = tmp_path / "torn"
    torn.mkdir()
    (torn / "episodes.jsonl").write_text("".join(whole[:7]))
    manifest = yaml.safe_load((tmp_path / "whole" / "run.yaml").read_text())
    del manifest["stopped"], manifest["notes"]
    (torn / "run.yaml").write_text(yaml.safe_dump(manifest))
    evaluate(_config(torn, assets), Silent())
    records = [read_records(tmp_path / name / "episodes.jsonl") for name in ("whole", "torn")]
    stopped = [
        yaml.safe_load((tmp_path / name / "run.yaml").read_text())["stopped"]
        for name in ("whole", "torn")
    ]
    assert stopped[0] == stopped[1]
    assert {r.key for r in records[0][:-1]} <= {r.key for r in records[1]}


def test_an_unclear_case_runs_to_its_end_and_still_decides(
    tmp_path: Path, assets: Path, fake: Any
) -> None:
    fake(lambda episode: episode.trial > 0)
    config = _config(tmp_path, assets, trials=4, min_success=0.8)
    summary = evaluate(config, Silent())
    assert len(read_records(tmp_path / "episodes.jsonl")) == 40
    manifest = yaml.safe_load((tmp_path / "run.yaml").read_text())
    assert manifest["stopped"] == {
        "decision": "good",
        "episodes": 40,
        "planned": 40,
        "early": False,
    }
    assert not any("stopped early" in note for note in summary.notes)


def test_without_the_option_nothing_changes(tmp_path: Path, assets: Path, fake: Any) -> None:
    rollout = fake(lambda episode: False)
    config = _config(tmp_path, assets, stop_when_decided=False, min_success=None, trials=3)
    evaluate(config, Silent())
    assert not rollout.plans[0].spread
    assert [e.task for e in rollout.started[:6]] == [0, 0, 0, 1, 1, 1]
    manifest = yaml.safe_load((tmp_path / "run.yaml").read_text())
    assert not {"sequential", "stopped", "notes"} & set(manifest)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"min_success": None}, "--stop-when-decided needs --min-success"),
        ({"min_success": 1.0}, "--min-success must be above 0 and below 1, not 1"),
        ({"max_drop": 0.9}, "--max-drop must be above 0 and below --min-success"),
        ({"max_drop": 0.0}, "--max-drop must be above 0"),
        ({"alpha": 0.5}, "--alpha must be above 0 and below 0.5"),
        ({"stop_when_decided": False}, "--min-success is for --stop-when-decided"),
    ],
)
def test_impossible_arguments_are_refused(
    tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        stopping_rule(_config(tmp_path, tmp_path, **changed))


def test_the_rule_of_a_command() -> None:
    config = _config(Path("x"), Path("x"), min_success=0.95, max_drop=0.02, alpha=0.1)
    assert stopping_rule(config) == SequentialRule(0.95, 0.93, 0.1, 0.1)
