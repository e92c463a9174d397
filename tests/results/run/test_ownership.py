"""One process writes a directory: with locks, without them, and after a death."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from gridseval.errors import OutputError
from gridseval.results import RunDirectory
from gridseval.results.run import ownership
from gridseval.results.run.ownership import Ownership, refuse_busy

HOLD = """
import fcntl, os, sys
from pathlib import Path
def fail(*_):
    raise OSError(37, os.strerror(37))
if sys.argv[2] == "without":
    fcntl.flock = fail
from gridseval.results.run.ownership import Ownership
Ownership.take(Path(sys.argv[1]))
print("taken", flush=True)
sys.stdin.read()
"""


def without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", fail)


@pytest.mark.parametrize("locks", ["with", "without"])
def test_a_second_process_is_refused_until_the_first_is_killed(
    locks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if locks == "without":
        without_locks(monkeypatch)
    command = [sys.executable, "-c", HOLD, str(tmp_path), locks]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "taken\n"
        began_s = time.monotonic()
        for refused in (refuse_busy, Ownership.take):
            with pytest.raises(OutputError, match=rf"another process \({first.pid}\b.* is writing"):
                refused(tmp_path)
        assert time.monotonic() - began_s < 5
        first.kill()
    Ownership.take(tmp_path).release()
    assert not (tmp_path / ".owner").exists()


def owner(folder: Path, age_s: float, **changed: Any) -> None:
    """Write the file of an owner, last renewed some time ago."""
    here = ownership._Process.here().told()
    (folder / ".owner").write_text(json.dumps({**here, "token": "other", **changed}))
    at = time.time() - age_s
    os.utime(folder / ".owner", (at, at))


@pytest.mark.parametrize("locks", [True, False])
def test_another_machine_is_alive_as_long_as_it_says_so(
    locks: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lock may not be seen here, and its processes are not."""
    if not locks:
        without_locks(monkeypatch)
    owner(tmp_path, 20, boot="another", host="node7", pid=12)
    with pytest.raises(
        OutputError, match=r"process \(12 on node7, since .*\) is writing"
    ) as caught:
        RunDirectory.open(tmp_path, {"suite": "s"})
    assert "if it is gone, the same command goes on in 40 s" in str(caught.value)
    owner(tmp_path, 61, boot="another")
    RunDirectory.open(tmp_path, {"suite": "s"}).close()


def test_without_locks_a_number_that_is_used_again_is_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_locks(monkeypatch)
    owner(tmp_path, 0)
    with pytest.raises(OutputError, match="another process"):
        Ownership.take(tmp_path)
    owner(tmp_path, 0, numbered="another container's")
    with pytest.raises(OutputError, match="another process"):
        Ownership.take(tmp_path)
    owner(tmp_path, 0, began="long ago")
    Ownership.take(tmp_path).release()
    for text in ("", "[" * 60_000, '{"boot": 1e999, "pid": [1], "token": {}}'):
        (tmp_path / ".owner").write_text(text)  # as a kill or a damaged disk may leave it
        with pytest.raises(OutputError, match="another process"):
            Ownership.take(tmp_path)
    owner(tmp_path, 0, pid=float("inf"))
    Ownership.take(tmp_path).release()


def test_an_owner_says_that_it_lives_and_writes_nothing_once_it_was_taken_for_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ownership, "RENEWED_EVERY_S", 0.02)
    with RunDirectory.open(tmp_path, {"suite": "s"}) as run:
        os.utime(tmp_path / ".owner", (1, 1))
        assert _within(lambda: (tmp_path / ".owner").stat().st_mtime > 1)
        run.rewrite([])
        owner(tmp_path, 0, boot="another")
        assert _within(lambda: run._owner._lost)
        with pytest.raises(OutputError, match=r"another process writes the run .* now"):
            run.rewrite([])
    assert json.loads((tmp_path / ".owner").read_text())["token"] == "other"


def _within(seen: Any, seconds: float = 20.0) -> bool:
    until = time.monotonic() + seconds
    while not seen() and time.monotonic() < until:
        time.sleep(0.01)
    return bool(seen())
