"""``--perturb`` in environments: what a policy sees, and what stays as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gridseval.envs.episodes import Episodes
from gridseval.envs.libero_env import LiberoEnv
from gridseval.envs.perturbations import joints
from gridseval.envs.perturbations.plan import parse_plan

TASK = "turn_on_the_stove"


def first_look(assets: Path, *perturb: str) -> tuple[dict[str, np.ndarray], np.ndarray]:
    env = LiberoEnv("libero_goal", assets=assets, perturb=perturb, settle_steps=1)
    observation, _ = env.reset(options={"task": TASK})
    state = env.sim_state()
    env.close()
    return observation, state


def test_glass_swaps_pixels_only_if_asked(assets: Path) -> None:
    clean, state = first_look(assets)
    copied, same = first_look(assets, "noise:number=50")
    swapped, again = first_look(assets, "noise:number=50,swap=true")
    assert (state == same).all()
    assert (state == again).all()
    for noisy in (copied, swapped):
        assert (noisy["wrist"] == clean["wrist"]).all()
        assert (noisy["agentview"] != clean["agentview"]).mean() > 0.5
    assert (copied["agentview"] != swapped["agentview"]).mean() > 0.1


def test_what_an_episode_draws_replaces_what_its_task_perturbs(tmp_path: Path) -> None:
    perturb = ("noise:number=45,swap=true", "robot_true:state=7")
    plain = Episodes("libero_plus_goal", tmp_path)
    both = Episodes("libero_plus_goal", tmp_path, perturb=perturb)
    for kind in ("view", "init", "noise"):
        task = next(t for t in plain.suite.tasks if t.variant and t.variant.kind == kind)
        own, made = (each.setting(task, 0, 7).perturbation for each in (plain, both))
        assert made.camera == own.camera
        assert (made.noise, made.true_swap) == (45, True)
        assert (made.joints, made.joints_true) == (joints(7), True)
    noisy = next(t for t in plain.suite.tasks if t.variant and t.variant.kind == "noise")
    assert not plain.setting(noisy, 0, 7).perturbation.true_swap


@pytest.mark.development_models
@pytest.mark.parametrize("task", [2, 9])
def test_light_of_middle_strength_leaves_kitchens_plausible(assets: Path, task: int) -> None:
    """Lights that cast shadows add up without a cap, and kitchens have three already."""
    env = LiberoEnv("libero_10", assets=assets, observations=("agentview",), settle_steps=1)
    nominal = env.reset(options={"task": task})[0]["agentview"]
    brightness = []
    for strength in (3, 4):
        plan = parse_plan([f"light:{strength}"])
        for trial in range(8):
            drawn = plan.draw(7, "libero_10", task, trial).perturbation
            env._running.task.perturb(drawn)
            env._running.cameras._seen.clear()
            picture = env._image("agentview")
            assert (picture >= 253).all(axis=2).mean() < 0.03, (strength, trial)
            brightness.append(picture.mean() / nominal.mean())
    env.close()
    assert 0.4 < min(brightness) < 0.97  # and darker ones can be seen
    assert max(brightness) < 1.3
