"""``run --starts fresh:N``: what a run from fresh starts is, says, and refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gridseval.errors import UsageError
from gridseval.evaluation.config import RunConfig
from gridseval.evaluation.starts import agreed_starts, starts_of
from gridseval.policies import EnvironmentNeeds
from gridseval.results.run.comparable import published_differences, run_differences
from gridseval.results.run.reading import read_run
from gridseval.suites import load_suite

OBJECT = load_suite("libero_object")
Results = Callable[..., dict[tuple[int, int], Any]]


def asked(starts: str | None, trials: int | None = None) -> tuple[str | None, int]:
    config = RunConfig("libero_object", Path("out"), starts=starts, trials=trials)
    kind, choice = starts_of(config, OBJECT)
    assert choice.numbers is None and choice.pairs is None
    return kind, choice.trials


def test_what_the_option_asks_for() -> None:
    assert asked(None) == (None, 50)
    assert asked(None, 3) == (None, 3)
    assert asked("stored", 3) == ("stored", 3)
    assert asked("fresh", 3) == ("fresh", 3)
    assert asked("fresh:120") == ("fresh", 120)
    assert asked("fresh:3", 3) == ("fresh", 3)


@pytest.mark.parametrize(
    ("starts", "trials", "problem"),
    [
        ("fersh", None, "is not a kind of start"),
        ("stored:3", None, "is not a kind of start"),
        ("fresh:", None, "is not a kind of start"),
        ("fresh:-1", None, "is not a kind of start"),
        ("fresh:1e3", None, "is not a kind of start"),
        ("fresh:3", 4, "ask for different numbers"),
    ],
)
def test_what_the_option_refuses(starts: str, trials: int | None, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        asked(starts, trials)


def test_recorded_actions_keep_their_starts() -> None:
    recorded = EnvironmentNeeds(strict=True, starts="fresh")
    suite = load_suite("libero_goal")
    assert agreed_starts(None, recorded, suite) == "fresh"
    assert agreed_starts("fresh", recorded, suite) == "fresh"
    assert agreed_starts(None, EnvironmentNeeds(), suite) == "stored"
    with pytest.raises(UsageError, match="from fresh starts, not stored ones"):
        agreed_starts("stored", recorded, suite)
    with pytest.raises(UsageError, match="from stored starts, not fresh ones"):
        agreed_starts("fresh", EnvironmentNeeds(strict=True), suite)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, finish: Callable[..., str]) -> Path:
    """Return a folder with a run from fresh starts and one from stored states."""
    folder = tmp_path_factory.mktemp("fresh")
    common = "--tasks", "1", "--video", "none", "--record-actions"
    finish(folder / "fresh", "oracle", *common, "--starts", "fresh:2", "--workers", "2")
    finish(folder / "stored", "oracle", *common, "--trials", "2", "--workers", "0")
    return folder


def test_a_run_from_fresh_starts(runs: Path, results: Results) -> None:
    """The expert solves them; another number of workers and a replay end alike."""
    fresh, stored = results(runs / "fresh"), results(runs / "stored")
    assert {each["status"] for each in fresh.values()} == {"success"}
    assert fresh.keys() == stored.keys()
    assert all(fresh[key]["actions"] != stored[key]["actions"] for key in fresh)
    assert yaml.safe_load((runs / "fresh" / "run.yaml").read_text())["starts"] == "fresh"
    assert "starts" not in yaml.safe_load((runs / "stored" / "run.yaml").read_text())


def test_replay_starts_where_the_run_did(
    runs: Path, tmp_path: Path, finish: Callable[..., str], results: Results
) -> None:
    options = "--tasks", "1", "--trials", "2", "--video", "none", "--workers", "0"
    replay = "replay", "--ckpt", str(runs / "fresh"), *options
    finish(tmp_path / "again", *replay)
    kept = ("actions", "queries")
    again = results(tmp_path / "again", ignore=kept)
    assert again == {
        key: {name: value for name, value in values.items() if name not in kept}
        for key, values in results(runs / "fresh", ignore=kept).items()
    }
    said = finish(tmp_path / "other", *replay, "--starts", "stored", status=2)
    assert "the policy acts in episodes from fresh starts, not stored ones" in said


def test_a_run_goes_on_from_its_own_starts_only(runs: Path, finish: Callable[..., str]) -> None:
    common = "--tasks", "1", "--video", "none", "--record-actions", "--workers", "0"
    said = finish(runs / "fresh", "oracle", *common, "--trials", "2", status=5)
    assert "starts: 'fresh' -> (absent)" in said
    finish(runs / "fresh", "oracle", *common, "--starts", "fresh:2")


def test_fresh_and_stored_runs_are_not_compared(runs: Path) -> None:
    fresh, stored = read_run(runs / "fresh"), read_run(runs / "stored")
    assert run_differences(stored, fresh) == ("starts: (absent) -> 'fresh'",)
    assert "starts: stored -> fresh" in published_differences(fresh)
    assert "starts: stored -> fresh" not in published_differences(stored)
