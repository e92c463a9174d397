"""When the gripper touches something, against a plain walk over MuJoCo's contacts."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gridseval.envs.libero_env import LiberoEnv
from gridseval.policies.oracle import OraclePolicy
from gridseval.suites import Episode


def plain(env: LiberoEnv) -> bool:
    """Look for a contact between a geom of the gripper and one of an object, by their names."""
    sim = env._running.task.simulation.scene.env.sim
    instances = list(env._running.task.simulation.scene.env.objects_dict)
    for contact in sim.data.contact[: sim.data.ncon]:
        names = [sim.model.geom_id2name(geom) or "" for geom in (contact.geom1, contact.geom2)]
        bodies = [
            sim.model.body_id2name(sim.model.geom_bodyid[geom])
            for geom in (contact.geom1, contact.geom2)
        ]
        for name, body in zip(names, bodies[::-1], strict=True):
            if name.startswith("gripper0_") and any(map(body.startswith, instances)):
                return True
    return False


def test_the_gripper_touches_what_it_grasps(assets: Path) -> None:
    env = LiberoEnv("libero_object", assets=assets, observations=("state",), privileged=True)
    observation, info = env.reset(options={"task": 0, "trial": 0})
    policy = OraclePolicy()
    policy.reset([0], [Episode("libero_object", 0, 0)])
    found, expected = [], []
    for step in range(60):
        batch = {"slots": np.zeros(1, int), "steps": np.array([step])}
        batch |= {"privileged": (info["privileged"],), "instruction": ("",)}  # type: ignore[dict-item]
        batch |= {"state": observation["state"][None]}
        observation, *_, info = env.step(policy.act(batch).actions[0, 0])
        found.append(env.touches())
        expected.append(plain(env))
    env.close()
    assert found == expected
    assert not found[0] and found[-1], "it grasps on the way"
