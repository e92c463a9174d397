"""The scripted expert solves what it was written for, on a trial that nobody tuned it on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from gridseval.cli import main
from gridseval.results.run.jsonl import read_records
from gridseval.suites import Episode, Suite, Task

TRIAL = 11
# As far as ten episodes can say it: 95 % of libero_object's and 80 % of libero_spatial's.
LEAST = {"libero_object": 9, "libero_spatial": 8}
LEAST_OF_BOTH = 19


def _one_trial_each(suite: Suite, tasks: Iterable[Task], *_: object) -> tuple[Episode, ...]:
    return tuple(Episode(suite.name, task.index, TRIAL) for task in tasks)


def _successes(suite: str, out: Path) -> int:
    words = ["run", "--suite", suite, "--policy", "oracle", "--trials", "1", "--workers", "2"]
    with pytest.raises(SystemExit) as ended:
        main([*words, "--video", "none", "--out", str(out)])
    assert ended.value.code == 0
    records = read_records(out / "episodes.jsonl")
    assert sorted((r.task, r.trial) for r in records) == [(task, TRIAL) for task in range(10)]
    return sum(record.status == "success" for record in records)


@pytest.mark.slow
def test_the_oracle_solves_nearly_all(
    assets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDSEVAL_ASSETS", str(assets))
    # The command runs trials 0 to n - 1; those before would take a quarter of an hour.
    monkeypatch.setattr("gridseval.evaluation.prepared_run.list_episodes", _one_trial_each)
    solved = {suite: _successes(suite, tmp_path / suite) for suite in LEAST}
    assert all(solved[suite] >= least for suite, least in LEAST.items()), solved
    assert sum(solved.values()) >= LEAST_OF_BOTH, solved
