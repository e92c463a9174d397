"""Detects when the gripper touches something, to mark that moment in an episode."""

from __future__ import annotations

import numpy as np

from gridseval.envs.scene import Scene


def gripper_touches(scene: Scene) -> bool:
    """Return whether a part of the gripper touches an object or a fixture, as of the last step.

    Table, floor and the robot itself do not count.
    """
    contacts = scene.data.contact.geom[: scene.data.ncon]
    if not len(contacts):
        return False
    model = scene.model
    names = scene.env.sim.model
    gripper = [names.geom_name2id(name) for name in scene.robot.gripper.contact_geoms]
    # An object's parts hang below its own body, which hangs below the world.
    roots = np.unique(model.body_rootid[list(scene.env.obj_body_id.values())])
    is_gripper = np.isin(contacts, gripper)
    is_thing = np.isin(model.body_rootid[model.geom_bodyid[contacts]], roots)
    return bool((is_gripper & is_thing[:, ::-1]).any())
