"""What goes wrong in the middle of a run: one message, an exit code, and what was done is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridseval.errors import OutputError
from gridseval.evaluation.arrays import save_array
from gridseval.results.run.jsonl import read_records
from gridseval.suites import Episode

Words = Callable[..., list[object]]
ACTED = np.zeros((3, 7), np.float32)


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("nan", "policy returned nan at batch position 0"),
        ("shape", "policy returned actions of shape (1, 4, 6), expected (1, steps, 7)"),
        ("raise", "the policy Wrong failed at task 0 trial 1: KeyError: 'image'"),
    ],
)
def test_a_policy_that_goes_wrong(
    cli: Any, run_words: Words, tmp_path: Path, what: str, message: str
) -> None:
    said = cli(*run_words("Wrong", "--policy-arg", f"what={what}", "--video", "none"))
    assert said.status == 4
    assert message in said.err
    assert "task 0 trial 1" in said.err
    assert "Traceback" not in said.err
    assert said.err.count("gridseval: ") == 1
    (record,) = read_records(tmp_path / "run" / "episodes.jsonl")
    assert (record.trial, record.steps) == (0, 8)
    assert "1 of 2 episodes" in (tmp_path / "run" / "table.md").read_text()


def test_debug_shows_where_a_policy_raised(command: Any, run_words: Words) -> None:
    words = run_words("Wrong", "--policy-arg", "what=raise", "--video", "none")
    said = command("--debug", *words)
    assert said.status == 4
    assert "cli_doubles.py" in said.err
    assert 'raise KeyError("image")' in said.err


def test_another_run_s_directory_is_refused_with_the_difference(
    cli: Any, run_words: Words, tmp_path: Path
) -> None:
    first = run_words("zero", "--trials", 1, "--video", "none")
    said = cli(*first)
    assert said.status == 0
    assert "1 of 1 episodes done" in said.out
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    said = cli(*run_words("random", "--trials", 2, "--video", "none", "--seed", 8))
    assert (said.status, said.out) == (5, "")
    assert f"{tmp_path}/run holds another run (stored -> given):" in said.err
    for line in ("seed: 7 -> 8", "policy.name: 'zero' -> 'random'"):
        assert f"  {line}\n" in said.err
    assert "trials: " not in said.err  # more of them would only extend the run
    assert "max_steps" not in said.err
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before
    # What decides no outcome may change.
    said = cli(*first, "--timeout", 100)
    assert said.status == 0
    assert (tmp_path / "run" / "episodes.jsonl").read_bytes() == before["episodes.jsonl"]


def test_what_is_gone_is_told_on_resuming(cli: Any, run_words: Words, tmp_path: Path) -> None:
    words = run_words("zero", "--record-actions", "--video", 2)
    assert "missing" not in cli(*words).err
    run = tmp_path / "run"
    next((run / "videos").iterdir()).unlink()
    for file in (run / "actions").iterdir():
        file.unlink()
    said = cli(*words)
    assert said.status == 0
    assert f"warning: videos of 1 of 2 episodes are missing in {run}\n" in said.err
    assert f"warning: recorded actions of 2 of 2 episodes are missing in {run}\n" in said.err


def test_a_folder_of_videos_that_cannot_be_made(cli: Any, run_words: Words, tmp_path: Path) -> None:
    words = run_words("Wrong", "--policy-arg", "what=raise", "--trials", 1, "--video", 1)
    assert cli(*words).status == 0
    run = tmp_path / "run"
    (run / "episodes.jsonl").write_bytes(b"")
    for video in (run / "videos").iterdir():
        video.unlink()
    (run / "videos").rmdir()
    (run / "videos").write_text("in the way")
    said = cli(*words)
    assert (said.status, said.out) == (5, "")
    assert f"gridseval: cannot create {run}/videos: File exists" in said.err


def test_actions_that_cannot_be_saved_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: Any, array: Any, **_: Any) -> None:
        Path(file).write_bytes(b"half")
        raise OSError("21 requested and 4 written")

    with monkeypatch.context() as patch:
        patch.setattr(np, "save", full)
        with pytest.raises(OutputError, match=r"cannot write .*s-0-1\.npy: 21 requested"):
            save_array(tmp_path, Episode("s", 0, 1), ACTED)
    assert list(tmp_path.iterdir()) == []
    save_array(tmp_path, Episode("s", 0, 1), ACTED)
    assert [path.name for path in tmp_path.iterdir()] == ["s-0-1.npy"]


def test_a_part_that_cannot_be_removed_hides_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system that fails on writing fails on removing, too."""

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(np, "save", fail)
    monkeypatch.setattr(Path, "unlink", fail)
    with pytest.raises(OutputError, match=r"cannot write .*s-0-1\.npy: Input/output error"):
        save_array(tmp_path, Episode("s", 0, 1), ACTED)
