"""The scripted expert of one episode: which goal comes next, and the actions that pursue it.

Within a chunk the hand is predicted, and the gripper acts from where the prediction arrives on.
"""

from __future__ import annotations

import numpy as np

from gridseval.policies.oracle.geometry import Array
from gridseval.policies.oracle.models import Models
from gridseval.policies.oracle.motion import Motion, arm_at, arm_with, observe
from gridseval.policies.oracle.scene import Scene
from gridseval.policies.oracle.skill import OPEN, OVER, Phase, Setting, Skill
from gridseval.policies.oracle.skills import skill_for
from gridseval.policies.oracle.tasks import Goal, next_goal

# Cosine of the angle from straight down up to which the fitted model of the arm holds.
_FITTED_UNTIL = -0.9
_ARRIVES_M, _ARRIVES_RAD = 0.005, 0.06


class Expert:
    """Pursues one episode's goals one after the other.

    Args:
        models: What is known of LIBERO's models.
        goals: What to reach, in order.
        scene: The first observation; where the hand is in it tells where the robot stands.
        watches: Whether the hand's velocity is always the observed one, and never inferred from
            the actions that were planned: another policy may be the one that acts.
    """

    def __init__(
        self, models: Models, goals: tuple[Goal, ...], scene: Scene, watches: bool = False
    ) -> None:
        self._setting = Setting(models, scene.hand.position)
        self._goals = goals
        self._finished: set[Goal] = set()
        self._failed: set[Goal] = set()
        self._unskilled: set[Goal] = set()
        self._skill: Skill | None = None
        self._last = scene
        self._predicted: list[Motion] = []
        self._watches = watches

    @property
    def phase(self) -> Phase:
        """What the hand was doing at the last observation."""
        return Phase.DONE if self._skill is None else self._skill.phase

    @property
    def skill(self) -> Skill | None:
        """The skill under way; ``None`` if every goal holds, or none of them has a skill."""
        return self._skill

    @property
    def skilled(self) -> tuple[Goal, ...]:
        """The goals for which there is a skill, as far as was tried."""
        return tuple(goal for goal in self._goals if goal not in self._unskilled)

    @property
    def given_up(self) -> tuple[Goal, ...]:
        """The goals whose skill last ended without success."""
        return tuple(goal for goal in self.skilled if goal in self._failed)

    @property
    def setting(self) -> Setting:
        """What every skill of the episode knows."""
        return self._setting

    def plan(self, scene: Scene, length: int) -> Array:
        """Return the next actions, float64 (length, 7) in [-1, 1], for what is where now."""
        self._choose(scene)
        actions = np.zeros((length, 7))
        actions[:, 6] = OPEN
        if self._skill is not None:
            self._fill(actions, scene, self._skill)
        self._last = scene
        return actions

    def _choose(self, scene: Scene) -> None:
        """Let the running skill advance; start the next one when it is over."""
        started = 0
        while True:
            if self._skill is not None:
                while self._skill.advance(scene):
                    pass
                if self._skill.phase not in OVER:
                    return
                self._finish(self._skill.goal, self._skill.phase)
                self._skill = None
            # A skill that is over as soon as it starts must not be started again and again.
            started += 1
            models = self._setting.models
            goal = next_goal(self._goals, scene, models, self._finished, self._failed)
            if goal is None or started > len(self._goals) + 1:
                return
            self._skill = skill_for(goal, self._setting, scene)
            if self._skill is None:
                self._unskilled.add(goal)
                self._finish(goal, Phase.FAILED)

    def _finish(self, goal: Goal, phase: Phase) -> None:
        """Remember how the skill of a goal ended."""
        self._finished.add(goal)
        self._setting.failures[goal] += phase is Phase.FAILED
        (self._failed.add if phase is Phase.FAILED else self._failed.discard)(goal)

    def _fill(self, actions: Array, scene: Scene, skill: Skill) -> None:
        """Write actions that follow the phase's route, and remember where they should lead."""
        route = skill.route(scene)
        gripper, at_goal = skill.grippers()
        motion = observe(self._predicted, scene.step - self._last.step, scene.hand)
        arm = arm_at(scene.hand, self._setting.home)
        tilted = skill.any_posture or scene.hand.rotation[2, 2] > _FITTED_UNTIL
        if (tilted or self._watches) and scene.velocity is not None and scene.response is not None:
            motion, arm = Motion(scene.hand, scene.velocity), arm_with(scene.response)
        self._predicted = [motion]
        for action in actions:
            if route.reached(motion.pose, _ARRIVES_M, _ARRIVES_RAD):
                gripper = at_goal
            action[:6] = arm.action_towards(motion, route.way_point(motion.pose))
            action[6] = gripper
            motion = arm.predict(motion, action)
            self._predicted.append(motion)
