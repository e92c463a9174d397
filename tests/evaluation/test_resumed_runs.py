"""Whole runs that go on elsewhere: a moved checkpoint, another port, more episodes, versions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from served import policy_server

from gridseval.cli import main
from gridseval.errors import OutputError
from gridseval.evaluation import RunConfig, evaluate
from gridseval.policies import load_policy
from gridseval.results import Summary
from gridseval.results.run.jsonl import read_records

Run = Callable[..., Summary]


@pytest.fixture
def run(assets: Path, tmp_path: Path) -> Run:
    """Return a function that runs three steps of task 0, once, into one folder."""

    def run(**changed: Any) -> Summary:
        usual = {"tasks": "0", "trials": 1, "max_steps": 3, "workers": 0, "video": "none"}
        place = {"assets": str(assets), "out": tmp_path / "run"}
        return evaluate(RunConfig("libero_object", **{**usual, **place, **changed}))

    return run


def recording(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.zeros((3, 7), np.float32))
    return path


def episodes(out: Path) -> list[tuple[int, int]]:
    return [(r.task, r.trial) for r in read_records(out / "episodes.jsonl")]


def test_a_checkpoint_that_moved_goes_on_and_more_episodes_extend_the_run(
    run: Run, tmp_path: Path
) -> None:
    first, second = (recording(tmp_path / name / "x.npy") for name in ("a", "b"))
    run(policy="replay", checkpoint=str(first))
    before = (tmp_path / "run" / "episodes.jsonl").read_text()
    summary = run(policy="replay", checkpoint=str(second), tasks="0,2", trials=2)
    assert episodes(tmp_path / "run") == [(0, 0), (0, 1), (2, 0), (2, 1)]
    assert (summary.expected, summary.done) == (4, 4)
    assert (tmp_path / "run" / "episodes.jsonl").read_text().startswith(before)
    assert not [note for note in summary.notes if "mixed" in note or "left out" in note]
    np.save(second, np.ones((3, 7), np.float32))
    with pytest.raises(OutputError, match="sha256"):
        run(policy="replay", checkpoint=str(second), tasks="0,2", trials=3)


def test_a_server_on_another_port_goes_on(run: Run, tmp_path: Path) -> None:
    for trials in (1, 2):
        with policy_server(load_policy("random", None, {}, 7)) as address:
            run(checkpoint=address, trials=trials)
    assert episodes(tmp_path / "run") == [(0, 0), (0, 1)]
    other = policy_server(load_policy("zero", None, {}, 7))
    with other as address, pytest.raises(OutputError, match="server"):
        run(checkpoint=address, trials=3)


def test_other_versions_need_a_word_and_every_table_has_it(
    run: Run, tmp_path: Path, assets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(policy="zero")
    file = tmp_path / "run" / "run.yaml"
    stored = yaml.safe_load(file.read_text())
    stored["versions"]["numpy"] = "1.0.1"
    file.write_text(yaml.safe_dump(stored))
    words = [
        *("run", "--suite", "libero_object", "--policy", "zero", "--tasks", "0", "--trials", "2"),
        *("--max-steps", "3", "--workers", "0", "--video", "none", "--assets", str(assets)),
        *("--out", str(tmp_path / "run")),
    ]
    with pytest.raises(SystemExit) as left:
        main(words)
    said = capsys.readouterr().err
    assert left.value.code == 5
    assert "versions.numpy: '1.0.1' -> " in said
    assert "--resume-anyway" in said
    assert "mixed" not in file.read_text()
    with pytest.raises(SystemExit) as left:
        main([*words, "--resume-anyway"])
    assert left.value.code == 0
    printed = capsys.readouterr()
    assert "versions.numpy: '1.0.1', then '" in printed.err
    assert "versions.numpy: '1.0.1', then '" in " ".join(printed.out.split())
    for name in ("table.md", "summary.json"):
        assert "versions.numpy" in (tmp_path / "run" / name).read_text()
    main_again = [*words, "--resume-anyway"]
    with pytest.raises(SystemExit) as left:
        main(main_again)
    assert episodes(tmp_path / "run") == [(0, 0), (0, 1)]


def test_nothing_is_mixed_where_nothing_is_left_to_run(run: Run, tmp_path: Path) -> None:
    run(policy="zero")
    file = tmp_path / "run" / "run.yaml"
    stored = yaml.safe_load(file.read_text())
    stored["versions"]["numpy"] = "1.0.1"
    file.write_text(yaml.safe_dump(stored))
    run(policy="zero", resume_anyway=True)
    assert "mixed" not in file.read_text()
