"""Policies that never answer: interrupted where Python can, else the command line ends."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gridseval.results.run.jsonl import read_records
from gridseval.rollout import answer_limit
from gridseval.rollout.answer_limit import AnswerLimit, OverdueError


def loop() -> None:
    while True:
        pass


def stubborn() -> None:
    until = time.monotonic() + 2
    while time.monotonic() < until:
        with contextlib.suppress(Exception):  # what it gets is lost here
            time.sleep(0.01)


def naps() -> None:
    while True:
        time.sleep(0.05)


@pytest.mark.parametrize("body", [loop, naps, stubborn])
def test_python_is_interrupted(body: Callable[[], None]) -> None:
    began = time.monotonic()
    with pytest.raises(OverdueError), AnswerLimit(0.3).watching():
        body()
    assert time.monotonic() - began < 30
    time.sleep(0.1)  # nothing is raised later
    with AnswerLimit(30).watching():
        time.sleep(0.01)


def test_what_ends_in_time_is_not_touched() -> None:
    limit, stuck = AnswerLimit(0.2), threading.Event()
    for _ in range(200):
        with limit.watching():
            pass
    time.sleep(0.5)
    for seconds in (float("inf"), 1e9):
        with AnswerLimit(seconds, stuck.set).watching():
            pass
    with pytest.raises(KeyError), limit.watching():
        raise KeyError("a policy's")
    assert not stuck.is_set()
    until = time.monotonic() + 30
    while any(each.name == "answer limit" for each in threading.enumerate()):
        assert time.monotonic() < until
        time.sleep(0.01)


def test_what_cannot_be_interrupted_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_limit, "GRACE_S", 0.2)
    stuck = threading.Event()
    with pytest.raises(OverdueError), AnswerLimit(0.2, stuck.set).watching():
        time.sleep(1.5)  # one call, which no exception ends
    assert stuck.is_set()


POLICY = """
import time
import numpy as np
from gridseval.policies import ActionChunk

class Base:
    observation_keys = ("state",)

    def reset(self, slots, episodes):
        self.episodes = list(episodes)

    def act(self, observations):
        if any(each.trial == 1 for each in self.episodes):
            self.hang()
        return ActionChunk(np.zeros((len(observations["slots"]), 8, 7), np.float32))

class Loop(Base):
    def hang(self):
        while True:
            pass

class Sleep(Base):
    def hang(self):
        time.sleep(3600)

class Script(Base):
    def hang(self):
        import torch
        script = torch.jit.CompilationUnit('''
def run(x):
    go = True
    while go:
        x = x + 1
    return x
''')
        script.run(torch.zeros(1))
"""


@pytest.mark.parametrize("name", ["Loop", "Sleep", "Script"])
@pytest.mark.parametrize("workers", [0, 1])
def test_a_run_whose_policy_never_answers_ends_and_keeps_its_episodes(
    name: str, workers: int, assets: Path, tmp_path: Path
) -> None:
    if name == "Script":
        pytest.importorskip("torch")
    (tmp_path / "hangs.py").write_text(POLICY)
    run = tmp_path / "run"
    words = [
        *("run", "--suite", "libero_object", "--policy", f"{tmp_path / 'hangs.py'}:{name}"),
        *("--tasks", "0", "--trials", "3", "--max-steps", "8", "--video", "none"),
        *("--workers", str(workers), "--timeout", "1", "--out", str(run)),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "gridseval", *words],
        env={**os.environ, "GRIDSEVAL_ASSETS": str(assets)},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 4, done.stderr
    said = [line for line in done.stderr.splitlines() if "gridseval: " in line]
    assert "answer" in said[-1]
    assert "Traceback" not in done.stderr
    assert [record.trial for record in read_records(run / "episodes.jsonl")] == [0]
    assert (run / "table.md").is_file()
