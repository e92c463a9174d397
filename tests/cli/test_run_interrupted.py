"""Ctrl-C, SIGTERM: tables of what is done, nothing left running, the same command goes on."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gridseval.cli.signals import Terminated, sigterm_raises
from gridseval.results.run.jsonl import read_records


def _wait_for_two_records(process: Any, log: Path) -> None:
    """Wait for the second, since the first is only safe once the run has gone on."""
    until = time.monotonic() + 120
    while not (log.exists() and log.read_bytes().count(b"\n") > 1):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.02)


def _session(leader: int) -> list[str]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        if int(fields[3]) == leader and fields[0] not in "ZX":
            found.append(stat.parent.name)
    return found


@pytest.mark.parametrize(
    ("number", "status", "how"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_the_same_command_goes_on(
    run_words: Callable[..., list[object]],
    tmp_path: Path,
    number: signal.Signals,
    status: int,
    how: str,
) -> None:
    words = run_words("random", "--trials", 6, "--max-steps", 16, "--workers", 2, "--video", 2)
    command = [sys.executable, "-m", "gridseval", *map(str, words), "--record-actions"]
    run = tmp_path / "run"
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    # A shell's background job ignores Ctrl-C, and so would its children.
    streams["preexec_fn"] = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, text=True, start_new_session=True, **streams) as process:
        _wait_for_two_records(process, run / "episodes.jsonl")
        os.killpg(process.pid, number)
        began = time.monotonic()
        out, err = process.communicate()
    assert process.returncode == status, err
    assert time.monotonic() - began < 100  # and not for good
    assert out == ""
    assert err.endswith(f"gridseval: {how}; the same command with --out {run} resumes\n")
    assert err.count("gridseval: ") == 1
    assert "Traceback" not in err
    assert _session(process.pid) == []
    records = read_records(run / "episodes.jsonl")
    assert 1 <= len(records) < 6
    assert f"{len(records)} of 6 episodes" in (run / "table.md").read_text()
    assert not list(run.rglob("*.part*"))
    lines = (run / "episodes.jsonl").read_text()
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "6 of 6 episodes done" in done.stdout
    assert (run / "episodes.jsonl").read_text().startswith(lines)
    trials = [record.trial for record in read_records(run / "episodes.jsonl")]
    assert sorted(trials) == list(range(6))


def test_sigterm_means_what_it_did_before_after_the_block() -> None:
    with pytest.raises(Terminated), sigterm_raises():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(1)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_somebody_else_s_handler_is_left_alone() -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: seen.append(number))
    try:
        with sigterm_raises():
            os.kill(os.getpid(), signal.SIGTERM)
        assert seen == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)
