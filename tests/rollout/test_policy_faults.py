"""What a policy does wrong ends the run with one error that says where."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gridseval.errors import PolicyError, UsageError
from gridseval.policies import ActionChunk
from gridseval.rollout import RolloutPlan, run_episodes
from gridseval.suites import Episode

Make = Callable[[int, int], list[Episode]]


def _nan(batch: int) -> Any:
    actions = np.zeros((batch, 3, 7), np.float32)
    actions[-1, 1, 4] = np.nan
    return ActionChunk(actions)


WRONG = {
    "nan": (_nan, "nan"),
    "infinite": (lambda batch: np.full((batch, 1, 7), np.inf, np.float32), "inf"),
    "six numbers": (lambda batch: np.zeros((batch, 3, 6), np.float32), r"shape \(1, 3, 6\)"),
    "no steps": (lambda batch: np.zeros((batch, 0, 7), np.float32), r"shape \(1, 0, 7\)"),
    "no axis of steps": (lambda batch: np.zeros((batch, 7), np.float32), r"shape \(1, 7\)"),
    "a slot too many": (
        lambda batch: np.zeros((batch + 1, 3, 7), np.float32),
        r"shape \(2, 3, 7\)",
    ),
    "whole numbers": (lambda batch: np.zeros((batch, 3, 7), np.int64), "int64"),
    "nothing": (lambda batch: None, "NoneType"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_cannot_be_executed_is_named_with_its_episode(
    episodes: Make, fake_pool: Any, noting_policy: Any, wrong: str
) -> None:
    make, said = WRONG[wrong]

    class Wrong(noting_policy):  # type: ignore[misc]
        def act(self, observations: Any) -> Any:
            good = super().act(observations)
            late = self.now[0].trial == 2 and observations["steps"][0] == 3
            return make(len(good)) if late else good

    done = []
    with pytest.raises(PolicyError, match=said) as caught:
        for outcome in run_episodes(episodes(1, 4), fake_pool(slots=1), Wrong(), RolloutPlan()):
            done.append(outcome.episode.trial)  # noqa: PERF401
    assert done == [0, 1]
    assert "task 0 trial 2" in caught.value.message
    assert caught.value.hint
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("method", ["reset", "act"])
def test_a_policy_that_raises_is_named_with_its_episodes(
    episodes: Make, fake_pool: Any, noting_policy: Any, method: str
) -> None:
    def fail(*_: Any) -> None:
        raise KeyError("image")

    policy = noting_policy()
    setattr(policy, method, fail)
    with pytest.raises(PolicyError) as caught:
        list(run_episodes(episodes(3, 1), fake_pool(slots=1), policy, RolloutPlan()))
    assert caught.value.message == (
        "the policy NotingPolicy failed at task 0 trial 0: KeyError: 'image'"
    )
    assert isinstance(caught.value.__cause__, KeyError)


@pytest.mark.parametrize("method", ["reset", "act"])
def test_a_policy_that_exits_ends_the_run_with_an_error(
    episodes: Make, fake_pool: Any, noting_policy: Any, method: str
) -> None:
    def leave(*_: Any) -> None:
        sys.exit(0)

    policy = noting_policy()
    setattr(policy, method, leave)
    with pytest.raises(PolicyError, match="failed at task 0 trial 0: SystemExit: 0") as caught:
        list(run_episodes(episodes(1, 1), fake_pool(slots=1), policy, RolloutPlan()))
    assert caught.value.exit_code == 4


def test_a_user_s_error_that_a_policy_raises_passes_as_it_is(
    episodes: Make, fake_pool: Any, noting_policy: Any
) -> None:
    error = UsageError("the server wants a key")

    class Refusing(noting_policy):  # type: ignore[misc]
        def act(self, observations: Any) -> Any:
            raise error

    with pytest.raises(UsageError) as caught:
        list(run_episodes(episodes(1, 1), fake_pool(), Refusing(), RolloutPlan()))
    assert caught.value is error


def test_ctrl_c_in_a_policy_is_no_policy_error(
    episodes: Make, fake_pool: Any, noting_policy: Any
) -> None:
    class Interrupted(noting_policy):  # type: ignore[misc]
        def act(self, observations: Any) -> Any:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(run_episodes(episodes(1, 1), fake_pool(), Interrupted(), RolloutPlan()))


def test_actions_that_a_policy_changes_later_are_recorded_as_they_were_executed(
    episodes: Make, fake_pool: Any, noting_policy: Any
) -> None:
    class Reusing(noting_policy):  # type: ignore[misc]
        """Returns one buffer again and again, as fast servers do."""

        buffer = np.zeros((1, 3, 7), np.float32)

        def act(self, observations: Any) -> Any:
            self.buffer[:] = super().act(observations)
            return ActionChunk(self.buffer)

    (outcome,) = run_episodes(episodes(1, 1), fake_pool(slots=1), Reusing(), RolloutPlan())
    assert outcome.actions[:, 2].tolist() == [0, 1, 2, 3, 4]


class Lost:
    """Fails some episodes' queries for a technical reason, as a client of a server does."""

    def __init__(self, times: dict[int, int]) -> None:
        self.left = dict(times)  # trial: how often
        self.begun: list[int] = []
        self.now: dict[int, int] = {}

    def reset(self, slots: Any, episodes: Any) -> None:
        for slot, episode in zip(slots, episodes, strict=True):
            self.now[slot] = episode.trial
            self.begun.append(episode.trial)

    def act(self, observations: Any) -> ActionChunk:
        failures = {}
        pairs = zip(observations["slots"], observations["steps"], strict=True)
        for index, (slot, step) in enumerate(pairs):
            trial = self.now[int(slot)]
            if step == 2 and self.left.get(trial, 0):
                self.left[trial] -= 1
                failures[index] = f"the server lost trial {trial}"
        actions = np.zeros((len(observations["slots"]), 2, 7), np.float32)
        return ActionChunk(actions, failures=failures)


@pytest.mark.parametrize("slots", [1, 2, 3])
def test_a_lost_server_costs_an_attempt_and_no_other_episode(
    episodes: Make, fake_pool: Any, slots: int
) -> None:
    policy = Lost({1: 2, 3: 5})
    outcomes = {
        outcome.episode.trial: outcome
        for outcome in run_episodes(episodes(1, 5), fake_pool(slots=slots), policy, RolloutPlan())
    }
    assert {trial: outcome.status for trial, outcome in outcomes.items()} == {
        **dict.fromkeys((0, 1, 2, 4), "success"),
        3: "error",
    }
    assert {trial: outcome.retries for trial, outcome in outcomes.items() if outcome.retries} == {
        1: 2,
        3: 2,
    }
    assert outcomes[3].error == "the server lost trial 3"
    assert sorted(policy.begun) == [0, 1, 1, 1, 2, 3, 3, 3, 4]
    # Steps of an attempt that failed are not counted.
    assert {outcomes[trial].steps for trial in (0, 1, 2, 4)} == {5}


@pytest.mark.parametrize("failures", [{1: "x"}, {-1: "x"}, {"0": "x"}, ["x"]])
def test_failures_of_nobody_are_a_mistake_of_the_policy(
    episodes: Make, fake_pool: Any, noting_policy: Any, failures: Any
) -> None:
    class Wrong(noting_policy):  # type: ignore[misc]
        def act(self, observations: Any) -> Any:
            return ActionChunk(super().act(observations), failures=failures)

    with pytest.raises(PolicyError, match="failures"):
        list(run_episodes(episodes(1, 1), fake_pool(slots=1), Wrong(), RolloutPlan()))
