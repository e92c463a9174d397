"""The Panda arm under robosuite's OSC_POSE controller, bit for bit, without robosuite's overhead.

robosuite 1.4 solves the contacts three times per substep (its loop's forward, its controller's
forward, the step), and each solution is the warm start of the next, so none may be left out
("Forward passes have memory" in docs/explanation/protocol-and-traps.md). These may be left out
without changing a bit: the position and velocity stages of the second and third, sensors, buffers,
and look-ups by name.
The matrix functions are robosuite's own compiled ones, on arrays of the same memory layout.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridseval.envs.scene import Float, Scene

SUBSTEPS = 25
"""MuJoCo steps per control step: 20 Hz control, 0.002 s physics."""

_ARM_DOF = 7
_OUTPUT_MAX = np.array([0.05, 0.05, 0.05, 0.5, 0.5, 0.5])
_KP = np.ones(6) * 150
_KD = 2 * np.sqrt(_KP) * 1
_GRIPPER_SPEED = np.array([-1.0, 1.0]) * 0.01


class Arm:
    """Operational-space control of one scene's robot.

    Args:
        scene: The compiled task.

    Attributes:
        absolute: Whether actions are goal poses, as with robosuite's ``use_delta = False``; every
            episode starts with motions.
    """

    def __init__(self, scene: Scene) -> None:
        import mujoco
        from robosuite.utils import control_utils, transform_utils

        self._mujoco: Any = mujoco
        self._math: Any = control_utils
        self._rotations: Any = transform_utils
        self.absolute = False
        self._model, self._data = scene.model, scene.data
        robot, model = scene.robot, scene.model
        self.init_qpos = np.array(robot.init_qpos)
        self.gripper_init_qpos = np.array(robot.gripper.init_qpos)
        self.qpos_index: list[int] = list(robot._ref_joint_pos_indexes)
        self.qvel_index: list[int] = list(robot._ref_joint_vel_indexes)
        self.gripper_qpos_index: list[int] = list(robot._ref_gripper_joint_pos_indexes)
        self._arm_actuators: list[int] = list(robot._ref_joint_actuator_indexes)
        self._gripper_actuators: list[int] = list(robot._ref_joint_gripper_actuator_indexes)
        self.site = int(robot.eef_site_id)
        self.hand_body = int(scene.env.sim.model.body_name2id(robot.robot_model.eef_name))
        self._base_body = scene.robot_body
        self._torque_min, self._torque_max = model.actuator_ctrlrange[self._arm_actuators].T
        grip_range = model.actuator_ctrlrange[self._gripper_actuators]
        self._grip_bias = 0.5 * (grip_range[:, 1] + grip_range[:, 0])
        self._grip_weight = 0.5 * (grip_range[:, 1] - grip_range[:, 0])
        self._jacp = np.zeros((3, model.nv))
        self._jacr = np.zeros((3, model.nv))
        self._mass = np.zeros((model.nv, model.nv))

    def start(self) -> None:
        """Begin an episode at the reset pose, as constructing robosuite's controller does.

        What is read here stays until the first substep has used it, even though ``set_init_state``
        moves the arm in between: robosuite's controller is stale there, and so is this one.
        """
        self._mujoco.mj_forward(self._model, self._data)
        self._mujoco.mj_forward(self._model, self._data)
        self._read()
        self._initial_joint = self._joint_pos
        self._goal_ori = np.array(self._ori)
        self._goal_pos = np.array(self._pos)
        self._gripper_action = np.zeros(1)
        self._grip_step = np.zeros(2)
        self._stale = False
        self.absolute = False

    def actuate(self, action: Float, first_substep: bool) -> None:
        """Bring the simulation up to date and set the actuators for the next ``mj_step2``.

        Args:
            action: float64 (7,): eef translation, rotation (axis-angle), gripper; the arm's part is
                clipped to [−1, 1] and only the gripper's sign counts, as in robosuite. With
                ``absolute`` the arm's part is a goal in the world, position (m) and axis-angle
                (rad), which nothing clips.
            first_substep: Whether this is the first of the control step's substeps, which sets the
                goal from the action; the others pursue it.
        """
        mujoco, data = self._mujoco, self._data
        mujoco.mj_forward(self._model, data)
        if self._stale:
            mujoco.mj_forwardSkip(self._model, data, mujoco.mjtStage.mjSTAGE_VEL, 1)
            self._read()
        if first_substep:
            self._set_goal(action[:6])
            self._grip_step = _GRIPPER_SPEED * np.sign(action[6:])
        torques = self._torques()
        self._stale = True
        self._gripper_action = np.clip(self._gripper_action + self._grip_step, -1.0, 1.0)
        data.ctrl[self._gripper_actuators] = (
            self._grip_bias + self._grip_weight * self._gripper_action
        )
        data.ctrl[self._arm_actuators] = np.clip(torques, self._torque_min, self._torque_max)

    def pose(self) -> tuple[Float, Float]:
        """Return the controller's own eef position (3,) in m and orientation, a matrix (3, 3).

        They are of the last substep, before its ``mj_step2``; the orientation is the grip site's,
        which is turned by 90° against the hand's that ``state`` shows.
        """
        return self._pos, self._ori

    def base(self) -> Float:
        """Return where the robot stands, float64 (3,), metres."""
        return np.array(self._data.xpos[self._base_body])

    def velocity(self) -> Float:
        """Return the grip site's velocity, float64 (6,): m/s, then rad/s, of the last substep."""
        return np.concatenate([self._pos_vel, self._ori_vel])

    def response(self) -> Float:
        """Return how the arm answers its controller, float64 (6, 6), of the last substep.

        The matrix leads from the acceleration (m/s², then rad/s²) that the controller asks for at
        the grip site to the one that results: its separate inertias for position and orientation
        neglect how the two are coupled.
        """
        _, lambda_pos, lambda_ori, _ = self._math.opspace_matrices(
            self._arm_mass, self._jac, self._jac_pos, self._jac_ori
        )
        inertia = np.zeros((6, 6))
        inertia[:3, :3], inertia[3:, 3:] = lambda_pos, lambda_ori
        mobility = self._jac @ np.linalg.solve(self._arm_mass, self._jac.T)
        return np.asarray(mobility @ inertia)

    def _read(self) -> None:
        """Read pose, velocity, Jacobian and mass matrix, as ``Controller.update`` does."""
        mujoco, model, data = self._mujoco, self._model, self._data
        self._pos = data.site_xpos[self.site].copy()
        self._ori = data.site_xmat[self.site].reshape(3, 3).copy()
        mujoco.mj_jacSite(model, data, self._jacp, self._jacr, self.site)
        self._pos_vel = np.dot(self._jacp, data.qvel)
        self._ori_vel = np.dot(self._jacr, data.qvel)
        self._joint_pos = data.qpos[self.qpos_index]
        self._joint_vel = data.qvel[self.qvel_index]
        # Index lists, not slices: they give the memory layout that robosuite's arrays have.
        self._jac_pos = self._jacp[:, self.qvel_index]
        self._jac_ori = self._jacr[:, self.qvel_index]
        self._jac = np.array(np.vstack([self._jac_pos, self._jac_ori]))
        mujoco.mj_fullM(model, self._mass, data.qM)
        self._arm_mass = self._mass[self.qvel_index, :][:, self.qvel_index]

    def _set_goal(self, delta: Float) -> None:
        """Set the goal pose from an action, as ``OperationalSpaceController.set_goal`` does."""
        if self.absolute:
            self._goal_ori = self._rotations.quat2mat(self._rotations.axisangle2quat(delta[3:]))
            self._goal_pos = delta[:3]
            return
        scaled = np.clip(delta, -1, 1) * _OUTPUT_MAX
        # The goal orientation is kept unless a rotation is asked for.
        if not all(math.isclose(angle, 0.0) for angle in scaled[3:]):
            self._goal_ori = self._math.set_goal_orientation(scaled[3:], self._ori)
        self._goal_pos = self._pos + scaled[:3]

    def _torques(self) -> Float:
        """Return joint torques, float64 (7,), N·m, as robosuite's ``run_controller`` does."""
        ori_error = self._math.orientation_error(self._goal_ori, self._ori)
        force = (self._goal_pos - self._pos) * _KP[:3] + -self._pos_vel * _KD[:3]
        torque = ori_error * _KP[3:] + -self._ori_vel * _KD[3:]
        _, lambda_pos, lambda_ori, nullspace = self._math.opspace_matrices(
            self._arm_mass, self._jac, self._jac_pos, self._jac_ori
        )
        wrench = np.concatenate([np.dot(lambda_pos, force), np.dot(lambda_ori, torque)])
        torques: NDArray[np.float64] = (
            np.dot(self._jac.T, wrench) + self._data.qfrc_bias[self.qvel_index]
        )
        torques += self._math.nullspace_torques(
            self._arm_mass, nullspace, self._initial_joint, self._joint_pos, self._joint_vel
        )
        return torques
