"""One episode per skill of the scripted expert: it reaches the goal, and pushes nothing down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridseval.envs.libero_env import LiberoEnv
from gridseval.policies.oracle import OraclePolicy
from gridseval.suites import Episode

# A trial that nobody tuned the skill on.
TRIAL = 11
SKILLS = {
    "open a drawer": ("libero_goal", 0),
    "clear the way, open, put into": ("libero_goal", 3),
    "push a plate": ("libero_goal", 5),
    "turn a knob on": ("libero_goal", 7),
    "turn a knob off": ("libero_90", 39),
    "turn on, and a pot by its handle": ("libero_10", 2),
    "put into a drawer and close it": ("libero_10", 3),
    "two pots side by side": ("libero_10", 8),
    "a book into a compartment": ("libero_10", 5),
    "close the microwave": ("libero_90", 33),
    "a pan onto a shelf under a roof": ("libero_90", 40),
    "a pan under a shelf": ("libero_90", 42),
    "a book into the front compartment": ("libero_90", 73),
    "a book onto a shelf, the hand level": ("libero_90", 86),
    "a book under a shelf, the hand leaning": ("libero_90", 89),
    "open the microwave": ("libero_90", 35),
    "clear the way of a drawer to be opened": ("libero_90", 8),
    "a mug into the microwave, and its door": ("libero_10", 9),
}


def run(suite: str, task: int, assets: Path) -> tuple[bool, list[Any]]:
    env = LiberoEnv(suite, assets=assets, observations=("state",), privileged=True)
    observation, info = env.reset(options={"task": task, "trial": TRIAL})
    policy = OraclePolicy()
    policy.reset([0], [Episode(suite, task, TRIAL)])
    done, steps, known = False, 0, [info["privileged"]]
    while not done and steps < env.max_steps:
        batch: Any = {"slots": np.zeros(1, int), "steps": np.array([steps])}
        batch |= {"privileged": (info["privileged"],), "instruction": ("",)}
        batch |= {"state": observation["state"][None]}
        for action in policy.act(batch).actions[0, : policy.replan]:
            observation, _, done, _, info = env.step(action)
            steps += 1
            if done or steps == env.max_steps:
                break
        known.append(info["privileged"])
    env.close()
    return done, known


def heights(privileged: Any) -> list[float]:
    """Return the height (m) of each object and fixture."""
    return [float(pose[2]) for pose in privileged["objects"].values()]


@pytest.mark.slow
@pytest.mark.development_models
@pytest.mark.parametrize("skill", SKILLS)
def test_a_skill_reaches_its_goal(skill: str, assets: Path) -> None:
    done, known = run(*SKILLS[skill], assets)
    assert done
    assert min(heights(known[-1])) > 0.3, "nothing was pushed off the table"


# Closing the microwave moves a mug that stands beside its door.
@pytest.mark.parametrize(
    ("skill", "others_m"),
    [("open a drawer", 0.01), ("turn a knob on", 0.01), ("close the microwave", 0.06)],
)
def test_a_part_is_moved_whatever_the_models(skill: str, others_m: float, assets: Path) -> None:
    done, known = run(*SKILLS[skill], assets)
    assert done
    assert known[0]["joints"] != known[-1]["joints"]
    for name, pose in known[0]["objects"].items():
        assert known[-1]["objects"][name][:3] == pytest.approx(pose[:3], abs=others_m), name


@pytest.mark.slow
def test_workers_make_no_difference_to_skills(tmp_path: Path, finish: Any, results: Any) -> None:
    options = ("--suite", "libero_goal", "--tasks", "0,7", "--trials", "2", "--record-actions")
    found = []
    for workers in ("0", "2"):
        out = tmp_path / workers
        finish(out, "oracle", *options, "--video", "none", "--workers", workers)
        found.append(results(out))
    assert set(found[0]) == {(task, trial) for task in (0, 7) for trial in (0, 1)}
    assert all(values["success"] for values in found[0].values())
    assert len({values["actions"] for values in found[0].values()}) == 4
    assert found[0] == found[1]
