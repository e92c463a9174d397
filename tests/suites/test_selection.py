"""Choosing tasks and listing episodes, by examples and with any text at all."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridseval.errors import UsageError
from gridseval.suites import Episode, Suite, list_episodes, load_suite, select_tasks

GOAL = load_suite("libero_goal")
LONG = load_suite("libero_90")


def _chosen(text: str | None, suite: Suite = GOAL) -> list[int]:
    return [task.index for task in select_tasks(suite, text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, list(range(10))),
        ("0", [0]),
        ("9", [9]),
        ("0,3-5", [0, 3, 4, 5]),
        ("5,3,3-4,0", [0, 3, 4, 5]),
        (" 1 , 2 - 3 ", [1, 2, 3]),
        ("7-7", [7]),
        ("007", [7]),
        ("turn_on_the_stove", [7]),
        ("put_the_bowl_on_the_plate,0-1,turn_on_the_stove", [0, 1, 7, 8]),
    ],
)
def test_selects(text: str | None, expected: list[int]) -> None:
    assert _chosen(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10", "there is no task 10 in libero_goal: its 10 tasks are numbered 0 to 9"),
        ("3-10", "there is no task 10"),
        ("999999999", "there is no task 999999999"),
        ("5-3", "the range 5-3 runs backwards (write 3-5)"),
        ("", "no task is named at all"),
        ("  ", "no task is named at all"),
        ("1,,2", "no task is named between the commas of '1,,2'"),
        ("1,", "no task is named between the commas"),
        ("-1", "'-1' is neither an index, nor a range such as 3-5, nor the name of a task"),
        ("1.0", "is neither an index"),
        ("1-2-3", "is neither an index"),
        ("٣", "is neither an index"),
        ("²", "is neither an index"),
        ("9" * 5000, "is neither an index"),
        ("turn_on_the_stofe", "did you mean 'turn_on_the_stove'?"),
        ("TURN_ON_THE_STOVE", "is neither an index"),
    ],
)
def test_refuses(text: str, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        select_tasks(GOAL, text)
    assert expected in str(caught.value)
    assert len(str(caught.value)) < 400


_parts = st.one_of(
    st.text(max_size=12),
    st.text(alphabet=string.digits + "-, ", max_size=12),
    st.sampled_from([task.name for task in LONG.tasks]),
)


@given(st.lists(_parts, max_size=6).map(",".join))
def test_any_text_selects_valid_tasks_or_is_refused(text: str) -> None:
    try:
        tasks = select_tasks(LONG, text)
    except UsageError as error:
        assert str(error)
        return
    indices = [task.index for task in tasks]
    assert indices == sorted(set(indices))
    assert indices
    assert all(LONG.tasks[task.index] is task for task in tasks)


@given(st.lists(st.tuples(st.integers(0, 89), st.integers(0, 89)), min_size=1, max_size=5))
def test_ranges_select_what_python_ranges_hold(ranges: list[tuple[int, int]]) -> None:
    ordered = [(min(pair), max(pair)) for pair in ranges]
    text = ",".join(f"{first}-{last}" for first, last in ordered)
    expected = set().union(*(range(first, last + 1) for first, last in ordered))
    assert _chosen(text, LONG) == sorted(expected)


def test_tasks_are_found_by_index_and_name() -> None:
    assert GOAL.task(7) is GOAL.tasks[7]
    assert GOAL.task("turn_on_the_stove") is GOAL.tasks[7]


@pytest.mark.parametrize("key", [-1, 10, "turn_on_the_stofe", "7", "", 1.0, None, "x" * 10_000])
def test_unknown_tasks_are_refused(key: int | str) -> None:
    with pytest.raises(UsageError) as caught:
        GOAL.task(key)
    assert len(str(caught.value)) < 500


def test_unknown_task_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'turn_on_the_stove'"):
        GOAL.task("turn_on_the_stofe")


def test_trials_are_checked() -> None:
    assert [GOAL.check_trial(trial) for trial in (0, 49)] == [0, 49]
    with pytest.raises(UsageError, match=r"no trial 50 of 50 in libero_goal.*0 to 49"):
        GOAL.check_trial(50)
    for wrong in (-1, 1.5, "3", None):
        with pytest.raises(UsageError):
            GOAL.check_trial(wrong)  # type: ignore[arg-type]


def test_episodes_come_task_by_task() -> None:
    tasks = select_tasks(GOAL, "2,5")
    assert list_episodes(GOAL, tasks, 2) == (
        Episode("libero_goal", 2, 0),
        Episode("libero_goal", 2, 1),
        Episode("libero_goal", 5, 0),
        Episode("libero_goal", 5, 1),
    )
    assert len(set(list_episodes(GOAL, GOAL.tasks, 50))) == 500


@pytest.mark.parametrize("trials", [0, -1, 51])
def test_impossible_numbers_of_trials_are_refused(trials: int) -> None:
    with pytest.raises(UsageError, match=f"{trials} trials"):
        list_episodes(GOAL, GOAL.tasks, trials)


def test_episodes_are_ordered_and_hashable() -> None:
    episodes = [Episode("b", 0, 0), Episode("a", 1, 0), Episode("a", 0, 2), Episode("a", 0, 1)]
    assert sorted(episodes) == episodes[::-1]
    assert len({*episodes, Episode("a", 0, 1)}) == 4
