"""Ctrl-C and schedulers' signals: tables, nothing left running, the same command goes on."""

from __future__ import annotations

import fcntl
import functools
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gridseval.cli.signals import ENDING, Terminated, signals_raise
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
    with pytest.raises(Terminated), signals_raise():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(1)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_somebody_else_s_handler_is_left_alone() -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: seen.append(number))
    try:
        with signals_raise():
            os.kill(os.getpid(), signal.SIGTERM)
        assert seen == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("number", ENDING, ids=lambda number: number.name)
def test_each_signal_has_its_exit_code(number: signal.Signals) -> None:
    # What this process ignores, as after nohup, would stay ignored.
    before = {each: signal.signal(each, signal.SIG_DFL) for each in ENDING}
    try:
        with pytest.raises(Terminated) as raised, signals_raise():
            os.kill(os.getpid(), number)
            time.sleep(1)
        assert raised.value.exit_code == 128 + number
        assert raised.value.how in ("terminated", f"ended by {number.name}")
        assert all(signal.getsignal(each) is signal.SIG_DFL for each in ENDING)
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@pytest.mark.parametrize("number", ENDING, ids=lambda number: number.name)
def test_what_is_ignored_stays_ignored(number: signal.Signals) -> None:
    signal.signal(number, signal.SIG_IGN)
    try:
        with signals_raise():
            os.kill(os.getpid(), number)
            assert signal.getsignal(number) is signal.SIG_IGN
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, signal.SIG_DFL)


def test_a_second_signal_does_not_interrupt_the_cleaning_up() -> None:
    with pytest.raises(Terminated) as raised, signals_raise():
        try:
            os.kill(os.getpid(), signal.SIGUSR1)
            time.sleep(1)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGHUP)
            time.sleep(0.1)
    assert raised.value.number == signal.SIGUSR1


def test_a_lost_terminal_ends_a_run_with_its_tables(
    run_words: Callable[..., list[object]], tmp_path: Path
) -> None:
    """The terminal is gone when SIGHUP arrives: what is printed then must not be the end."""
    words = run_words("random", "--trials", 50, "--max-steps", 64, "--video", "none")
    run = tmp_path / "run"
    ours, terminal = pty.openpty()

    def own_terminal() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(
        [sys.executable, "-m", "gridseval", *map(str, words)],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=own_terminal,
    )
    os.close(terminal)
    os.set_blocking(ours, False)
    until = time.monotonic() + 240
    log = run / "episodes.jsonl"
    while not (log.exists() and log.read_bytes().count(b"\n") > 1):
        assert process.poll() is None and time.monotonic() < until
        try:
            os.read(ours, 1 << 16)
        except BlockingIOError:
            time.sleep(0.02)
    os.close(ours)
    assert process.wait(100) == 128 + signal.SIGHUP
    records = read_records(log)
    assert f"{len(records)} of 50 episodes" in (run / "table.md").read_text()
