"""Command lines in processes that are forked from one that has imported everything."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from outcome import DOCUMENTED

_MOST_FILE = 256 * 10**6
_POLL_S = 0.01
_QUOTED = 300


@dataclass(frozen=True)
class Ended:
    """How a command line ended.

    Attributes:
        words: The words after ``gridseval``.
        status: Its exit code, or minus the signal that ended it.
        out: The end of its standard output.
        err: The end of its standard error.
        patient: Whether it went on until Ctrl-C.
        hung: Whether it did not end then, either.
    """

    words: Sequence[str]
    status: int
    out: str
    err: str
    patient: bool
    hung: bool

    def fault(self) -> str | None:
        """Return what is wrong with it, or ``None``."""
        if self.hung:
            return "did not end after Ctrl-C"
        for sign in ("a bug in gridseval", "Traceback (most recent call last)"):
            if sign in self.err or sign in self.out:
                return f"{sign}: {self.err.strip()[-_QUOTED:]!r}"
        found_regression = "gate" in self.words[:2] and self.status == 1
        if self.status not in DOCUMENTED and not found_regression:
            return f"ended with {self.status}: {self.err.strip()[-_QUOTED:]!r}"
        return None


def warm_up() -> None:
    """Import what commands import, so that their processes need not."""
    import gridseval.cli
    import gridseval.evaluation
    import gridseval.policies.nano.policy
    import gridseval.report
    import gridseval.results

    del gridseval


def run_command(words: Sequence[str], folder: Path, patience_s: float, wait_s: float) -> Ended:
    """Run a command line in a process of its own.

    Args:
        words: The words after ``gridseval``.
        folder: Where it runs.
        patience_s: After so long it gets Ctrl-C: it may have been told to work for hours.
        wait_s: How long it may take to end after that.
    """
    streams = [folder / f".{name}" for name in ("stdout", "stderr")]
    pid = os.fork()
    if pid == 0:
        _become(words, folder, streams)
    status, patient, hung = _wait(pid, patience_s), False, False
    if status is None:
        patient = True
        os.kill(pid, signal.SIGINT)
        status = _wait(pid, wait_s)
    if status is None:
        hung = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)  # what it left behind
    out, err = (path.read_text(errors="replace")[-20_000:] for path in streams)
    return Ended(words, os.waitstatus_to_exitcode(status), out, err, patient, hung)


def _wait(pid: int, seconds: float) -> int | None:
    """Return a child's status, or ``None`` if it goes on."""
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return status
        time.sleep(_POLL_S)
    return None


def _become(words: Sequence[str], folder: Path, streams: Sequence[Path]) -> None:
    """Be the command, and end."""
    code = 70
    try:
        os.setsid()
        os.chdir(folder)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        for descriptor, path in zip((1, 2), streams, strict=True):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), descriptor)
        resource.setrlimit(resource.RLIMIT_FSIZE, (_MOST_FILE, _MOST_FILE))
        signal.signal(signal.SIGINT, signal.default_int_handler)
        from gridseval.cli import main

        try:
            main(list(words))
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 70
    finally:
        os._exit(code & 0xFF)
