"""Errors are final unless one asks for another try, and the run says so."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gridseval.results.run.jsonl import read_records

Words = Callable[..., list[object]]


@pytest.fixture
def broken(command: Any, run_words: Words, tmp_path: Path) -> list[object]:
    """Return the words of a run whose second episode ended as error, and will no more."""
    file = tmp_path / "breaks"
    file.touch()
    words = run_words(
        "Lossy", "--policy-arg", f"file={file}", "--workers", 1, "--video", "failures"
    )
    said = command(*words)
    assert said.status == 6
    assert "1 episode ended in a technical error and enters no rate\n" in said.out
    assert "1 × worker process was ended by SIGKILL\n" in said.out
    assert f"--out {tmp_path}/run --retry-errors reruns the errors" in said.out
    file.unlink()
    return words


def test_errors_are_run_again_on_request(
    command: Any, broken: list[object], tmp_path: Path
) -> None:
    log = tmp_path / "run" / "episodes.jsonl"
    before = log.read_bytes()
    assert command(*broken).status == 6
    assert log.read_bytes() == before
    said = command(*broken, "--retry-errors")
    assert said.status == 0, said.err
    assert "2 of 2 episodes done, 0 errors" in said.out
    assert "--retry-errors" not in said.out
    assert log.read_bytes().startswith(before)
    assert log.read_bytes().count(b"\n") == 3
    assert [(r.trial, r.status) for r in read_records(log)] == [(0, "failure"), (1, "failure")]
    assert "2 of 2 episodes done, 0 errors" in command(*broken).out


def test_a_reader_that_leaves_does_not_change_the_exit_code(broken: list[object]) -> None:
    command = [sys.executable, "-m", "gridseval", *map(str, broken)]
    for unread in (("stdout",), ("stdout", "stderr")):
        read, write = os.pipe()
        os.close(read)
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        streams |= dict.fromkeys(unread, write)
        done = subprocess.run(command, text=True, **streams)
        os.close(write)
        assert done.returncode == 6
        assert "Traceback" not in (done.stderr or "")
