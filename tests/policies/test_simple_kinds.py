from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridseval.errors import PolicyError
from gridseval.policies import check_actions, load_policy
from gridseval.policies.random_actions import RandomPolicy
from gridseval.policies.replay import ReplayPolicy
from gridseval.policies.zero import ZeroPolicy
from gridseval.suites import Episode

A, B = Episode("libero_goal", 1, 2), Episode("libero_10", 1, 2)


def asking(slots: list[int], steps: list[int] | None = None) -> dict[str, Any]:
    return {"slots": np.array(slots), "steps": np.array(steps or [0] * len(slots))}


def test_zero_stands_still_with_an_open_gripper() -> None:
    policy = ZeroPolicy(chunk=3)
    policy.reset([4], [A])
    actions = check_actions(policy.act(asking([4])), 1)
    np.testing.assert_array_equal(actions, np.array([[[0, 0, 0, 0, 0, 0, -1]] * 3], np.float32))


def test_random_actions_belong_to_the_episode_not_to_the_slot() -> None:
    together, alone = RandomPolicy(seed=7), RandomPolicy(seed=7)
    together.reset([0, 1], [A, B])
    first = together.act(asking([0, 1])).actions
    second = together.act(asking([1, 0])).actions[::-1]
    alone.reset([5], [B])
    np.testing.assert_array_equal(alone.act(asking([5])).actions[0], first[1])
    np.testing.assert_array_equal(alone.act(asking([5])).actions[0], second[1])
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first[1], second[1])


def test_random_actions_start_again_with_the_episode_and_change_with_the_seed() -> None:
    policy, other = RandomPolicy(seed=7, chunk=64), RandomPolicy(seed=8, chunk=64)
    policy.reset([0], [A])
    first = check_actions(policy.act(asking([0])), 1)
    policy.reset([0], [A])
    np.testing.assert_array_equal(policy.act(asking([0])).actions, first)
    other.reset([0], [A])
    assert not np.array_equal(other.act(asking([0])).actions, first)
    assert first.shape == (1, 64, 7) and first.min() >= -1 and first.max() <= 1
    assert np.ptp(first, axis=1).min() > 1


@pytest.fixture
def recorded(tmp_path: Path) -> Callable[[Episode, Any], Path]:
    def save(episode: Episode, actions: Any) -> Path:
        folder = tmp_path / "actions"
        folder.mkdir(exist_ok=True)
        np.save(folder / f"{episode.suite}-{episode.task}-{episode.trial}.npy", actions)
        return tmp_path

    return save


@pytest.mark.parametrize("replan", [1, 3, 8])
def test_replay_plays_the_recording_whatever_is_executed_per_query(
    recorded: Callable[[Episode, Any], Path], replan: int
) -> None:
    actions = np.random.default_rng(0).uniform(-1, 1, (11, 7)).astype(np.float32)
    recorded(B, np.ones((2, 7), np.float32))
    policy = ReplayPolicy(str(recorded(A, actions)), chunk=8)
    policy.reset([3, 1], [A, B])
    played = np.concatenate(
        [policy.act(asking([1, 3], [0, step])).actions[1, :replan] for step in range(0, 16, replan)]
    )[:16]
    np.testing.assert_array_equal(played[:11], actions)
    still = np.zeros((5, 7), np.float32)
    still[:, 6] = actions[-1, 6]
    np.testing.assert_array_equal(played[11:], still)


def test_an_empty_recording_stands_still_with_an_open_gripper(
    recorded: Callable[[Episode, Any], Path],
) -> None:
    policy = ReplayPolicy(str(recorded(A, np.zeros((0, 7), np.float32))), chunk=1)
    policy.reset([0], [A])
    np.testing.assert_array_equal(policy.act(asking([0])).actions, [[[0, 0, 0, 0, 0, 0, -1]]])


def test_recorded_goals_are_held_after_the_end_not_given_up_for_the_origin(
    recorded: Callable[[Episode, Any], Path],
) -> None:
    goals = np.random.default_rng(0).uniform(-1, 1, (3, 7)).astype(np.float32)
    folder = recorded(A, goals)
    (folder / "run.yaml").write_text("actions: absolute\n")
    policy = ReplayPolicy(str(folder), chunk=5)
    assert policy.needs.actions == "absolute"
    policy.reset([0], [A])
    played = policy.act(asking([0])).actions[0]
    np.testing.assert_array_equal(played, goals[[0, 1, 2, 2, 2]])
    recorded(A, goals[:0])
    policy.reset([0], [A])
    with pytest.raises(PolicyError, match="no pose to hold"):
        policy.act(asking([0]))


def test_replay_names_the_episode_that_was_not_recorded(
    recorded: Callable[[Episode, Any], Path],
) -> None:
    policy = ReplayPolicy(str(recorded(A, np.zeros((1, 7), np.float32))))
    with pytest.raises(PolicyError, match="libero_10 task 1 trial 2 was not recorded"):
        policy.reset([0], [B])


@pytest.mark.parametrize(
    "actions",
    [np.zeros((3, 7)), np.zeros((3, 6), np.float32), np.zeros(7, np.float32)],
    ids=["float64", "six", "flat"],
)
def test_replay_refuses_what_it_did_not_record(
    recorded: Callable[[Episode, Any], Path], actions: Any
) -> None:
    policy = ReplayPolicy(str(recorded(A, actions)))
    with pytest.raises(PolicyError, match=r"expected float32 \(steps, 7\)"):
        policy.reset([0], [A])


def test_replay_refuses_pickles_and_damaged_files(
    recorded: Callable[[Episode, Any], Path],
) -> None:
    folder = recorded(A, np.array([{"a": 1}], dtype=object))
    policy = ReplayPolicy(str(folder))
    with pytest.raises(PolicyError, match=r"cannot read .*allow_pickle"):
        policy.reset([0], [A])
    file = next((folder / "actions").iterdir())
    np.save(file, np.zeros((3, 7), np.float32))
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(PolicyError, match="cannot read"):
        policy.reset([0], [A])
    file.write_bytes(b"")
    with pytest.raises(PolicyError, match="cannot read"):
        policy.reset([0], [A])


def test_replay_needs_a_run_with_recorded_actions(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="--record-actions"):
        ReplayPolicy(str(tmp_path))


def test_replay_refuses_a_recording_of_another_run(
    recorded: Callable[[Episode, Any], Path],
) -> None:
    folder = recorded(A, np.zeros((1, 7), np.float32))
    (folder / "run.yaml").write_text("suite: libero_goal\nseed: 7\n")
    ReplayPolicy(str(folder)).reset([0], [A])
    needs = ReplayPolicy(str(folder)).needs
    assert (needs.env_seed, needs.seeding, needs.strict) == (7, "task", True)
    with pytest.raises(PolicyError, match="with suite libero_goal, but this run has libero_10"):
        ReplayPolicy(str(folder)).reset([0], [B])


@pytest.mark.parametrize("text", ["- 1", "suite: [", "!!python/object/apply:os.system [exit]"])
def test_replay_refuses_a_manifest_that_is_none(
    recorded: Callable[[Episode, Any], Path], text: str
) -> None:
    folder = recorded(A, np.zeros((1, 7), np.float32))
    (folder / "run.yaml").write_text(text)
    with pytest.raises(PolicyError, match=r"cannot read .*run.yaml"):
        ReplayPolicy(str(folder))


def test_one_file_is_played_in_every_episode(tmp_path: Path) -> None:
    actions = np.arange(35, dtype=np.float32).reshape(5, 7)
    np.save(tmp_path / "mine.npy", actions)
    loaded = load_policy(None, str(tmp_path / "mine.npy"), {"chunk": "3"}, 7)
    assert loaded.name == "replay"
    for episode in (Episode("libero_goal", 1, 2), Episode("libero_10", 0, 0)):
        loaded.policy.reset([0], [episode])
        chunk = loaded.policy.act({"slots": np.array([0]), "steps": np.array([2])})
        assert np.array_equal(chunk.actions[0], actions[2:5])
    np.save(tmp_path / "wrong.npy", actions[:, :6])
    with pytest.raises(PolicyError, match=r"expected float32 \(steps, 7\)"):
        load_policy(None, str(tmp_path / "wrong.npy"), {}, 7)
