"""``--perturb objects``: things stand elsewhere, as settled as before, and always the same."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridseval.envs.libero_env import LiberoEnv
from gridseval.envs.perturbations.plan import parse_plan
from gridseval.errors import UsageError


def started(
    assets: Path, suite: str, task: int, *perturb: str, trial: int = 0
) -> tuple[dict[str, Any], np.ndarray]:
    """Return poses of all things and the whole state after settling."""
    env = LiberoEnv(suite, assets=assets, perturb=perturb, observations=("state",), privileged=True)
    try:
        _, info = env.reset(options={"task": task, "trial": trial})
        assert not info["is_success"]
        return info["privileged"]["objects"], env.sim_state()
    finally:
        env.close()


def test_things_move_as_far_as_asked_and_stay_upright(assets: Path) -> None:
    before, _ = started(assets, "libero_object", 0)
    after, state = started(assets, "libero_object", 0, "objects:3")
    assert set(before) == set(after)
    shifts = [np.linalg.norm((after[name] - before[name])[:2]) for name in before]
    assert max(shifts) > 0.02
    assert max(shifts) < 0.06 + 0.02
    for name in before:
        assert abs(after[name][2] - before[name][2]) < 0.015  # on what it stood on
    _, same = started(assets, "libero_object", 0, "objects:3")
    assert (state == same).all()
    _, other = started(assets, "libero_object", 0, "objects:3", trial=1)
    assert (state != other).any()


def test_what_is_on_a_fixture_moves_with_it(assets: Path) -> None:
    """The bowl on the cookie box stays on it, the one in the drawer in it."""
    for task, on, under in ((3, "akita_black_bowl_1", "cookies_1"),):
        before, _ = started(assets, "libero_spatial", task)
        after, _ = started(assets, "libero_spatial", task, "objects:shift=10,fixture_shift=5")
        assert np.linalg.norm((after[under] - before[under])[:2]) > 0.01
        for poses in (before, after):
            assert np.linalg.norm((poses[on] - poses[under])[:2]) < 0.05
        assert np.linalg.norm((after["flat_stove_1"] - before["flat_stove_1"])[:2]) > 0.005


def test_what_the_goal_is_beside_stays(assets: Path) -> None:
    """The plate goes to the front of the stove, a place on the table: the stove stays."""
    task = "push_the_plate_to_the_front_of_the_stove"
    env = LiberoEnv("libero_goal", assets=assets, observations=("state",))
    index = next(each.index for each in env.suite.tasks if each.name == task)
    env.close()
    before, _ = started(assets, "libero_goal", index)
    after, _ = started(assets, "libero_goal", index, "objects:5")
    np.testing.assert_allclose(after["flat_stove_1"], before["flat_stove_1"], atol=1e-9)
    assert np.linalg.norm((after["plate_1"] - before["plate_1"])[:2]) > 0.005


def test_distractors_stand_apart_from_all_else(assets: Path) -> None:
    poses, state = started(assets, "libero_object", 0, "objects:distractors=2,number=5")
    added = [name for name in poses if name.startswith("gridseval_distractor_")]
    assert len(added) == 2
    for name in added:
        distances = [
            np.linalg.norm((poses[name] - poses[other])[:2]) for other in poses if other != name
        ]
        assert min(distances) > 0.04
        assert abs(poses[name][0]) < 1  # on the floor before the arm
        assert -0.01 < poses[name][2] < 0.2
    _, again = started(assets, "libero_object", 0, "objects:distractors=2,number=5")
    assert (state == again).all()


def test_an_arrangement_does_not_depend_on_the_episode_before(assets: Path) -> None:
    _, alone = started(assets, "libero_object", 0, "objects:2", trial=1)
    env = LiberoEnv("libero_object", assets=assets, perturb=("objects:2",), observations=("state",))
    env.reset(options={"task": 0, "trial": 0})
    env.step(np.zeros(7, dtype=np.float32))
    env.reset(options={"task": 0, "trial": 1})
    assert (env.sim_state() == alone).all()
    env.close()


def test_a_record_says_what_was_drawn() -> None:
    plan = parse_plan(["objects:4"])
    record = plan.draw(7, "libero_object", 0, 0).record
    assert record["objects"]["strength"] == 4
    assert record["objects"]["shift"] == 8
    assert record["objects"]["distractors"] == 2
    assert record["applied"]["objects"]["number"] == record["objects"]["number"]
    other = plan.draw(7, "libero_object", 0, 1).record
    assert other["objects"]["number"] != record["objects"]["number"]


@pytest.mark.parametrize("text", ["objects:6", "objects:shift=31", "objects:distractors=1.5"])
def test_values_out_of_range_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_plan([text])


def test_the_info_says_what_was_moved_and_added(assets: Path) -> None:
    before, _ = started(assets, "libero_object", 0)
    env = LiberoEnv("libero_object", assets=assets, perturb=("objects:4",), privileged=True)
    with closing(env):
        _, info = env.reset(options={"task": 0, "trial": 0})
    told, after = info["arranged"], info["privileged"]["objects"]
    assert told["found"]
    assert len(told["added"]) == len(set(after) - set(before))
    assert told["moved"]
    for name, position in before.items():
        shift = np.array(told["moved"].get(name, [0, 0, 0]))[:2] / 100
        np.testing.assert_allclose(after[name][:2], position[:2] + shift, atol=0.012)


def test_a_start_without_room_says_that_nothing_was_moved(
    assets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gridseval.envs.arrangement.start._Search.settled", lambda *_: False)
    env = LiberoEnv("libero_object", assets=assets, perturb=("objects:3",), observations=("state",))
    with closing(env):
        _, info = env.reset(options={"task": 0, "trial": 0})
    assert info["arranged"] == {"found": False, "moved": {}, "added": []}
