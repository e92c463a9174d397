"""Runs of the command in processes of their own, and what can be compared of them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridseval.results.run.jsonl import read_records

DOUBLES = Path(__file__).with_name("evaluation_doubles.py")
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="session")
def start(assets: Path) -> Start:
    """Return a function that starts ``gridseval run`` in a session of its own."""

    def start(out: Path, policy: str, *options: str) -> subprocess.Popen[str]:
        named = f"{DOUBLES}:{policy}" if policy[0].isupper() else policy
        command = [sys.executable, "-m", "gridseval", "run", "--suite", "libero_object"]
        return subprocess.Popen(
            [*command, "--policy", named, "--out", str(out), *options],
            env={**os.environ, "GRIDSEVAL_ASSETS": str(assets)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    return start


@pytest.fixture(scope="session")
def finish(start: Start) -> Callable[..., str]:
    """Return a function that runs ``gridseval run`` to its end and returns what it said."""

    def finish(out: Path, policy: str, *options: str, status: int = 0) -> str:
        with start(out, policy, *options) as process:
            printed, complained = process.communicate(timeout=300)
        assert process.returncode == status, complained
        assert living(process.pid) == []
        return printed + complained

    return finish


def living(session: int, within_s: float = 5.0) -> list[str]:
    """Return the command lines of a session's processes that do not end in time."""
    until = time.monotonic() + within_s
    while (found := _living(session)) and time.monotonic() < until:
        time.sleep(0.05)
    return found


def _living(session: int) -> list[str]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it may have ended meanwhile
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] not in "ZX":
                found.append((folder / "cmdline").read_text().replace("\0", " "))
    return found


@pytest.fixture(scope="session")
def still_living() -> Callable[[int], list[str]]:
    return living


def results_of(run: Path, ignore: Sequence[str] = ()) -> dict[tuple[int, int], Any]:
    """Return of each episode what must not depend on workers, kills or the order of episodes."""
    keys = ("task_name", "instruction", "status", "success", "steps", "queries", "retries", "error")
    found: dict[tuple[int, int], Any] = {}
    lines = (run / "episodes.jsonl").read_text().splitlines()
    records = read_records(run / "episodes.jsonl")
    assert len(lines) == len(records)  # none twice, none torn
    for record in records:
        values = {key: getattr(record, key) for key in keys if key not in ignore}
        file = run / "actions" / f"{record.suite}-{record.task}-{record.trial}.npy"
        if file.exists():
            values["actions"] = np.load(file).tobytes()
            assert len(values["actions"]) == 4 * 7 * record.steps
        found[record.task, record.trial] = values
    return found


@pytest.fixture(scope="session")
def results() -> Callable[..., dict[tuple[int, int], Any]]:
    return results_of
