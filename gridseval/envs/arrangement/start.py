"""An episode's start in another arrangement: drawn, tried in the simulator, and drawn again.

Whether things stand is seen only when they have settled. So each arrangement is started as the
episode would be; the first one that settles as the nominal one did, only elsewhere, is the
episode's start. All of it follows from the edit's number, the task and its stored state.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridseval.envs.arrangement.distractors import distractor_names, parked, upright
from gridseval.envs.arrangement.moves import Float, Moves, Planar
from gridseval.envs.arrangement.room import Footprint, Room, Support, find_support
from gridseval.envs.arrangement.things import Group, corners, group_things, list_things
from gridseval.envs.perturbations.objects import ObjectsEdit

Begin = Callable[[Moves, int], bool]
"""Starts the episode with moves and a number of settle steps; returns whether the goal holds."""

_SETTLE = 10
_ATTEMPTS = 8
_TRIES = 30
_PLACES = 200
_APART_M = 0.03
_AROUND_M = 0.15
_DROP_M = 0.002
_SLIP_M = 0.012
_FALL_M = 0.03
"""How far added objects may fall: boxes around round things reach below them."""

_TILT_RAD = math.radians(8)


def arranged_start(
    scene: Any, edit: ObjectsEdit, begin: Begin, settle_steps: int, placed: set[int]
) -> bool:
    """Start an episode in another arrangement.

    Args:
        scene: The compiled task.
        edit: How far things may be moved.
        begin: Starts it.
        settle_steps: Control steps before the policy's first.
        placed: Bodies of the fixtures that a reset places.

    Returns:
        Whether the goal holds after settling.
    """
    names = distractor_names(scene.files.distractors)
    aside = Moves(placed={_joint(scene, name): parked(i) for i, name in enumerate(names)})
    begin(aside, _SETTLE)
    search = _Search(scene, edit, placed, aside)
    enough = settle_steps >= _SETTLE
    for moves in search.arrangements():
        done = begin(moves, settle_steps if enough else _SETTLE)
        if search.settled(moves):
            return done if enough else begin(moves, settle_steps)
    return begin(aside, settle_steps)


@dataclass(frozen=True)
class _Still:
    """How things stand after the nominal start.

    Attributes:
        poses: float64 (7,) of each movable object and fixture, by its body.
        holds: Which of the goal's predicates hold.
        touching: Pairs of bodies that touch.
    """

    poses: dict[int, Float]
    holds: tuple[bool, ...]
    touching: set[tuple[int, int]]

    @classmethod
    def of(cls, scene: Any) -> _Still:
        poses = {body: _pose(scene, body) for body in scene.env.obj_body_id.values()}
        return cls(poses, scene.predicates_hold(), set(_touching(scene)))


class _Search:
    """Draws arrangements of a scene, and judges them when they have settled.

    Args:
        scene: The compiled task, after its nominal start.
        edit: How far things may be moved.
        placed: Bodies of the fixtures that a reset places.
        aside: Where added objects are now.
    """

    def __init__(self, scene: Any, edit: ObjectsEdit, placed: set[int], aside: Moves) -> None:
        self._scene, self._edit = scene, edit
        self._rng = np.random.default_rng(edit.number)
        self._still = _Still.of(scene)
        self._things = list_things(scene)
        self._groups = group_things(scene, self._things, self._still.touching, placed)
        self._support = find_support(scene, self._things)
        self._added = {
            name: _standing(scene, name) for name in distractor_names(scene.files.distractors)
        }
        self._aside = aside

    def arrangements(self) -> Iterator[Moves]:
        """Yield arrangements, the later the nearer to the nominal one."""
        for attempt in range(_ATTEMPTS):
            yield self._draw(1.0 - attempt / _ATTEMPTS)

    def settled(self, moves: Moves) -> bool:
        """Return whether the present state is what the moves make of the nominal one."""
        now = _Still.of(self._scene)
        if now.holds != self._still.holds or self._touches_anew(now):
            return False
        for thing in self._things:
            move = moves.fixtures.get(thing.body, Planar())
            move = move if thing.joint is None else moves.objects.get(thing.joint, Planar())
            if not _near(now.poses[thing.body], move.pose(self._still.poses[thing.body])):
                return False
        for name in self._added:
            pose = moves.placed[_joint(self._scene, name)]
            # One that has found no room falls out of sight.
            is_seen = (pose != self._aside.placed[_joint(self._scene, name)]).any()
            if is_seen and not _near(now.poses[self._scene.env.obj_body_id[name]], pose, _FALL_M):
                return False
        return True

    def _touches_anew(self, now: _Still) -> bool:
        together = {
            frozenset((one.body, other.body))
            for group in self._groups
            for one in group.things
            for other in group.things
        }
        return any(frozenset(pair) not in together for pair in now.touching - self._still.touching)

    def _draw(self, scale: float) -> Moves:
        room = Room(self._scene, self._things, self._support)
        objects: dict[str, Planar] = {}
        fixtures: dict[int, Planar] = {}
        for group in sorted(self._groups, key=lambda each: not each.has_fixture):
            move = self._move(group, room, scale)
            room.put({each.name: move.points(each.points) for each in group.things})
            for thing in group.things:
                if thing.joint is None:
                    fixtures[thing.body] = move
                else:
                    objects[thing.joint] = move
        return Moves(objects, fixtures, dict(self._placements(room)))

    def _move(self, group: Group, room: Room, scale: float) -> Planar:
        """Return a move for which there is room, else none at all."""
        edit, x, y = self._edit, *group.centre
        far, turn = edit.shift_cm, edit.turn_deg
        if group.has_fixture:
            far, turn = edit.fixture_shift_cm, edit.fixture_turn_deg
        if group.stays:
            return Planar()
        for tried in range(_TRIES):
            reach = min(far, group.most_cm) / 100 * scale * (1 - tried / _TRIES)
            angle = math.radians(turn) * scale * (1 - tried / _TRIES) * self._rng.uniform(-1, 1)
            way, share = self._rng.uniform(0, 2 * math.pi), self._rng.uniform(0.5, 1)
            dx, dy = reach * share * math.cos(way), reach * share * math.sin(way)
            move = Planar(x, y, dx, dy, angle if group.turns else 0.0)
            if room.fits(group, move):
                return move
        return Planar()

    @functools.cached_property
    def _area(self) -> tuple[Float, Float]:
        """Corners of where added objects are put, around movable things; float64 (2,) each, m."""
        middles = np.array([each.middle for each in self._things if each.joint is not None])
        return middles.min(0) - _AROUND_M, middles.max(0) + _AROUND_M

    def _placements(self, room: Room) -> Iterator[tuple[str, Float]]:
        for name, (points, orientation) in self._added.items():
            joint = _joint(self._scene, name)
            yield joint, self._aside.placed[joint]
            for _ in range(_PLACES if self._support is not None else 0):
                pose, moved = self._place(points, orientation, self._support)
                if room.has_place(Footprint(moved), _APART_M):
                    room.put({name: moved})
                    yield joint, pose
                    break

    def _place(
        self, points: Float, orientation: Float, support: Support | None
    ) -> tuple[Float, Float]:
        """Return a place for an added object, and its corners there."""
        assert support is not None
        x, y = self._rng.uniform(*self._area)
        move = Planar(0.0, 0.0, x, y, self._rng.uniform(-math.pi, math.pi))
        height = support.top - points[:, 2].min() + _DROP_M
        raised = points + np.array([0.0, 0.0, height])
        pose = move.pose(np.concatenate([[0.0, 0.0, height], orientation]))
        return pose, move.points(raised)


def _standing(scene: Any, name: str) -> tuple[Float, Float]:
    """Return an added object's corners with it at the origin, and its orientation."""
    import mujoco

    body = scene.env.obj_body_id[name]
    orientation = upright(scene.env.objects_dict[name])
    turned = np.empty(9)
    mujoco.mju_quat2Mat(turned, orientation)
    local = (corners(scene, body) - scene.data.xpos[body]) @ scene.data.xmat[body].reshape(3, 3)
    return local @ turned.reshape(3, 3).T, orientation


def _touching(scene: Any) -> Iterator[tuple[int, int]]:
    """Yield pairs of root bodies that touch, table and floor left out."""
    model, data = scene.model, scene.data
    known = {*scene.env.obj_body_id.values(), int(model.body_rootid[scene.robot_body])}
    geoms: Sequence[Sequence[int]] = data.contact.geom[: data.ncon]
    for pair in geoms:
        one, other = sorted(int(root) for root in model.body_rootid[model.geom_bodyid[pair]])
        if one != other and {one, other} <= known:
            yield one, other


def _pose(scene: Any, body: int) -> Float:
    return np.concatenate([scene.data.xpos[body], scene.data.xquat[body]])


def _near(pose: Float, intended: Float, fall: float = _SLIP_M) -> bool:
    cosine = min(1.0, abs(float(pose[3:] @ intended[3:])))
    slipped = float(np.linalg.norm((pose - intended)[:2]))
    fallen = abs(float(pose[2] - intended[2]))
    return slipped <= _SLIP_M and fallen <= fall and 2 * math.acos(cosine) <= _TILT_RAD


def _joint(scene: Any, name: str) -> str:
    joint: str = scene.env.objects_dict[name].joints[-1]
    return joint
