"""The loop itself, on a pool that only counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridseval.envs.pool.messages import Reply, Start, Step
from gridseval.policies import ActionChunk
from gridseval.rollout import RolloutPlan, run_episodes
from gridseval.suites import Episode

Make = Callable[[int, int], list[Episode]]


def _uneven(task: int, trial: int) -> int:
    return 1 + (7 * task + 3 * trial) % 11


@pytest.mark.parametrize("slots", [1, 2, 5])
@pytest.mark.parametrize("replan", [None, 1, 2])
def test_outcomes_do_not_depend_on_slots_or_the_order_of_replies(
    episodes: Make, fake_pool: Any, noting_policy: Any, slots: int, replan: int | None
) -> None:
    chosen = episodes(3, 4)
    for seed in range(5):
        pool = fake_pool(slots=slots, steps=_uneven, seed=seed)
        done = list(run_episodes(chosen, pool, noting_policy(), RolloutPlan(replan)))
        assert sorted(outcome.episode for outcome in done) == chosen
        for outcome in done:
            task, trial = outcome.episode.task, outcome.episode.trial
            steps = _uneven(task, trial)
            assert outcome.steps == steps
            assert outcome.status == ("success" if task % 2 == 0 else "failure")
            assert outcome.queries == -(-steps // (replan or 3))
            assert outcome.retries == 0
            assert outcome.error is None
            assert outcome.actions.shape == (steps, 7)
            assert outcome.actions.dtype == np.float32
            assert outcome.actions[:, 2].tolist() == list(range(steps))
            assert set(map(tuple, outcome.actions[:, :2])) == {(task, trial)}


def test_replan_cuts_chunks_and_none_executes_them_whole(
    episodes: Make, fake_pool: Any, noting_policy: Any
) -> None:
    for replan, expected in ((None, 3), (2, 2), (1, 1), (9, 3)):
        pool = fake_pool(slots=1, steps=lambda task, trial: 6)
        list(run_episodes(episodes(1, 1), pool, noting_policy(), RolloutPlan(replan)))
        lengths = [len(sent.actions) for _, sent in pool.sent if isinstance(sent, Step)]
        assert lengths == [expected] * (6 // expected)


def test_slots_that_wait_together_are_asked_together(
    episodes: Make, fake_pool: Any, noting_policy: Any
) -> None:
    class AllAtOnce(fake_pool):  # type: ignore[misc]
        def wait(self, wakes: Sequence[Any] = ()) -> list[Reply]:
            return [self._answer(slot, self._pending.pop(slot)) for slot in sorted(self._pending)]

    policy = noting_policy()
    list(run_episodes(episodes(4, 1), AllAtOnce(slots=4), policy, RolloutPlan()))
    assert policy.batches == [[0, 1, 2, 3]] * 2  # 5 steps are two chunks of 3


def test_no_more_slots_are_used_than_there_are_episodes(
    episodes: Make, fake_pool: Any, noting_policy: Any
) -> None:
    pool = fake_pool(slots=5)
    assert len(list(run_episodes(episodes(1, 2), pool, noting_policy(), RolloutPlan()))) == 2
    assert pool.largest == 2


def test_no_episodes_are_no_outcomes(fake_pool: Any, noting_policy: Any) -> None:
    assert list(run_episodes([], fake_pool(), noting_policy(), RolloutPlan())) == []


@pytest.mark.parametrize(("times", "place"), [(1, 0), (1, 1), (2, 2), (2, 0)])
def test_a_lost_worker_costs_a_retry(
    episodes: Make, fake_pool: Any, noting_policy: Any, times: int, place: int
) -> None:
    pool = fake_pool(slots=2, failures={(1, 1): (times, place)})
    done = {
        o.episode: o for o in run_episodes(episodes(3, 2), pool, noting_policy(), RolloutPlan())
    }
    assert sorted(done) == episodes(3, 2)
    for episode, outcome in done.items():
        lost = (episode.task, episode.trial) == (1, 1)
        assert outcome.retries == (times if lost else 0)
        assert (outcome.steps, outcome.queries) == (5, 2)
        assert outcome.actions[:, 2].tolist() == [0, 1, 2, 3, 4]


def test_the_third_loss_is_an_error(episodes: Make, fake_pool: Any, noting_policy: Any) -> None:
    pool = fake_pool(slots=2, failures={(0, 1): (9, 1)})
    done = {
        o.episode: o for o in run_episodes(episodes(2, 3), pool, noting_policy(), RolloutPlan())
    }
    assert sorted(done) == episodes(2, 3)
    lost = done.pop(Episode("s", 0, 1))
    assert (lost.status, lost.retries, lost.error) == ("error", 2, "lost 3")
    assert lost.actions.shape == (0, 7)
    assert {outcome.status for outcome in done.values()} == {"success", "failure"}
    starts = [(m.task, m.trial) for _, m in pool.sent if isinstance(m, Start)]
    assert Counter(starts)[0, 1] == 3
    assert sum(Counter(starts).values()) == 8


@given(
    slots=st.integers(1, 4),
    seed=st.integers(0, 1000),
    losses=st.dictionaries(
        st.tuples(st.integers(0, 2), st.integers(0, 2)),
        st.tuples(st.integers(1, 4), st.integers(0, 2)),
        max_size=5,
    ),
)
def test_whatever_is_lost_every_episode_has_one_outcome(
    episodes: Make,
    fake_pool: Any,
    noting_policy: Any,
    slots: int,
    seed: int,
    losses: dict[tuple[int, int], tuple[int, int]],
) -> None:
    pool = fake_pool(slots=slots, seed=seed, failures=dict(losses))
    done = list(run_episodes(episodes(3, 3), pool, noting_policy(), RolloutPlan()))
    assert sorted(outcome.episode for outcome in done) == episodes(3, 3)
    for outcome in done:
        # 5 steps are Start and two Steps, so that any of the places 0 to 2 is reached.
        times, _ = losses.get((outcome.episode.task, outcome.episode.trial), (0, 0))
        assert outcome.retries == min(times, 2)
        assert (outcome.status == "error") == (times >= 3)


def test_reset_is_called_once_per_attempt_before_its_first_act(
    episodes: Make, fake_pool: Any, noting_policy: Any
) -> None:
    # Lost in its first step: the policy knew of that attempt. Lost in Start: it never did.
    pool = fake_pool(slots=3, failures={(0, 0): (1, 1), (1, 0): (2, 0)})
    policy = noting_policy()
    list(run_episodes(episodes(3, 2), pool, policy, RolloutPlan()))
    resets = Counter(episode for _, episode in policy.resets)
    expected = Counter(episodes(3, 2))
    expected[Episode("s", 0, 0)] = 2
    assert resets == expected


class _Diary:
    def __init__(self, name: str, pages: list[tuple[str, str, Episode, int]]) -> None:
        self._name, self._pages = name, pages

    def on_start(self, episode: Episode) -> None:
        self._pages.append((self._name, "start", episode, 0))

    def on_frames(self, episode: Episode, frames: Sequence[Mapping[str, Any]]) -> None:
        self._pages += [(self._name, "frame", episode, frame["step"]) for frame in frames]

    def on_query(self, episode: Episode, step: int, trace: Any) -> None:
        """Queries have a test of their own."""


def test_listeners_hear_in_order_of_start_frames_and_outcome(
    episodes: Make, fake_pool: Any, noting_policy: Any
) -> None:
    pages: list[tuple[str, str, Episode, int]] = []
    pool = fake_pool(slots=1, failures={(0, 1): (1, 1)})
    plan = RolloutPlan(record_every=lambda episode: int(episode.trial == 1))
    listeners = [_Diary("a", pages), _Diary("b", pages)]
    for outcome in run_episodes(episodes(1, 2), pool, noting_policy(), plan, listeners):
        page = ("-", outcome.status, outcome.episode, outcome.steps)
        pages.append(page)
    first, second = episodes(1, 2)
    both = [("start", first, 0), "end", ("start", second, 0), ("frame", second, 0)]
    both += [("start", second, 0), *(("frame", second, step) for step in (0, 3, 5)), "end"]
    expected: list[tuple[str, str, Episode, int]] = []
    ended = iter((first, second))
    for page in both:
        if isinstance(page, str):
            expected.append(("-", "success", next(ended), 5))
        else:
            expected += [("a", *page), ("b", *page)]
    assert pages == expected


def test_time_is_split_between_environment_and_policy(
    episodes: Make, fake_pool: Any, noting_policy: Any
) -> None:
    (outcome,) = run_episodes(episodes(1, 1), fake_pool(slots=1), noting_policy(), RolloutPlan())
    assert outcome.seconds["physics"] == 0.5
    assert 0 < outcome.seconds["policy"] < outcome.wall_s


def test_privileged_state_travels_in_the_batch(
    episodes: Make, fake_pool: Any, noting_policy: Any
) -> None:
    class Privileged(fake_pool):  # type: ignore[misc]
        def _answer(self, slot: int, message: Start | Step) -> Reply:
            reply: Reply = super()._answer(slot, message)
            reply.info["privileged"] = {"slot": slot}
            return reply

    class Nosy(noting_policy):  # type: ignore[misc]
        def act(self, observations: Any) -> Any:
            told = [each["slot"] for each in observations["privileged"]]
            assert told == observations["slots"].tolist()
            return super().act(observations)

    assert len(list(run_episodes(episodes(2, 2), Privileged(), Nosy(), RolloutPlan()))) == 4


def test_the_last_remark_of_the_last_attempt_is_kept(
    episodes: Make, fake_pool: Any, noting_policy: Any
) -> None:
    class Remarking(noting_policy):  # type: ignore[misc]
        def act(self, observations: Any) -> Any:
            actions = super().act(observations)
            steps = observations["steps"].tolist()
            # Of task 1 it says nothing.
            said = [
                {"step": step, "attempt": len(self.resets)} if state[0] == 0 else None
                for step, state in zip(steps, observations["state"], strict=True)
            ]
            return ActionChunk(actions, remarks=tuple(said))

    pool = fake_pool(slots=1, failures={(0, 0): (1, 2)})
    outcomes = list(run_episodes(episodes(2, 1), pool, Remarking(), RolloutPlan()))
    assert [outcome.remark for outcome in outcomes] == [{"step": 3, "attempt": 2}, None]
    silent = run_episodes(episodes(1, 1), fake_pool(), noting_policy(), RolloutPlan())
    assert next(silent).remark is None
