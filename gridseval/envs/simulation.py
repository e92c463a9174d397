"""One episode of one compiled task: start it directly, step it, and keep what an image needs.

States equal those of the canonical ``libero`` loop to the bit (seed once, then per trial reset,
set_init_state, settle), regardless of earlier episodes on the same scene.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from gridseval.envs.arm import SUBSTEPS, Arm
from gridseval.envs.arrangement import NO_MOVES, Moves, arranged_start
from gridseval.envs.draws import ResetDraw, ResetDraws
from gridseval.envs.perturbations.objects import ObjectsEdit
from gridseval.envs.perturbations.own_edits import OwnEdit, own_edits
from gridseval.envs.scene import Float, Scene
from gridseval.envs.stored_fixtures import StoredFixtures
from gridseval.suites import Seeding, Starts

SETTLE_ACTION = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0)

# During which substep LIBERO's sensors sample: poses from before it, joints from after it. Setting
# a stored state updates them once more than a reset does, and each update shifts their clock.
_SENSED_SUBSTEP: Mapping[Starts, int] = {"stored": 23, "fresh": 24}


@dataclass(frozen=True)
class View:
    """What LIBERO's sensors saw in a control step.

    Attributes:
        qpos: float64 (nq,), after 23 of the 25 substeps (24 from a fresh start); cameras and body
            poses show it.
        eef_pos: float64 (3,), metres, of the same moment.
        eef_quat: float64 (4,), x y z w, of the hand at the same moment.
        gripper_qpos: float64 (2,), metres, a substep later.
        site_rgba: float (nsite, 4): marker colours (the stove's glow) before the step's end.
    """

    qpos: Float
    eef_pos: Float
    eef_quat: Float
    gripper_qpos: Float
    site_rgba: Any


class Simulation:
    """Runs episodes on one scene.

    Args:
        scene: The compiled task.

    Attributes:
        on_substep: Called after each of an episode's substeps, if set; a new episode unsets it.
    """

    def __init__(self, scene: Scene) -> None:
        import mujoco

        self.scene = scene
        self.arm = Arm(scene)
        self._mj_step2 = mujoco.mj_step2
        self.view: View
        self._draws: dict[int, ResetDraws] = {}
        self._fixtures = StoredFixtures(scene)
        self._sensed_substep = _SENSED_SUBSTEP["stored"]
        self.on_substep: Callable[[], None] | None = None
        self.arranged: Mapping[str, Any] | None = None
        self.start_state: Float = np.zeros(0)

    def start(
        self,
        trial: int,
        seed: int,
        settle_steps: int,
        joints: Sequence[float] | None = None,
        joints_true: bool = False,
        extra: Mapping[str, Any] = MappingProxyType({}),
        seeding: Seeding = "task",
        starts: Starts = "stored",
        objects: ObjectsEdit | None = None,
    ) -> bool:
        """Start an episode and let it settle.

        Args:
            trial: Index of the stored initial state, which is also the number of resets that the
                canonical loop has made before.
            seed: What ``env.seed`` is given in the canonical loop.
            settle_steps: Control steps with an open gripper before the policy's first.
            joints: Joint angles of the arm at reset (7, rad), or ``None`` for LIBERO's. The stored
                state then sets the joints; what stays is the controller's goal orientation, and its
                null-space target, which pull the arm back.
            joints_true: Whether the arm is put there again after the stored state, at rest.
            extra: Kinds of perturbation with their own edit, each with its data.
            seeding: ``"task"`` as above; with ``"trial"`` the trial has its own environment,
                reset once, then seeded with ``seed + trial`` and reset again.
            starts: ``"stored"`` as above; ``"fresh"`` leaves objects and arm where that reset has
                put them, so that ``trial`` numbers the resets after the seed.
            objects: How far objects and fixtures may stand from there.

        Returns:
            Whether the goal holds after settling.
        """
        self.on_substep = None
        angles = self.arm.init_qpos if joints is None else np.array(joints)
        draw = self._draw(trial, seed, seeding)
        if starts == "stored":
            stood = self._fixtures.of(trial)
            draw = replace(draw, fixtures={**draw.fixtures, **stood}) if stood else draw
        self._sensed_substep = _SENSED_SUBSTEP[starts]

        def begin(moves: Moves, settle_steps: int) -> bool:
            self._reset(draw, angles, moves)
            if starts == "stored":
                self._set_state(self.scene.stored_state(trial))
            if moves is not NO_MOVES:
                self._move_objects(moves)
            if joints_true:
                self._move_arm(angles)
            for edit in own_edits(extra, "edit_start"):
                self._edit_start(edit)
            self.start_state = self.state()
            return self._settle(settle_steps, stored=starts == "stored")

        self.arranged = None
        if objects is None:
            return begin(NO_MOVES, settle_steps)
        placed = set(draw.fixtures)
        done, self.arranged = arranged_start(self.scene, objects, begin, settle_steps, placed)
        return done

    def _settle(self, settle_steps: int, stored: bool) -> bool:
        done = self.scene.is_success()
        if stored:  # after a reset LIBERO does so in the first step only
            self.scene.post_process()
        self._look()
        for _ in range(settle_steps):
            done = self.step(np.array(SETTLE_ACTION))
        return done

    def step(self, action: Float) -> bool:
        """Take one control step (0.05 s).

        Args:
            action: float64 (7,); see :meth:`Arm.actuate`.

        Returns:
            Whether the goal holds after it.
        """
        for substep in range(SUBSTEPS):
            self.arm.actuate(action, first_substep=substep == 0)
            if substep == self._sensed_substep:
                self._look()
            self._mj_step2(self.scene.model, self.scene.data)
            if substep == self._sensed_substep:
                self._feel_gripper()
            if self.on_substep is not None:
                self.on_substep()
        done = self.scene.is_success()
        self.scene.post_process()
        return done

    def state(self) -> Float:
        """Return the flat state, float64 (1 + nq + nv,): time, qpos, qvel."""
        data = self.scene.data
        return np.concatenate([[data.time], data.qpos, data.qvel])

    def warnings(self) -> int:
        """Return how often MuJoCo has warned since the start of the episode."""
        return int(self.scene.data.warning.number.sum())

    def _draw(self, trial: int, seed: int, seeding: Seeding) -> ResetDraw:
        if seeding == "trial":
            return ResetDraws(self.scene, seed + trial, resets_before=1)[0]
        if seed not in self._draws:
            self._draws[seed] = ResetDraws(self.scene, seed)
        return self._draws[seed][trial]

    def _reset(self, draw: ResetDraw, joints: Float, moves: Moves) -> None:
        """Do what a hard reset does to the data, except for compiling the same model again."""
        import mujoco

        scene, arm = self.scene, self.arm
        model, data = scene.model, scene.data
        scene.restore_fresh_model()
        mujoco.mj_resetData(model, data)
        mujoco.mj_forward(model, data)
        mujoco.mj_forward(model, data)  # the constructor of robosuite's render context runs one
        data.qpos[arm.qpos_index] = joints
        arm.start()
        data.qpos[arm.gripper_qpos_index] = arm.gripper_init_qpos
        for name, position in (*draw.joints.items(), *draw.objects.items()):
            scene.env.sim.data.set_joint_qpos(name, position)
        for body, (position, quaternion) in moves.moved_fixtures(draw.fixtures).items():
            model.body_pos[body], model.body_quat[body] = position, quaternion
        mujoco.mj_forward(model, data)

    def _set_state(self, flat: Float) -> None:
        import mujoco

        data, nq = self.scene.data, self.scene.model.nq
        data.time, data.qpos[:], data.qvel[:] = flat[0], flat[1 : 1 + nq], flat[1 + nq :]
        mujoco.mj_forward(self.scene.model, data)

    def _move_objects(self, moves: Moves) -> None:
        import mujoco

        data = self.scene.env.sim.data
        for name, move in moves.objects.items():
            data.set_joint_qpos(name, move.pose(data.get_joint_qpos(name)))
        for name, pose in moves.placed.items():
            data.set_joint_qpos(name, pose)
        mujoco.mj_forward(self.scene.model, self.scene.data)

    def _move_arm(self, joints: Float) -> None:
        import mujoco

        data = self.scene.data
        data.qpos[self.arm.qpos_index], data.qvel[self.arm.qvel_index] = joints, 0.0
        mujoco.mj_forward(self.scene.model, data)

    def _edit_start(self, edit: OwnEdit) -> None:
        import mujoco

        self.scene.edit_start(edit)
        mujoco.mj_forward(self.scene.model, self.scene.data)

    def _look(self) -> None:
        data, arm = self.scene.data, self.arm
        self.view = View(
            qpos=data.qpos.copy(),
            eef_pos=data.site_xpos[arm.site].copy(),
            eef_quat=data.xquat[arm.hand_body][[1, 2, 3, 0]],
            gripper_qpos=data.qpos[arm.gripper_qpos_index],
            site_rgba=self.scene.model.site_rgba.copy(),
        )

    def _feel_gripper(self) -> None:
        joints = self.scene.data.qpos[self.arm.gripper_qpos_index]
        self.view = replace(self.view, gripper_qpos=joints)
