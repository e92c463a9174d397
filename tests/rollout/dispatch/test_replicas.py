"""Several replicas behind the loop: where episodes go, what a loss costs, and when it ends."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from gridseval.errors import PolicyError, UsageError
from gridseval.policies import ActionChunk, LoadedPolicy
from gridseval.rollout import Outcome, RolloutPlan, run_episodes
from gridseval.rollout.dispatch import (
    Answer,
    Question,
    Replica,
    ReplicaDispatcher,
    ReplicaLostError,
    ask,
)
from gridseval.rollout.timing import Timing
from gridseval.suites import Episode

Make = Callable[[int, int], list[Episode]]


@dataclass
class Threaded:
    """A replica that asks a policy in its thread; ``lose`` makes its next query fail."""

    name: str
    policy: Any
    starts: list[str | None] = field(default_factory=list)
    pause_s: float = 0.0
    says: str = "one"
    asked: list[list[int]] = field(default_factory=list)
    seen: set[Episode] = field(default_factory=set)
    lose: Callable[[Sequence[Question]], bool] = lambda questions: False
    started: int = 0
    closed: bool = False

    def start(self) -> LoadedPolicy:
        self.started += 1
        if self.starts and (reason := self.starts.pop(0)) is not None:
            raise ReplicaLostError(reason)
        return LoadedPolicy(self.policy, self.says, ("state",), None, {"kind": self.says})

    def ask(self, questions: Sequence[Question]) -> Answer:
        self.asked.append([question.slot for question in questions])
        self.seen |= {question.episode for question in questions if question.begins}
        if self.lose(questions):
            raise ReplicaLostError("it was killed")
        time.sleep(self.pause_s)
        return ask(self.policy, questions)

    def close(self) -> None:
        self.closed = True


def same(first: LoadedPolicy, other: LoadedPolicy, name: str, other_name: str) -> None:
    if first.description != other.description:
        raise UsageError(f"{other_name} is not as {name}")


@contextlib.contextmanager
def opened(*replicas: Replica) -> Iterator[ReplicaDispatcher]:
    dispatcher = ReplicaDispatcher(replicas, same, first_pause_s=0.01)
    try:
        dispatcher.start()
        yield dispatcher
    finally:
        dispatcher.close()


def plain(outcomes: Sequence[Outcome]) -> dict[Episode, tuple[Any, ...]]:
    return {
        each.episode: (each.status, each.steps, each.queries, each.actions.tobytes())
        for each in outcomes
    }


@pytest.mark.parametrize("alone", [False, True])
def test_outcomes_are_those_of_one_policy_and_all_replicas_are_asked(
    episodes: Make, fake_pool: Any, noting_policy: Any, alone: bool
) -> None:
    class Delays:
        alone = True

        def of(self, episode: Episode, query: int, elapsed_s: float) -> int:
            took_s.append(elapsed_s)
            return 0

    took_s: list[float] = []
    plan = RolloutPlan(timing=Timing(Delays() if alone else None))
    chosen = episodes(4, 3)
    expected = plain(list(run_episodes(chosen, fake_pool(slots=6), noting_policy(), RolloutPlan())))
    replicas = [Threaded(f"r{i}", noting_policy(), pause_s=0.02) for i in range(3)]
    with opened(*replicas) as dispatcher:
        found = plain(list(run_episodes(chosen, fake_pool(slots=6), dispatcher, plan)))
        # Another run with the same replicas.
        again = plain(list(run_episodes(chosen, fake_pool(slots=2), dispatcher, plan)))
    assert found == again == expected
    assert all(replica.closed for replica in replicas)
    # NotingPolicy checks each query's episode: an episode never changes its replica.
    assert all(len(replica.seen) >= 2 for replica in replicas)
    assert all(replica.started == 1 for replica in replicas)
    largest = max(len(batch) for replica in replicas for batch in replica.asked)
    assert largest == 1 if alone else largest <= 3
    assert np.median(took_s or [0]) < 0.02, "the wait for a replica counts"


def test_environments_go_on_while_a_replica_thinks(
    episodes: Make, fake_pool: Any, noting_policy: Any
) -> None:
    released = threading.Event()

    class Slow(noting_policy):  # type: ignore[misc]
        def act(self, observations: Any) -> Any:
            assert released.wait(30)
            return super().act(observations)

    slow = Threaded("slow", Slow())
    with opened(slow, Threaded("fast", noting_policy())) as dispatcher:
        running = run_episodes(episodes(1, 6), fake_pool(slots=2), dispatcher, RolloutPlan())
        ended = [next(running).episode.trial for _ in range(5)]
        released.set()
        assert sorted([*ended, *(outcome.episode.trial for outcome in running)]) == list(range(6))
    assert len(slow.seen) == 1
    assert slow.seen.isdisjoint(Episode("s", 0, trial) for trial in ended)


def test_a_replica_that_is_lost_costs_its_episodes_an_attempt_and_comes_back(
    episodes: Make, fake_pool: Any, noting_policy: Any
) -> None:
    def once(questions: Sequence[Question]) -> bool:
        return len(lossy.asked) == 3

    lossy = Threaded("a", noting_policy(), lose=once)
    lossy.starts = [None, "not yet", "not yet"]
    chosen = episodes(2, 10)
    other = Threaded("b", noting_policy(), pause_s=0.01)
    with opened(lossy, other) as dispatcher:
        found = list(run_episodes(chosen, fake_pool(slots=4), dispatcher, RolloutPlan()))
        assert dispatcher.notes == ("a was lost 1 times, the last time since not yet",)
    assert sorted(outcome.episode for outcome in found) == chosen
    assert {outcome.status for outcome in found} == {"success", "failure"}
    assert 1 <= sum(outcome.retries for outcome in found) <= 2  # of 4 slots it had two
    assert {outcome.steps for outcome in found} == {5}
    assert lossy.started == 4
    assert len(lossy.asked) > 4, "it is asked again"


def test_an_episode_that_kills_every_replica_is_an_error_of_its_own(
    episodes: Make, fake_pool: Any, noting_policy: Any
) -> None:
    def poison(questions: Sequence[Question]) -> bool:
        return any(question.episode.trial == 3 for question in questions)

    replicas = [Threaded(name, noting_policy(), lose=poison) for name in "ab"]
    with opened(*replicas) as dispatcher:
        chosen = episodes(1, 12)
        found = list(run_episodes(chosen, fake_pool(slots=1), dispatcher, RolloutPlan()))
    told = {outcome.episode.trial: outcome.status for outcome in found}
    assert told == {**dict.fromkeys(range(12), "success"), 3: "error"}
    (error,) = [outcome.error for outcome in found if outcome.error]
    assert error in ("a was lost: it was killed", "b was lost: it was killed")


def test_when_no_replica_is_left_the_run_ends_with_one_error(
    episodes: Make, fake_pool: Any, noting_policy: Any
) -> None:
    replicas = [Threaded(name, noting_policy(), lose=lambda questions: True) for name in "ab"]
    for replica in replicas:
        replica.starts = [None, *["no route"] * 9]
    with opened(*replicas) as dispatcher, pytest.raises(PolicyError) as caught:
        list(run_episodes(episodes(1, 30), fake_pool(slots=3), dispatcher, RolloutPlan()))
    assert caught.value.message == "no replica of the policy is left (a: no route; b: no route)"
    assert "the same command resumes" in (caught.value.hint or "")


def test_a_replica_that_never_answers_is_given_up(
    episodes: Make, fake_pool: Any, noting_policy: Any
) -> None:
    broken = Threaded("a", noting_policy(), lose=lambda questions: True)
    fine = Threaded("b", noting_policy())
    chosen = episodes(1, 40)
    with opened(broken, fine) as dispatcher:
        found = list(run_episodes(chosen, fake_pool(slots=4), dispatcher, RolloutPlan()))
    assert Counter(outcome.status for outcome in found)["success"] >= 36
    assert broken.started <= 6
    assert broken.closed


@pytest.mark.parametrize("lost", [0, 1])
def test_what_is_not_there_at_the_start_is_left_out(
    episodes: Make, fake_pool: Any, noting_policy: Any, lost: int
) -> None:
    replicas = [Threaded(name, noting_policy(), says="one") for name in "ab"]
    replicas[lost].starts = ["no route"] * 10_000
    with opened(*replicas) as dispatcher:
        found = list(run_episodes(episodes(1, 4), fake_pool(), dispatcher, RolloutPlan()))
    assert {outcome.retries for outcome in found} == {0}
    assert replicas[lost].asked == []
    replicas[1 - lost].starts = ["down"] * 10_000
    with pytest.raises(PolicyError, match=r"no replica .* left \("), opened(*replicas):
        pass


def test_another_policy_is_refused_by_name_at_the_start_and_later(
    episodes: Make, fake_pool: Any, noting_policy: Any
) -> None:
    first, other = Threaded("a", noting_policy()), Threaded("b", noting_policy(), says="two")
    with pytest.raises(UsageError, match="is not as"), opened(first, other):
        pass
    assert first.closed and other.closed

    def once(questions: Sequence[Question]) -> bool:
        changing.says = "two"
        return True

    changing = Threaded("b", noting_policy(), lose=once)
    with opened(Threaded("a", noting_policy()), changing) as dispatcher:
        found = list(run_episodes(episodes(1, 20), fake_pool(), dispatcher, RolloutPlan()))
    assert len(found) == 20
    assert sum(outcome.retries for outcome in found) == 1
    assert len(changing.asked) == 1


def test_what_a_policy_raises_ends_the_run(
    episodes: Make, fake_pool: Any, noting_policy: Any
) -> None:
    class Raising(noting_policy):  # type: ignore[misc]
        def act(self, observations: Any) -> Any:
            raise KeyError("image")

    with (
        opened(Threaded("a", Raising())) as dispatcher,
        pytest.raises(PolicyError, match="the policy Raising failed at task 0 trial 0: KeyError"),
    ):
        list(run_episodes(episodes(1, 1), fake_pool(), dispatcher, RolloutPlan()))


def test_a_run_that_ends_early_leaves_nothing_for_the_next(
    episodes: Make, fake_pool: Any, noting_policy: Any
) -> None:
    with opened(Threaded("a", noting_policy(), pause_s=0.02)) as dispatcher:
        running = run_episodes(episodes(2, 5), fake_pool(slots=4), dispatcher, RolloutPlan())
        next(running)
        running.close()  # type: ignore[attr-defined]
        again = list(run_episodes(episodes(3, 2), fake_pool(slots=4), dispatcher, RolloutPlan()))
    assert sorted(outcome.episode for outcome in again) == episodes(3, 2)
    assert {outcome.retries for outcome in again} == {0}


def test_failures_of_single_slots_stay_theirs(episodes: Make, fake_pool: Any) -> None:
    class Failing:
        def reset(self, slots: Any, episodes: Any) -> None:
            """Remember nothing."""

        def act(self, observations: Any) -> ActionChunk:
            wrong = {i: "no" for i, row in enumerate(observations["state"]) if row[1] == 2}
            return ActionChunk(
                np.zeros((len(observations["slots"]), 3, 7), np.float32), failures=wrong
            )

    replicas = [Threaded(name, Failing()) for name in "ab"]
    with opened(*replicas) as dispatcher:
        found = list(run_episodes(episodes(1, 6), fake_pool(), dispatcher, RolloutPlan()))
    assert {o.episode.trial: o.error for o in found if o.error} == {2: "no"}
    assert all(replica.started == 1 for replica in replicas)
