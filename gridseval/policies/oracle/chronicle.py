"""What the expert says of an episode so far: its goal, its phase, and why it has not solved it.

It only watches: the expert acts the same without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gridseval.policies.oracle.diagnosis import Course, Reason, diagnose
from gridseval.policies.oracle.expert import Expert
from gridseval.policies.oracle.scene import Scene
from gridseval.policies.oracle.skill import Phase
from gridseval.policies.oracle.tasks import Goal, holds
from gridseval.policies.oracle.travel import Route

_HELD = (Phase.CLOSE, Phase.CARRY)
_PLACED = (Phase.RELEASE, Phase.RETREAT)
_AIMING = (Phase.APPROACH, Phase.REACH)
_MOVING_M = 0.01
# Most hands have arrived by then; from then on it is worth knowing what may be in the way.
_SLOW_STEPS = 24


class Chronicle:
    """Follows one episode of the expert.

    Args:
        expert: Who acts.
        goal: The task's predicates, as the observation has them.
        scene: The first observation.
    """

    def __init__(self, expert: Expert, goal: Sequence[Sequence[str]], scene: Scene) -> None:
        self._expert, self._first, self._last = expert, scene, scene
        self._predicates = tuple(" ".join(part) for part in goal)
        self._goal: Goal | None = None
        self._phase = Phase.DONE
        self._attempts = 0
        self._moved, self._began = scene, scene.step
        self._ended: Reason | None = None
        self._aim: Route | None = None

    def note(self, scene: Scene) -> None:
        """Take in an observation, after the expert has planned for it."""
        goal, phase = self._pursued(scene)
        if goal is not None and goal != self._goal:
            self._goal, self._attempts, self._ended, self._aim = goal, 1, None, None
        elif phase is not self._phase and phase in (Phase.APPROACH, Phase.RECOVER):
            self._attempts += phase is Phase.APPROACH
            self._note_end(phase)
        if phase is not self._phase:
            self._began = scene.step
        if phase is not self._phase or self._has_moved(scene):
            self._moved = scene
        skill = self._expert.skill
        if skill is not None and phase in _AIMING and scene.step - self._began >= _SLOW_STEPS:
            self._aim = skill.route(scene)
        self._phase, self._last = phase, scene

    def _pursued(self, scene: Scene) -> tuple[Goal | None, Phase]:
        """Return the goal that the expert pursues, or has given up, and its phase."""
        skill = self._expert.skill
        if skill is not None:
            return skill.goal, skill.phase
        left = (goal for goal in self._expert.given_up if not holds(goal, scene))
        goal = next(left, None)
        return goal, Phase.DONE if goal is None else Phase.FAILED

    def remark(self) -> dict[str, Any]:
        """Return what to record of the episode so far, plain values.

        Returns:
            ``goal``, the predicate or step that the expert pursues, ``phase``, ``attempts`` at that
            goal; ``missing``, the predicates that do not hold, in the task's order;
            ``held_at_start``, whether all of them held at the first observation; and ``reason``,
            why the episode is not solved so far.
        """
        holds = self._last.holds
        return {
            "goal": "" if self._goal is None else str(self._goal),
            "phase": self._phase.name.lower(),
            "attempts": self._attempts,
            "missing": [
                text for text, true in zip(self._predicates, holds, strict=False) if not true
            ],
            "held_at_start": bool(self._first.holds) and all(self._first.holds),
            "reason": diagnose(self._expert, self._course()),
        }

    def _course(self) -> Course:
        still = self._last.step - self._moved.step
        predicates = len(self._predicates)
        return Course(self._first, self._last, predicates, self._ended, self._aim, still)

    def _note_end(self, phase: Phase) -> None:
        """Remember how an attempt ended."""
        if self._phase in _HELD and phase is Phase.RECOVER:
            self._ended = Reason.LOST
        elif self._phase in _PLACED:
            self._ended = Reason.FALSE
        elif self._phase is Phase.APPROACH:
            self._ended = Reason.NOT_THERE

    def _has_moved(self, scene: Scene) -> bool:
        way = scene.hand.position - self._moved.hand.position
        turn = scene.hand.rotation - self._moved.hand.rotation
        return float(np.linalg.norm(way)) + 0.1 * float(np.linalg.norm(turn)) > _MOVING_M
