"""Replicas in processes: the same answers, and all that may happen to a process."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gridseval.errors import PolicyError
from gridseval.rollout import RolloutPlan, run_episodes
from gridseval.rollout.dispatch import ReplicaDispatcher
from gridseval.rollout.dispatch.process import ProcessReplica
from gridseval.rollout.dispatch.request import PolicyRequest, devices_of
from gridseval.suites import Episode

Make = Callable[[int, int], list[Episode]]
DOUBLES = Path(__file__).with_name("replica_doubles.py")


def request(marker: Path, what: str = "nothing") -> PolicyRequest:
    return PolicyRequest(f"{DOUBLES}:Once", None, {"marker": str(marker), "what": what}, 7)


def same(*_: Any) -> None:
    """Compare nothing: the dispatcher's tests do."""


@contextlib.contextmanager
def replicas(
    wanted: PolicyRequest, count: int, limit_s: float = 60
) -> Iterator[tuple[ReplicaDispatcher, list[ProcessReplica]]]:
    several = [ProcessReplica(f"replica {i}", wanted, limit_s) for i in range(count)]
    dispatcher = ReplicaDispatcher(several, same, first_pause_s=0.01)
    try:
        dispatcher.start()
        yield dispatcher, several
    finally:
        dispatcher.close()
    assert not any(living(replica.pid) for replica in several)


def living(pid: int | None) -> bool:
    until = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
        time.sleep(0.02)
    return Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("what", ["kill", "stop"])
def test_a_process_that_dies_or_hangs_costs_one_attempt_and_nothing_else(
    episodes: Make, fake_pool: Any, tmp_path: Path, what: str
) -> None:
    marker = tmp_path / "marker"
    with replicas(request(marker, what), 2, 60 if what == "kill" else 1.5) as (asked, several):
        before = [replica.pid for replica in several]
        found = list(run_episodes(episodes(1, 6), fake_pool(), asked, RolloutPlan()))
        (note,) = asked.notes
    assert marker.exists()
    said = "was ended by SIGKILL" if what == "kill" else "did not answer within 1.5 s"
    assert said in note
    local = request(marker).load().policy
    expected = list(run_episodes(episodes(1, 6), fake_pool(), local, RolloutPlan()))
    actions = [
        {each.episode: (each.status, each.actions.tobytes()) for each in one}
        for one in (found, expected)
    ]
    assert actions[0] == actions[1]
    retries = {each.episode.trial: each.retries for each in found}
    assert retries[1] == 1 and sum(retries.values()) <= 2
    assert os.getpid() not in before


def test_what_a_policy_raises_ends_the_run_and_shows_its_traceback(
    episodes: Make, fake_pool: Any, tmp_path: Path
) -> None:
    wanted = request(tmp_path / "marker", "raise")
    with (
        replicas(wanted, 1) as (asked, _),
        pytest.raises(PolicyError, match="Once failed at task 0 trial 1: KeyError") as caught,
    ):
        list(run_episodes(episodes(1, 3), fake_pool(slots=1), asked, RolloutPlan()))
    assert "in _misbehave" in str(caught.value.__cause__)


def test_what_cannot_be_loaded_is_one_error(tmp_path: Path) -> None:
    with (
        pytest.raises(PolicyError, match="has no argument 'marker'"),
        replicas(PolicyRequest("zero", None, {"marker": "x"}, 7), 2),
    ):
        pass
    with (
        pytest.raises(PolicyError, match="with status 7: not enough memory") as caught,
        replicas(PolicyRequest(f"{DOUBLES}:Unloadable", None, {}, 7), 2),
    ):
        pass
    assert caught.value.message.startswith("replica ")
    assert "fewer --policies" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("arguments", "count", "devices"),
    [
        ({"device": "cuda"}, 3, ("cuda:0", "cuda:1", "cuda:2")),
        ({"device": "cuda"}, 1, ("cuda:0",)),
        ({"device": "cuda:1"}, 2, (None, None)),
        ({"device": "cpu"}, 2, (None, None)),
        ({"k": "16"}, 2, (None, None)),
    ],
)
def test_each_replica_gets_a_gpu_of_its_own(
    arguments: dict[str, str], count: int, devices: tuple[str | None, ...]
) -> None:
    assert devices_of(arguments, count) == devices
    wanted = PolicyRequest("nano", None, arguments, 7)
    given = [wanted.on(device).arguments.get("device") for device in devices]
    assert given == [device or arguments.get("device") for device in devices]
