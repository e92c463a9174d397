"""Faults that are the machine's and not the user's, workers that hang up, and endless patience."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from pool_doubles import TRIALS
from talk import do, one

from gridseval.envs.pool.messages import Start
from gridseval.errors import MachineError, UsageError
from gridseval.policies.zero import ZeroPolicy
from gridseval.rollout import RolloutPlan, run_episodes
from gridseval.suites import Episode

FINE = TRIALS.index("fine")


def test_what_the_machine_lacks_after_a_start_is_a_failure(make_pool: Any) -> None:
    """Memory that runs out in hour three must not end the run as if the user had erred."""
    pool = make_pool(workers=1, observations=("state",))
    assert one(pool, Start(0, FINE)).failure is None
    for message in (do("refuse"), Start(0, TRIALS.index("refuse"))):
        before = pool.pids()
        reply = one(pool, message)  # the second comes from a worker that has started nothing yet
        assert reply.failure == "no models here (name some)"
        assert pool.pids() != before
    assert one(pool, Start(0, FINE)).failure is None


def test_what_the_machine_lacks_in_one_slot_proves_nothing_about_another(make_pool: Any) -> None:
    pool = make_pool(observations=("state",))
    assert one(pool, Start(0, FINE)).failure is None
    pool.send(1, Start(0, TRIALS.index("refuse")))
    with pytest.raises(MachineError):
        pool.wait()


def test_a_wrong_argument_is_raised_at_any_time(make_pool: Any) -> None:
    pool = make_pool(workers=1, observations=("state",))
    assert one(pool, Start(0, FINE)).failure is None
    pool.send(0, do("misuse"))
    with pytest.raises(UsageError, match="no such thing"):
        pool.wait()


def test_a_run_goes_on_when_the_machine_lacks_something_late(make_pool: Any) -> None:
    pool = make_pool(workers=1, observations=("state",), action_chunk=8)
    refuse = TRIALS.index("refuse")
    chosen = [Episode("libero_object", 0, trial) for trial in (FINE, refuse)]
    done = {o.episode: o for o in run_episodes(chosen, pool, ZeroPolicy(), RolloutPlan())}
    assert [done[episode].status for episode in chosen] == ["failure", "error"]
    assert done[chosen[1]].retries == 2


def test_a_worker_that_hangs_up_and_lives_on_is_ended(
    make_pool: Any, all_end: Callable[..., bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gridseval.envs.pool.process._CLOSE_TIMEOUT_S", 0.5)
    pool = make_pool(workers=1, observations=("state",))
    assert one(pool, Start(0, FINE)).failure is None
    before = pool.pids()
    reason = "worker process hung up, and did not end within 0.5 s"
    assert one(pool, do("hang up")).failure == reason
    assert all_end(before, 30)
    assert one(pool, Start(0, FINE)).failure is None


def test_only_the_end_of_what_a_worker_said_is_read(make_pool: Any) -> None:
    pool = make_pool(workers=1, observations=("state",))
    tracemalloc.start()
    try:
        reply = one(pool, Start(0, TRIALS.index("babble")))
        assert tracemalloc.get_traced_memory()[1] < 1 << 24
    finally:
        tracemalloc.stop()
    assert reply.failure == "worker process was ended by SIGABRT: libGL: enough said"


@pytest.mark.parametrize("timeout_s", [3e6, 1e12, float("inf")])
def test_patience_may_be_endless(make_pool: Any, timeout_s: float) -> None:
    pool = make_pool(workers=1, observations=("state",), timeout_s=timeout_s)
    assert one(pool, Start(0, FINE)).failure is None


def test_waiting_in_pieces_waits_until_there_is_a_reply(
    make_pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gridseval.envs.pool.pool._MAX_WAIT_S", 0.01)
    pool = make_pool(workers=1, observations=("state",))
    assert pool.wait() == []
    assert one(pool, Start(0, FINE)).failure is None


def test_a_worker_imports_nothing_from_the_working_directory(
    make_pool: Any, poisoned: None
) -> None:
    pool = make_pool(workers=1, observations=("state",))
    assert one(pool, Start(0, FINE)).failure is None
