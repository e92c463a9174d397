"""The random draws of LIBERO's resets, replayed without resetting.

Every reset draws the poses of fixtures anew from numpy's global generator, so the scene of trial i
depends on how much the resets of trials 0 to i − 1 drew ("To the bit" in
docs/explanation/protocol-and-traps.md). The draws are cheap, the resets are not: here the samplers
run alone, so trial i can be started directly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridseval.envs.scene import Float, Scene, borrowed_numpy_rng


@dataclass(frozen=True)
class ResetDraw:
    """What one reset drew.

    Attributes:
        joints: Position of each joint that an Open or Turnon initialiser sets, by name.
        objects: Position and quaternion (x y z, w x y z) of each movable object, by joint name.
        fixtures: Position and quaternion of each fixture's body, by body id.
    """

    joints: Mapping[str, float]
    objects: Mapping[str, Float]
    fixtures: Mapping[int, tuple[Float, Float]]


class ResetDraws:
    """The draws of reset 0, 1, 2, … after ``env.seed(seed)``.

    Args:
        scene: The compiled task; its data are overwritten where samplers need site poses.
        seed: The seed given to LIBERO once, before the first reset.
        resets_before: Resets of the same environment before it was seeded.
    """

    def __init__(self, scene: Scene, seed: int, resets_before: int = 0) -> None:
        self._scene = scene
        self._state = np.random.RandomState(seed).get_state(legacy=False)
        # The constructor's load counts: each load appends the Open/Turnon initialisers once more.
        self._loads = 1 + resets_before
        self._draws: list[ResetDraw] = []

    def __getitem__(self, trial: int) -> ResetDraw:
        """Return the draw of reset number ``trial``, running those before it if need be."""
        while len(self._draws) <= trial:
            with self._scene.nominal(), borrowed_numpy_rng(self._state):
                draw = self._next()
                self._state = np.random.get_state(legacy=False)
            self._draws.append(draw)
        return self._draws[trial]

    def _next(self) -> ResetDraw:
        from robosuite.utils.errors import RandomizationError

        while True:
            self._loads += 1
            try:
                return self._draw_once()
            except RandomizationError:
                continue  # as ControlEnv.reset does: load and try again

    def _draw_once(self) -> ResetDraw:
        scene, env = self._scene, self._scene.env
        scene.restore_fresh_model()
        np.random.randn(len(scene.robot.init_qpos))  # initial joint noise, of magnitude zero
        joints: dict[str, float] = {}
        for initializer in list(env.object_property_initializers) * self._loads:
            position = initializer.sample()
            joints.update(dict.fromkeys(_joint_names(env, initializer.name), position))
        if env.conditional_placement_initializer.samplers:
            _pose_sites(scene, joints)
        placements = env.placement_initializer.sample()
        placements = env.conditional_placement_initializer.sample(env.sim, placements)
        placements = env.conditional_placement_on_objects_initializer.sample(placements)
        return _as_draw(scene, joints, placements)


def _joint_names(env: Any, state_name: str) -> list[str]:
    state = env.object_states_dict[state_name]
    if state.object_state_type == "site":
        return list(env.object_sites_dict[state_name].joints)
    return list(env.get_object(state_name).joints)


def _pose_sites(scene: Scene, joints: Mapping[str, float]) -> None:
    """Bring sites to where they are in a reset at the moment of sampling."""
    import mujoco

    robot = scene.robot
    mujoco.mj_resetData(scene.model, scene.data)
    scene.data.qpos[robot._ref_joint_pos_indexes] = robot.init_qpos
    scene.data.qpos[robot._ref_gripper_joint_pos_indexes] = robot.gripper.init_qpos
    for name, position in joints.items():
        scene.env.sim.data.set_joint_qpos(name, position)
    mujoco.mj_step1(scene.model, scene.data)


def _as_draw(scene: Scene, joints: Mapping[str, float], placements: Mapping[str, Any]) -> ResetDraw:
    objects: dict[str, Float] = {}
    fixtures: dict[int, tuple[Float, Float]] = {}
    for position, quaternion, thing in placements.values():
        if thing.name in scene.env.fixtures_dict:
            body = scene.env.sim.model.body_name2id(thing.root_body)
            fixtures[body] = np.array(position), np.array(quaternion)
        else:
            objects[thing.joints[-1]] = np.concatenate([np.array(position), np.array(quaternion)])
    return ResetDraw(joints, objects, fixtures)
