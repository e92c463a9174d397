"""What a scripted policy may know that a camera does not show."""

from __future__ import annotations

from typing import Any

import numpy as np

from gridseval.envs.scene import Float
from gridseval.envs.simulation import Simulation


def privileged_state(simulation: Simulation) -> dict[str, Any]:
    """Return poses and the parsed goal.

    Poses of objects and sites are those that LIBERO's success check sees (after 24 of the last
    control step's 25 substeps), 2 ms after those of the images.

    Returns:
        ``objects``: float64 (7,) each, position (m) and quaternion (w x y z) of movable objects and
        fixtures; ``sites``: float64 (12,) each, position and row-major rotation of BDDL regions;
        ``joints``: position of each one-joint part of a fixture; ``eef``: float64 (7,), grip site's
        position and hand's quaternion (w x y z); ``goal``: predicates as tuples of text; ``holds``:
        whether each of them holds now; ``velocity``, float64 (6,), and ``response``, float64
        (6, 6): see ``Arm``; ``base``: float64 (3,), where the robot stands (m).
    """
    scene, view = simulation.scene, simulation.view
    names = scene.env.obj_body_id
    return {
        "objects": {name: _pose(simulation, body) for name, body in names.items()},
        "sites": {name: _site(simulation, name) for name in scene.env.object_sites_dict},
        "joints": _fixture_joints(simulation),
        "eef": np.concatenate([view.eef_pos, view.eef_quat[[3, 0, 1, 2]]]),
        "goal": scene.goal,
        "holds": scene.predicates_hold(),
        "velocity": simulation.arm.velocity(),
        "response": simulation.arm.response(),
        "base": simulation.arm.base(),
    }


def _pose(simulation: Simulation, body: int) -> Float:
    data = simulation.scene.data
    return np.concatenate([data.xpos[body], data.xquat[body]])


def _site(simulation: Simulation, name: str) -> Float:
    scene = simulation.scene
    site = scene.env.sim.model.site_name2id(name)
    return np.concatenate([scene.data.site_xpos[site], scene.data.site_xmat[site]])


def _fixture_joints(simulation: Simulation) -> dict[str, float]:
    scene = simulation.scene
    names = [name for fixture in scene.env.fixtures_dict.values() for name in fixture.joints]
    return {name: float(scene.env.sim.data.get_joint_qpos(name)) for name in names}
