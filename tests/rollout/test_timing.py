"""Simulated time goes on while the policy thinks: against a delay line, step after step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gridseval.errors import UsageError
from gridseval.rollout import Outcome, RolloutPlan, run_episodes
from gridseval.rollout.delays import DrawnDelays, MeasuredDelays, RecordedDelays
from gridseval.rollout.timing import Delays, Timing
from gridseval.suites import Episode

Make = Callable[[int, int], list[Episode]]


class Telling:
    """Answers with actions that say which observation they follow, their number, and a gripper."""

    observation_keys = ("state",)

    def __init__(self, chunk: int) -> None:
        self.chunk = chunk
        self.batches: list[int] = []

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        """Nothing is remembered."""

    def act(self, observations: Any) -> NDArray[np.float32]:
        steps = observations["steps"]
        self.batches.append(len(steps))
        chunk = np.zeros((len(steps), self.chunk, 7), np.float32)
        chunk[:, :, 0] = steps[:, None] + 1
        chunk[:, :, 1] = np.arange(self.chunk) + 1
        chunk[:, :, 6] = np.where(np.arange(self.chunk) % 2, 1, -1)
        return chunk


class Scripted:
    """Delays as listed, the last one again and again."""

    alone = False

    def __init__(self, delays: Sequence[int]) -> None:
        self.delays = delays

    def of(self, _: Episode, query: int, __: float, /) -> int:
        return self.delays[min(query, len(self.delays) - 1)]


def answer(origin: int, index: int) -> list[float]:
    return [origin + 1, index + 1, 0, 0, 0, 0, 1 if index % 2 else -1]


def delay_line(
    timing: Timing, delays: Sequence[int], period: int, chunk: int, total: int
) -> tuple[list[list[float]], int]:
    """What a robot's clock would do, step after step: executed actions and number of queries."""
    executed: list[list[float]] = []
    pending: tuple[int, int] | None = None  # the step of arrival, the step of the observation
    origin: int | None = None  # of the answer that is executed
    index, done, queries, due = 0, 0, 0, 0
    for step in range(total):
        for _ in range(2):  # an answer without delay is there at once
            if pending is not None and pending[0] == step:
                origin, pending = pending[1], None
                index = step - origin if timing.execution == "async" else 0
                done = 0
            is_due = step >= due if timing.execution == "async" else done >= period or not queries
            if pending is None and is_due:
                arrival = step + delays[min(queries, len(delays) - 1)]
                pending, due = (arrival, step), step + period
                queries += 1
        if origin is not None and index < chunk:
            action = answer(origin, index)
        else:
            last = executed[-1] if executed else [0, 0, 0, 0, 0, 0, -1]
            repeats = timing.late == "repeat"
            action = list(last) if repeats else [0, 0, 0, 0, 0, 0, last[6]]
        executed.append(action)
        index, done = index + 1, done + 1
    return executed, queries


def run(
    timing: Timing, replan: int | None, chunk: int, total: int, pool: Any, made: list[Episode]
) -> list[Outcome]:
    plan = RolloutPlan(replan, timing=timing)
    assert pool.steps(0, 0) == total
    return sorted(
        run_episodes(made, pool, Telling(chunk), plan), key=lambda outcome: outcome.episode
    )


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["sync", "async"]),
    st.sampled_from(["hold", "repeat"]),
    st.lists(st.integers(0, 12), min_size=1, max_size=6),
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(1, 60),
)
def test_actions_are_those_of_a_delay_line(
    fake_pool: Any,
    episodes: Make,
    execution: Any,
    late: Any,
    delays: list[int],
    chunk: int,
    replan: int,
    total: int,
) -> None:
    timing = Timing(Scripted(delays), execution, late)
    pool = fake_pool(slots=1, steps=lambda *_: total)
    (outcome,) = run(timing, replan, chunk, total, pool, episodes(1, 1))
    expected, queries = delay_line(timing, delays, min(replan, chunk), chunk, total)
    assert outcome.actions.tolist() == expected
    assert outcome.queries == queries
    assert outcome.figures["delays"] == [
        delays[min(query, len(delays) - 1)] for query in range(queries)
    ]
    assert outcome.figures["completion_s"] == pytest.approx(total / 20)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["sync", "async"]), st.integers(0, 12), st.integers(1, 9))
def test_no_action_follows_an_observation_before_its_delay_is_over(
    fake_pool: Any, episodes: Make, execution: Any, delay: int, replan: int
) -> None:
    timing = Timing(DrawnDelays(delay, delay), execution)
    pool = fake_pool(slots=1, steps=lambda *_: 50)
    (outcome,) = run(timing, replan, 8, 50, pool, episodes(1, 1))
    for step, action in enumerate(outcome.actions):
        if action[1]:
            observed, index = action[0] - 1, action[1] - 1
            assert observed <= step - delay
            assert index == step - observed or execution == "sync"
        else:
            assert not action[:6].any()


@pytest.mark.parametrize("execution", ["sync", "async"])
@pytest.mark.parametrize("replan", [None, 1, 3, 8, 11])
def test_no_delay_is_a_world_that_stands_still(
    fake_pool: Any, episodes: Make, execution: Any, replan: int | None
) -> None:
    def outcomes(timing: Timing) -> list[Outcome]:
        pool = fake_pool(slots=3, steps=lambda *_: 30)
        return run(timing, replan, 8, 30, pool, episodes(2, 3))

    for before, after in zip(
        outcomes(Timing()), outcomes(Timing(DrawnDelays(0, 0), execution)), strict=True
    ):
        assert (before.episode, before.queries) == (after.episode, after.queries)
        np.testing.assert_array_equal(before.actions, after.actions)
        assert before.figures["completion_s"] > 30 / 20  # the time of its queries is added
        assert "delays" not in before.figures


def test_a_delay_beyond_the_chunk_holds_the_arm_and_keeps_the_gripper(
    fake_pool: Any, episodes: Make
) -> None:
    pool = fake_pool(slots=1, steps=lambda *_: 30)
    timing = Timing(DrawnDelays(10, 10))
    (outcome,) = run(timing, 4, 4, 30, pool, episodes(1, 1))
    still = [0, 0, 0, 0, 0, 0]
    assert outcome.actions[:10].tolist() == [[*still, -1]] * 10
    assert outcome.actions[10:14, 1].tolist() == [1, 2, 3, 4]
    assert outcome.actions[14:24].tolist() == [[*still, 1]] * 10
    assert outcome.actions[24:28, 0].tolist() == [15] * 4


def test_drawn_delays_depend_on_seed_episode_and_query_only() -> None:
    delays = DrawnDelays(2, 5, seed=7)
    some = [delays.of(Episode("s", 1, 2), query, 0.0) for query in range(200)]
    assert set(some) == {2, 3, 4, 5}
    assert some == [delays.of(Episode("s", 1, 2), query, 9.0) for query in range(200)]
    others = (
        (delays, Episode("s", 1, 3)),
        (delays, Episode("s", 2, 2)),
        (delays, Episode("t", 1, 2)),
        (DrawnDelays(2, 5, seed=8), Episode("s", 1, 2)),
    )
    for other, episode in others:
        assert some != [other.of(episode, query, 0.0) for query in range(200)]


def test_outcomes_do_not_depend_on_how_many_run_beside_each_other(
    fake_pool: Any, episodes: Make
) -> None:
    def actions(slots: int, seed: int) -> list[list[Any]]:
        pool = fake_pool(slots=slots, steps=lambda *_: 40, seed=seed)
        timing = Timing(DrawnDelays(0, 9, seed=3), "async")
        return [outcome.actions.tolist() for outcome in run(timing, 4, 8, 40, pool, episodes(2, 4))]

    alone = actions(1, 0)
    assert actions(4, 1) == alone == actions(8, 2)


def test_measured_delays_ask_one_slot_at_a_time_and_count_its_time_alone(
    fake_pool: Any, episodes: Make
) -> None:
    policy = Telling(8)
    pool = fake_pool(slots=4, steps=lambda *_: 40)
    plan = RolloutPlan(4, timing=Timing(MeasuredDelays()))
    done = list(run_episodes(episodes(2, 4), pool, policy, plan))
    assert set(policy.batches) == {1}
    assert all(outcome.figures["latency_batch"] == 1 for outcome in done)
    assert all(delay >= 1 for outcome in done for delay in outcome.figures["delays"])


@pytest.mark.parametrize(
    ("elapsed_s", "scale", "expected"),
    [(0.0, 1, 0), (0.001, 1, 1), (0.05, 1, 1), (0.051, 1, 2), (0.2, 0.1, 1), (0.2, 2, 8)],
)
def test_measured_delays_are_rounded_up(elapsed_s: float, scale: float, expected: int) -> None:
    assert MeasuredDelays(scale).of(Episode("s", 0, 0), 0, elapsed_s) == expected


def test_recorded_delays_make_the_same_run_again(fake_pool: Any, episodes: Make) -> None:
    def outcomes(delays: Delays) -> list[Outcome]:
        pool = fake_pool(slots=2, steps=lambda *_: 40)
        return run(Timing(delays, "async"), 4, 8, 40, pool, episodes(1, 3))

    before = outcomes(DrawnDelays(0, 7, seed=1))
    recorded = {outcome.episode: outcome.figures["delays"] for outcome in before}
    for old, new in zip(before, outcomes(RecordedDelays(recorded, "runs/a")), strict=True):
        np.testing.assert_array_equal(old.actions, new.actions)
    short = {episode: delays[:2] for episode, delays in recorded.items()}
    with pytest.raises(UsageError, match=r"runs/a recorded 2 delays.*query 3"):
        outcomes(RecordedDelays(short, "runs/a"))


def test_no_more_is_planned_than_an_episode_has(fake_pool: Any, episodes: Make) -> None:
    pool = fake_pool(slots=1, steps=lambda *_: 20)
    plan = RolloutPlan(4, timing=Timing(DrawnDelays(5000, 5000), most=20))
    (outcome,) = run_episodes(episodes(1, 1), pool, Telling(8), plan)
    assert outcome.actions.shape == (20, 7)
    assert [len(sent.actions) for _, sent in pool.sent[1:]] == [20]
