"""Transfers that run together end together, and none of them is waited for in vain."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator

import pytest

from gridseval.assets import transfer as module
from gridseval.assets.hub import PatienceError
from gridseval.assets.transfer import Meter, Pace, Transfer, transfer_all


class Stuck:
    """A transfer of which nothing comes before the test ends, or a minute is over."""

    def __init__(self) -> None:
        self.end, self.is_over = threading.Event(), False
        self.transfer = Transfer(1000, self._run)

    def _run(self, meter: Meter) -> None:
        self.end.wait(60)
        self.is_over = True


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    made = Stuck()
    yield made
    made.end.set()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return a function that lets every look at the clock find so many seconds gone."""

    def tick(seconds: float) -> None:
        ticks = itertools.count(0.0, seconds)
        monkeypatch.setattr(module.time, "monotonic", lambda: next(ticks))

    return tick


def test_all_are_run_and_counted() -> None:
    counted: list[int] = []
    transfer_all([_of(size) for size in range(1, 101)], counted.append)
    assert sorted(counted) == list(range(1, 101))


def test_nothing_to_do() -> None:
    transfer_all([], _ignore, Pace())


def test_a_failure_does_not_wait_for_the_others(stuck: Stuck) -> None:
    def fail(meter: Meter) -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        transfer_all([stuck.transfer, Transfer(1, fail), *[_of(1)] * 50], _ignore)
    assert not stuck.is_over


def test_an_interrupted_meter_does_not_wait_for_the_others(stuck: Stuck) -> None:
    def interrupt(count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        transfer_all([stuck.transfer, _of(1)], interrupt)
    assert not stuck.is_over


def test_what_goes_on_after_the_end_is_stopped() -> None:
    """A transfer that comes to life again must not write into what the next call makes."""
    failed, ended = threading.Event(), threading.Event()

    def late(meter: Meter) -> None:
        failed.wait(60)
        try:
            meter(1)
        except Exception:
            ended.set()
            raise

    def fail(meter: Meter) -> None:
        raise OSError

    with pytest.raises(OSError):
        transfer_all([Transfer(1, late), Transfer(1, fail)], _ignore)
    failed.set()
    assert ended.wait(60)


def test_a_standstill_is_too_slow(stuck: Stuck, clock: Callable[[float], None]) -> None:
    clock(1.0)
    with pytest.raises(PatienceError, match=r"more than 2\.5 min longer") as caught:
        transfer_all([stuck.transfer], _ignore, Pace(look_s=5.0, rest_s=150.0))
    assert "gridseval assets pull" in str(caught.value.hint)


def test_what_counts_is_the_speed_since_the_last_look() -> None:
    """Ten bytes a second, of which as many are left as come in the seconds that are given."""
    pace = Pace(rest_s=60.0)
    assert pace.is_kept(came=50, left=600, elapsed_s=5.0)
    assert not pace.is_kept(came=50, left=601, elapsed_s=5.0)
    assert not pace.is_kept(came=-50, left=600, elapsed_s=5.0)
    assert pace.is_kept(came=0, left=0, elapsed_s=5.0)


def test_without_a_pace_any_is_good(clock: Callable[[float], None]) -> None:
    clock(1e6)
    transfer_all([_of(1)] * 20, _ignore)


def _of(size: int) -> Transfer:
    return Transfer(size, lambda meter: meter(size))


def _ignore(_: int) -> None:
    """Count nothing."""
