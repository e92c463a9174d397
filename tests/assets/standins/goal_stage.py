"""A compiled task in which a test moves things by hand and lets them come to rest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from gridseval.envs.scene import Scene
from gridseval.envs.simulation import SETTLE_ACTION, Simulation, View
from gridseval.envs.task_files import TaskFiles


class GoalStage:
    """One task, started at its first initial state and settled."""

    def __init__(self, root: Path, suite: str, task: str) -> None:
        self.scene = Scene(TaskFiles.of(suite, task, root))
        self.model, self.data = self.scene.model, self.scene.data
        self._simulation = Simulation(self.scene)
        self.start()

    def start(self, trial: int = 0) -> None:
        """Start a stored initial state and let it settle for ten steps, as every episode does."""
        self._simulation.start(trial=trial, seed=0, settle_steps=10)
        self.data.qfrc_applied[:] = 0

    def set_joint(self, name: str, value: float) -> None:
        self.data.joint(name).qpos[0] = value
        mujoco.mj_forward(self.model, self.data)

    def push(self, name: str, force: float, control_steps: int) -> float:
        """Pull or push one joint (N or Nm) for a while, and return where it is then."""
        self.data.joint(name).qfrc_applied[0] = force
        self.rest(control_steps)
        self.data.joint(name).qfrc_applied[0] = 0
        return float(self.data.joint(name).qpos[0])

    def put(
        self,
        name: str,
        site: str,
        offset: Sequence[float] = (0, 0, 0),
        quat: Sequence[float] | None = None,
    ) -> None:
        """Move an object to a site, away from it by ``offset`` along the world's axes (m)."""
        joint = self.data.joint(f"{name}_joint0")
        joint.qpos[:3] = self.data.site(site).xpos + np.array(offset)
        if quat is not None:
            joint.qpos[3:] = quat
        joint.qvel[:] = 0
        mujoco.mj_forward(self.model, self.data)

    def position(self, name: str) -> Any:
        """Return an object's position, float64 (3,), m."""
        return self.data.body(f"{name}_main").xpos.copy()

    @property
    def view(self) -> View:
        """What the cameras see."""
        return self._simulation.view

    def rest(self, control_steps: int = 20) -> bool:
        """Let time pass (0.05 s a step) with the arm at rest; return whether the goal holds."""
        holds = False
        for _ in range(control_steps):
            holds = self._simulation.step(np.array(SETTLE_ACTION))
        return holds

    def reach(self, place: Any, way: Any, gripper: float, control_steps: int) -> None:
        """Move the arm's grip towards a place, with the hand turned to point along ``way``.

        Args:
            place: float64 (3,), m.
            way: Unit vector, float64 (3,).
            gripper: -1 opens, 1 closes.
            control_steps: At most; it ends when the grip is there.
        """
        site = self.data.site("gripper0_grip_site")
        for _ in range(control_steps):
            missing = place - site.xpos
            turn = np.cross(site.xmat.reshape(3, 3)[:, 2], way)
            if np.linalg.norm(missing) < 0.004 and np.linalg.norm(turn) < 0.05:
                return
            moves = np.clip(np.concatenate([10 * missing, 2 * turn]), -1, 1)
            self._simulation.step(np.append(moves, gripper))

    def contacts_within(self, *prefixes: str) -> int:
        """Count contacts between two bodies whose names both begin with one of the prefixes."""
        bodies = self.model.geom_bodyid[self.data.contact.geom[: self.data.ncon]]
        named = [[self.model.body(body).name for body in pair] for pair in bodies]
        return sum(all(name.startswith(prefixes) for name in pair) for pair in named)

    def touches(self, name: str, prefix: str) -> bool:
        """Tell whether an object touches a body whose name begins with a prefix."""
        bodies = self.model.geom_bodyid[self.data.contact.geom[: self.data.ncon]]
        pairs = [{self.model.body(body).name for body in pair} for pair in bodies]
        return any(
            f"{name}_main" in pair and any(body.startswith(prefix) for body in pair)
            for pair in pairs
        )

    def deepest_contact(self, name: str) -> float:
        """Return how far an object is inside of something else (m)."""
        bodies = self.model.geom_bodyid[self.data.contact.geom[: self.data.ncon]]
        own = self.model.body(f"{name}_main").id
        touching = (bodies == own).any(axis=1)
        return float(-self.data.contact.dist[: self.data.ncon][touching].min(initial=0.0))
