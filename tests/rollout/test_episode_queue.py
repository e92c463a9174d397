"""Every episode is taken once, and slots change tasks as seldom as they can."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gridseval.rollout import EpisodeQueue
from gridseval.suites import Episode

_KEYS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 8)), unique=True, min_size=1, max_size=30
)


def _queue(keys: list[tuple[int, int]]) -> tuple[list[Episode], EpisodeQueue]:
    episodes = [Episode("s", task, trial) for task, trial in keys]
    return episodes, EpisodeQueue(episodes)


@given(_KEYS, st.data())
def test_every_episode_is_taken_exactly_once(
    keys: list[tuple[int, int]], data: st.DataObject
) -> None:
    episodes, queue = _queue(keys)
    taken: Counter[Episode] = Counter()
    for left in range(len(episodes), 0, -1):
        assert len(queue) == left
        episode = queue.take(data.draw(st.integers(0, 3)))
        assert episode is not None
        taken[episode] += 1
    assert taken == Counter(episodes)
    assert [queue.take(slot) for slot in range(4)] == [None] * 4
    assert len(queue) == 0


def test_slots_keep_to_the_scene_that_tasks_share() -> None:
    """Tasks 0, 2, 4 have one compiled model, and 1, 3, 5 another."""
    episodes = [Episode("s", task, 0) for task in range(6)]
    queue = EpisodeQueue(episodes, scene=lambda episode: episode.task % 2)
    taken = [queue.take(slot) for slot in (0, 1, 0, 1)]
    assert [episode.task for episode in taken if episode] == [0, 1, 2, 3]
    queue.put_back(episodes[2])
    last = [queue.take(slot) for slot in (0, 0, 0)]
    assert [episode.task for episode in last if episode] == [2, 4, 5]


@given(_KEYS, st.data())
def test_what_is_put_back_is_taken_again(keys: list[tuple[int, int]], data: st.DataObject) -> None:
    episodes, queue = _queue(keys)
    taken: Counter[Episode] = Counter()
    returned: Counter[Episode] = Counter()
    while (episode := queue.take(data.draw(st.integers(0, 3)))) is not None:
        taken[episode] += 1
        if returned[episode] < 2 and data.draw(st.booleans()):
            returned[episode] += 1
            queue.put_back(episode)
    assert taken == Counter(episodes) + returned


@given(_KEYS, st.data())
def test_a_slot_keeps_its_task_while_it_has_episodes(
    keys: list[tuple[int, int]], data: st.DataObject
) -> None:
    episodes, queue = _queue(keys)
    left = Counter(episode.task for episode in episodes)
    last: dict[int, int] = {}
    for _ in episodes:
        slot = data.draw(st.integers(0, 3))
        episode = queue.take(slot)
        assert episode is not None
        before = last.get(slot)
        if before is not None and left[before]:
            assert episode.task == before
        elif untaken := [task for task in left if left[task] and task not in last.values()]:
            assert episode.task in untaken
        left[episode.task] -= 1
        last[slot] = episode.task


def test_a_task_s_episodes_come_in_their_order() -> None:
    _, queue = _queue([(1, 2), (0, 0), (1, 0), (1, 1)])
    assert [queue.take(0) for _ in range(4)] == [
        Episode("s", 1, 2),
        Episode("s", 1, 0),
        Episode("s", 1, 1),
        Episode("s", 0, 0),
    ]


def test_slots_start_on_different_tasks() -> None:
    _, queue = _queue([(task, trial) for task in range(3) for trial in range(2)])
    assert [queue.take(slot) for slot in range(3)] == [Episode("s", task, 0) for task in range(3)]


def test_a_slot_without_a_free_task_helps_where_most_is_left() -> None:
    _, queue = _queue([(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (1, 3)])
    assert queue.take(0) == Episode("s", 0, 0)
    assert queue.take(1) == Episode("s", 1, 0)
    assert queue.take(2) == Episode("s", 1, 1)


def test_what_is_put_back_comes_before_its_task_s_others() -> None:
    episodes, queue = _queue([(0, 0), (0, 1)])
    queue.take(0)
    queue.put_back(episodes[0])
    assert queue.take(0) == episodes[0]


def test_an_episode_put_back_into_an_empty_queue_is_there() -> None:
    episodes, queue = _queue([(4, 2)])
    queue.take(1)
    assert queue.take(1) is None
    queue.put_back(episodes[0])
    assert queue.take(0) == episodes[0]


@given(_KEYS, st.data())
def test_a_spread_queue_keeps_the_order_of_all_episodes(
    keys: list[tuple[int, int]], data: st.DataObject
) -> None:
    episodes = [Episode("s", task, trial) for task, trial in keys]
    queue = EpisodeQueue(episodes, spread=True)
    taken = [queue.take(data.draw(st.integers(0, 3))) for _ in episodes]
    assert taken == episodes
    assert queue.take(0) is None
    queue.put_back(episodes[0])
    assert queue.take(1) == episodes[0]
