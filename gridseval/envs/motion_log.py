"""What an episode's motion was: noted while the simulation runs, summed up at its end."""

from __future__ import annotations

from typing import Any

import numpy as np

from gridseval.envs.scene import CONTROL_HZ, Float
from gridseval.envs.simulation import Simulation
from gridseval.motion.figures import (
    log_dimensionless_jerk,
    path_length,
    reversals,
    spectral_arc_length,
)


class MotionLog:
    """Notes positions, work and contact forces of one episode; it changes nothing.

    Args:
        simulation: Settled, before the first policy step.
    """

    def __init__(self, simulation: Simulation) -> None:
        import mujoco

        self._contact_force = mujoco.mj_contactForce
        self._simulation = simulation
        scene, arm = simulation.scene, simulation.arm
        self._model, self._data = scene.model, scene.data
        self._joints = arm.qvel_index
        self._substep_s = float(self._model.opt.timestep)
        robot = self._model.body_rootid[arm.hand_body]
        self._is_robot = self._model.body_rootid[self._model.geom_bodyid] == robot
        self._bystanders = _bystanders(simulation)
        self._began = self._data.xpos[self._bystanders].copy()
        self._positions: list[Float] = [self._position()]
        self._energy_j = self._contact_n = 0.0
        simulation.on_substep = self._work

    def note(self) -> None:
        """Take note of a control step that has ended."""
        self._positions.append(self._position())
        self._contact_n = max(self._contact_n, self._touch())

    def figures(self) -> dict[str, float]:
        """Return the figures of ``motion.FIGURES`` that the simulation knows.

        Figures that do not exist, such as the smoothness of an arm that stood still, are left out.
        """
        positions = np.array(self._positions)
        moved = self._data.xpos[self._bystanders] - self._began
        seconds = (len(positions) - 1) / CONTROL_HZ
        found = {
            "path_m": path_length(positions),
            "ldlj": log_dimensionless_jerk(positions, CONTROL_HZ),
            "sparc": spectral_arc_length(positions, CONTROL_HZ),
            "reversals_hz": reversals(positions, CONTROL_HZ) / seconds if seconds else None,
            "energy_j": self._energy_j,
            "contact_n": self._contact_n,
            "moved_m": float(np.linalg.norm(moved, axis=1).sum()),
        }
        return {name: round(value, 5) for name, value in found.items() if value is not None}

    def _position(self) -> Float:
        """Return where the grip site is, float64 (3,), m."""
        return np.array(self._data.site_xpos[self._simulation.arm.site])

    def _work(self) -> None:
        """Add the work of a substep."""
        power = self._data.qfrc_actuator[self._joints] * self._data.qvel[self._joints]
        self._energy_j += self._substep_s * float(np.abs(power).sum())

    def _touch(self) -> float:
        """Return the sum of normal forces between the robot and anything else, in N."""
        pairs = self._is_robot[self._data.contact.geom[: self._data.ncon]]
        force, total = np.zeros(6), 0.0
        for contact in np.flatnonzero(pairs[:, 0] != pairs[:, 1]):
            self._contact_force(self._model, self._data, int(contact), force)
            total += abs(float(force[0]))
        return total


def _bystanders(simulation: Simulation) -> list[int]:
    """Return the bodies of movable objects that the goal does not name."""
    env: Any = simulation.scene.env
    named = {name for predicate in simulation.scene.goal for name in predicate[1:]}
    return [env.obj_body_id[name] for name in env.objects_dict if name not in named]
