"""What a skill is: a few phases that pursue one goal, each with a way for hand and gripper."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum, auto

import numpy as np

from gridseval.policies.oracle.clearance import hand_columns
from gridseval.policies.oracle.geometry import Array, hand_rotation, hand_yaw
from gridseval.policies.oracle.models import Models
from gridseval.policies.oracle.motion import base_position
from gridseval.policies.oracle.scene import Pose, Scene
from gridseval.policies.oracle.tasks import Goal
from gridseval.policies.oracle.travel import Route

OPEN, CLOSE = -1.0, 1.0
ARRIVED_M, ARRIVED_RAD = 0.008, 0.1
_HOVER_M = 0.05
# The side to which the arm's last joint turns further from where it starts.
_EASY_YAW = math.pi / 2


class Phase(Enum):
    """What the hand is doing."""

    APPROACH = auto()
    CLOSE = auto()
    CARRY = auto()
    RELEASE = auto()
    RETREAT = auto()
    RECOVER = auto()
    REACH = auto()
    WORK = auto()
    LEAVE = auto()
    DONE = auto()
    FAILED = auto()


OVER = (Phase.DONE, Phase.FAILED)


@dataclass(frozen=True)
class Setting:
    """What every skill of an episode knows.

    Attributes:
        models: What is known of LIBERO's models.
        home: Where the hand was when the episode began, float64 (3,), metres.
        failures: How many skills of each goal ended without success.
    """

    models: Models
    home: Array
    failures: Counter[Goal] = field(default_factory=Counter)

    @property
    def base(self) -> Array:
        """Where the robot's base is, float64 (3,), metres."""
        return base_position(self.home)


class Skill(ABC):
    """Pursues one goal. A phase changes only on what is observed.

    Attributes:
        goal: What to reach.
        phase: What the hand is doing; ``DONE`` or ``FAILED`` at the end.
        any_posture: Whether the hand turns so far from straight down that the arm's response must
            be observed; the fitted one holds for a hand that points down.
    """

    any_posture = False

    goal: Goal
    phase: Phase

    @abstractmethod
    def advance(self, scene: Scene) -> bool:
        """Enter the next phase if what is observed says so; return whether it did."""

    @abstractmethod
    def route(self, scene: Scene) -> Route:
        """Return where the hand goes in this phase, and past what."""

    @abstractmethod
    def grippers(self) -> tuple[float, float]:
        """Return what the gripper does on the way, and once the hand has arrived (−1 opens)."""


@dataclass(frozen=True)
class Leg:
    """One part of a skill that is a row of moves.

    Attributes:
        phase: Its name.
        gripper: −1 opens, +1 closes.
        steps: Policy steps after which it ends in any case.
        travels: Whether the hand goes over what is in the way, or straight ahead.
        near: How near (m) the hand must be to have arrived.
    """

    phase: Phase
    gripper: float
    steps: int
    travels: bool = False
    near: float = ARRIVED_M


class Legs(Skill):
    """A skill whose phases follow one another in a fixed order, and again if the goal is missed.

    Subclasses name their ``legs`` and say where each one leads (``target``), when it is over early
    (``is_over``; by default once the hand is there) and when the goal is reached (``is_reached``).
    """

    any_posture = True
    legs: tuple[Leg, ...] = ()
    max_attempts = 4

    def __init__(self, goal: Goal, setting: Setting, scene: Scene) -> None:
        self.goal, self.setting = goal, setting
        self.attempt = 0
        self.index = 0
        self.began = scene
        self.phase = self.legs[0].phase

    @abstractmethod
    def target(self, scene: Scene) -> Pose:
        """Return where the hand should be in this leg."""

    @abstractmethod
    def is_reached(self, scene: Scene) -> bool:
        """Return whether the goal is reached."""

    def is_over(self, scene: Scene) -> bool:
        """Return whether the next leg may begin."""
        return self.route(scene).reached(scene.hand, self.leg.near, ARRIVED_RAD + 5 * self.leg.near)

    @property
    def leg(self) -> Leg:
        """The leg under way."""
        return self.legs[self.index]

    def elapsed(self, scene: Scene) -> int:
        """Return how many policy steps this leg has taken."""
        return scene.step - self.began.step

    def advance(self, scene: Scene) -> bool:
        """See ``Skill``."""
        if self.phase in OVER:
            return False
        if not self.is_over(scene) and self.elapsed(scene) < self.leg.steps:
            return False
        self.began = scene
        self.index += 1
        if self.index == len(self.legs):
            self.index = 0
            self.attempt += 1
            if self.is_reached(scene) or self.attempt == self.max_attempts:
                self.phase = Phase.DONE if self.is_reached(scene) else Phase.FAILED
                return True
        self.phase = self.leg.phase
        return True

    def route(self, scene: Scene) -> Route:
        """See ``Skill``."""
        target = self.target(scene)
        if not self.leg.travels:
            return Route(target.position, target.rotation)
        columns = hand_columns(hand_yaw(target.rotation), 0.0)
        obstacles = scene.obstacles(without=())
        return Route(target.position, target.rotation, _HOVER_M, columns, obstacles)

    def grippers(self) -> tuple[float, float]:
        """See ``Skill``."""
        return self.leg.gripper, self.leg.gripper


def nearer_yaw(opening: Array, hand: Array) -> float:
    """Return the yaw whose fingers move along ``opening`` (2,) that is nearer to the hand's.

    Args:
        opening: Horizontal direction, either way round.
        hand: Rotation (3, 3) of the hand.
    """
    yaw = math.atan2(opening[1], opening[0]) + math.pi / 2
    now = hand_yaw(hand)
    turns = [(yaw + half * math.pi - now + math.pi) % (2 * math.pi) - math.pi for half in (0, 1)]
    best = now + min(turns, key=abs)
    return float(best if abs(best) <= np.pi else best - math.copysign(2 * np.pi, best))


def leaning(way: Array, lean: float) -> Array:
    """Return the rotation (3, 3) of a hand that leans towards ``way``, its fingers across it.

    Args:
        way: Horizontal direction, float64 (2,), of length 1.
        lean: Angle from straight down (rad).
    """
    yaw = nearer_yaw(np.array([-way[1], way[0]]), hand_rotation(_EASY_YAW))
    return hand_rotation(yaw, way * lean)
