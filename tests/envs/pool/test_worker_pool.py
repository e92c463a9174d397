"""Workers that die, raise, hang or refuse, one at a time."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pool_doubles import TRIALS, FakeSettings
from talk import both, do, one

from gridseval.envs.pool.messages import Start
from gridseval.envs.pool.pool import WorkerPool
from gridseval.errors import MachineError
from gridseval.policies.zero import ZeroPolicy
from gridseval.rollout import RolloutPlan, run_episodes
from gridseval.suites import Episode

FINE, RAISE = TRIALS.index("fine"), TRIALS.index("raise")


def test_observations_come_back_by_slot_and_are_the_caller_s_own(make_pool: Any) -> None:
    pool = make_pool()
    first = both(pool, Start(1, FINE), Start(2, FINE))
    again = both(pool, Start(3, FINE), Start(4, FINE))
    for replies, tasks in ((first, (1, 2)), (again, (3, 4))):
        for slot, task in enumerate(tasks):
            seen = replies[slot].observation
            assert set(seen) == {"agentview", "wrist", "state", "instruction"}
            assert seen["instruction"] == f"do {task}"
            assert (seen["agentview"] == 10 * task).all()
            assert (seen["wrist"] == 10 * task + 1).all()
            assert seen["agentview"].dtype == np.uint8
            assert seen["agentview"].shape == (256, 256, 3)
            assert replies[slot].info["seconds"] == {"physics": 0.25}


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("raise", "ValueError: qpos is broken"),
        ("killed", "worker process was ended by SIGKILL"),
        ("exit", "worker process ended with status 3"),
        ("abort", "worker process was ended by SIGABRT: libGL: the driver is broken"),
    ],
)
def test_a_lost_worker_is_replaced_and_says_why(
    make_pool: Any, all_end: Callable[..., bool], what: str, reason: str
) -> None:
    pool = make_pool(observations=("state",))
    before = pool.pids()
    both(pool, Start(0, FINE), Start(1, FINE))
    bad = Start(0, TRIALS.index(what)) if what in ("raise", "abort") else do(what)
    replies = both(pool, bad, do("fine"))
    assert replies[0].failure == reason
    assert replies[1].failure is None
    assert replies[1].info["steps"] == 2
    assert pool.pids()[0] != before[0]
    assert pool.pids()[1] == before[1]
    assert all_end(before[:1], 30)
    anew = one(pool, Start(0, FINE))
    assert anew.failure is None
    assert anew.info["pid"] == pool.pids()[0]


def test_a_worker_killed_while_idle_is_noticed_at_the_next_message(make_pool: Any) -> None:
    pool = make_pool(workers=1, observations=("state",))
    assert one(pool, Start(0, FINE)).failure is None
    os.kill(pool.pids()[0], signal.SIGKILL)
    time.sleep(0.1)
    assert one(pool, do("fine")).failure == "worker process was ended by SIGKILL"
    assert one(pool, Start(0, FINE)).failure is None


def test_a_hang_is_detected_and_the_worker_replaced(
    make_pool: Any, all_end: Callable[..., bool], set_patience: Callable[..., None]
) -> None:
    pool = make_pool(observations=("state",))
    both(pool, Start(0, FINE), Start(0, FINE))
    before = pool.pids()
    set_patience(pool, 1.5)
    began = time.monotonic()
    pool.send(0, do("spin"))
    assert one(pool, do("fine"), slot=1).failure is None
    (reply,) = pool.wait()
    assert reply.failure == "no answer within 1.5 s"
    assert 1.4 < time.monotonic() - began < 60
    assert all_end(before[:1], 30)
    set_patience(pool, 60)
    assert one(pool, Start(0, FINE)).failure is None
    assert pool.pids()[1] == before[1]


def test_a_stopped_worker_is_a_hang(
    make_pool: Any, all_end: Callable[..., bool], set_patience: Callable[..., None]
) -> None:
    pool = make_pool(workers=1, observations=("state",))
    assert one(pool, Start(0, FINE)).failure is None
    before = pool.pids()
    set_patience(pool, 1)
    os.kill(before[0], signal.SIGSTOP)
    assert one(pool, do("fine")).failure == "no answer within 1 s"
    assert all_end(before, 30)


def test_an_answer_that_was_there_in_time_is_no_hang(
    make_pool: Any, set_patience: Callable[..., None]
) -> None:
    # The policy may think longer than the time-out; the worker's answer has been there all along.
    pool = make_pool(workers=1, observations=("state",))
    assert one(pool, Start(0, FINE)).failure is None
    set_patience(pool, 0.5)
    pool.send(0, do("fine"))
    time.sleep(0.8)
    (reply,) = pool.wait()
    assert reply.failure is None


def test_a_user_s_error_in_a_worker_is_raised_here(make_pool: Any) -> None:
    pool = make_pool(workers=1, observations=("state",))
    pool.send(0, Start(0, TRIALS.index("refuse")))
    with pytest.raises(MachineError) as caught:
        pool.wait()
    assert (caught.value.message, caught.value.hint) == ("no models here", "name some")


def test_a_worker_dead_at_birth_is_a_failure_and_no_broken_pipe(
    make_pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = make_pool(workers=1, observations=("state",))
    assert one(pool, Start(0, FINE)).failure is None

    class StillBorn(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, command: list[str], **rest: Any) -> None:
            super().__init__([sys.executable, "-c", "import sys; sys.exit('no numpy')"], **rest)
            self.wait()

    with monkeypatch.context() as patch:
        patch.setattr("gridseval.envs.python_process.subprocess.Popen", StillBorn)
        assert one(pool, do("killed")).failure == "worker process was ended by SIGKILL"
        assert one(pool, Start(0, FINE)).failure == "worker process ended with status 1: no numpy"
    assert one(pool, Start(0, FINE)).failure is not None  # the last of the stillborn
    assert one(pool, Start(0, FINE)).failure is None


def test_an_environment_that_always_raises_costs_only_its_own_episode(make_pool: Any) -> None:
    pool = make_pool(observations=("state",), action_chunk=8)
    chosen = [Episode("libero_object", task, trial) for task in (0, 1) for trial in (FINE, RAISE)]
    done = {o.episode: o for o in run_episodes(chosen, pool, ZeroPolicy(), RolloutPlan())}
    assert sorted(done) == chosen
    for episode, outcome in done.items():
        if episode.trial == FINE:
            assert (outcome.status, outcome.steps, outcome.retries) == ("failure", 16, 0)
        else:
            assert (outcome.status, outcome.steps, outcome.retries) == ("error", 0, 2)
            assert outcome.error == "ValueError: qpos is broken"


def test_closing_ends_the_processes_whatever_they_do(
    make_pool: Any, all_end: Callable[..., bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gridseval.envs.pool.process._CLOSE_TIMEOUT_S", 1.0)
    pool = make_pool(workers=3, observations=("state",))
    for slot in range(3):
        assert one(pool, Start(0, FINE), slot).failure is None
    pids = pool.pids()
    pool.send(0, do("spin"))
    os.kill(pids[1], signal.SIGSTOP)
    os.kill(pids[2], signal.SIGKILL)
    began = time.monotonic()
    pool.close()
    assert time.monotonic() - began < 60
    assert all_end(pids, 30)


def test_closing_twice_does_nothing(make_pool: Any) -> None:
    pool = make_pool(workers=1, observations=("state",))
    pool.close()
    pool.close()


def test_a_pool_leaves_no_files_and_no_descriptors() -> None:
    def open_files() -> int:
        gc.collect()
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    before = open_files()
    pool = WorkerPool(FakeSettings("libero_object", backend="osmesa"), 2)
    both(pool, Start(0, FINE), Start(0, TRIALS.index("killed")))
    pool.close()
    del pool
    assert open_files() == before


PARENT = """
import sys, time
sys.path.insert(0, {folder!r})
from pool_doubles import FakeSettings, TRIALS
from gridseval.envs.pool.messages import Start
from gridseval.envs.pool.pool import WorkerPool
pool = WorkerPool(FakeSettings("libero_object", observations=("state",)), 4, 600.0)
for slot in range(4):
    pool.send(slot, Start(0, TRIALS.index("fine")))
waiting = 4
while waiting:
    waiting -= len(pool.wait())
for slot, what in ((1, "spin"), (2, "sleep"), (3, "sleep")):
    pool.send(slot, Start(0, TRIALS.index(what)))
print(*pool.pids(), flush=True)
time.sleep(600)
"""


def test_workers_end_with_their_parent_whatever_they_do(
    all_end: Callable[..., bool], request: pytest.FixtureRequest
) -> None:
    code = PARENT.format(folder=str(request.path.parent))
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as parent:
        assert parent.stdout is not None
        pids = [int(word) for word in parent.stdout.readline().split()]
        time.sleep(0.5)  # let them get into what they do
        os.kill(pids[3], signal.SIGSTOP)
        parent.kill()
    assert all_end(pids, 30)  # also the stopped one


def test_no_worker_hears_of_ctrl_c(make_pool: Any) -> None:
    pool = make_pool(workers=1, observations=("state",))
    assert one(pool, Start(0, FINE)).failure is None
    os.kill(pool.pids()[0], signal.SIGINT)
    assert one(pool, do("fine")).failure is None


def test_settings_travel_as_they_are() -> None:
    settings = FakeSettings("libero_goal", seed=3, max_steps=4, fatal=False)
    env: Any = settings.make()
    env.reset(seed=None, options={"task": 1, "trial": 0})
    assert env.step(np.zeros((4, 7)))[3] is True
