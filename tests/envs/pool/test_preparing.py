"""The time limit of a worker does not count what it imports and compiles, unless that hangs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pool_doubles import COMPILES, TRIALS
from talk import do, one

from gridseval.envs.pool import patience
from gridseval.envs.pool.messages import Start
from gridseval.envs.pool.pool import WorkerPool
from gridseval.envs.pool.settings import EnvSettings

FINE, WORK, SPIN, SLEEP = (TRIALS.index(what) for what in ("fine", "work", "spin", "sleep"))
TASK = COMPILES[0]
STATE = ("state",)


def test_importing_does_not_count(make_pool: Any) -> None:
    pool = make_pool(workers=1, timeout_s=0.4, observations=STATE)
    assert one(pool, Start(0, FINE)).failure is None


def test_compiling_does_not_count(make_pool: Any, set_patience: Callable[..., None]) -> None:
    pool = make_pool(workers=1, observations=STATE)
    assert one(pool, Start(0, FINE)).failure is None
    set_patience(pool, 1.0)
    assert one(pool, Start(TASK, WORK)).failure is None
    assert one(pool, do("fine")).failure is None
    assert one(pool, Start(0, WORK)).failure == "no answer within 1 s"  # nothing to compile there


@pytest.mark.parametrize("what", [SLEEP, FINE], ids=["sleeps", "is stopped"])
def test_compiling_that_does_not_go_on_is_a_hang(
    make_pool: Any, set_patience: Callable[..., None], what: int
) -> None:
    pool = make_pool(workers=1, observations=STATE)
    assert one(pool, Start(0, FINE)).failure is None
    set_patience(pool, 1.0)
    if what == FINE:
        os.kill(pool.pids()[0], signal.SIGSTOP)
    began = time.monotonic()
    assert one(pool, Start(TASK, what)).failure == "no answer within 1 s"
    assert time.monotonic() - began < 30


def test_compiling_without_end_is_a_hang(
    make_pool: Any, set_patience: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "LONGEST_S", 2.0)
    pool = make_pool(workers=1, observations=STATE)
    assert one(pool, Start(0, FINE)).failure is None
    set_patience(pool, 1.0)
    assert one(pool, Start(TASK, SPIN)).failure == "no answer within 1 s"


def test_a_hang_after_compiling_has_the_whole_time_and_no_more(
    make_pool: Any, set_patience: Callable[..., None]
) -> None:
    pool = make_pool(workers=1, observations=STATE)
    assert one(pool, Start(TASK, FINE)).failure is None
    set_patience(pool, 1.5)
    began = time.monotonic()
    assert one(pool, do("spin")).failure == "no answer within 1.5 s"
    assert 1.4 < time.monotonic() - began < 30


def test_a_short_limit_costs_no_episode_of_the_simulator(assets: Path) -> None:
    settings = EnvSettings("libero_object", assets=str(assets), observations=STATE, max_steps=8)
    pool = WorkerPool(settings, 1, 1.5)
    try:
        for task in (0, 1):
            assert one(pool, Start(task, 0)).failure is None
    finally:
        pool.close()


STARTED = """
import sys, threading, time
sys.path.insert(0, {folder!r})
from pool_doubles import FakeSettings, TRIALS
from gridseval.envs.pool.messages import Start
from gridseval.envs.pool.pool import WorkerPool
pools = []
def start():
    pools.append(WorkerPool(FakeSettings("libero_object", observations=("state",)), 1, 600.0))
thread = threading.Thread(target=start)
thread.start()
thread.join()
for trial in ("fine", "fine"):
    time.sleep(0.5)
    pools[0].send(0, Start(0, TRIALS.index(trial)))
    print(pools[0].wait()[0].failure, flush=True)
"""


def test_workers_outlive_the_thread_that_started_them(request: pytest.FixtureRequest) -> None:
    code = STARTED.format(folder=str(request.path.parent))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.stdout.split() == ["None", "None"], done.stderr


def test_workers_of_a_thread_end_with_their_parent(make_pool: Any, all_end: Any) -> None:
    made: list[WorkerPool] = []
    thread = threading.Thread(target=lambda: made.append(make_pool(1, observations=STATE)))
    thread.start()
    thread.join()
    assert one(made[0], Start(0, FINE)).failure is None
    pids = made[0].pids()
    made[0].close()
    assert all_end(pids, 30)
