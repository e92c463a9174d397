"""Where there is room: on the table, in sight and reach, apart from things and the goal's place."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridseval.envs.arrangement.moves import Float, Planar
from gridseval.envs.arrangement.things import Group, Thing, goal_regions, landmarks

CLEARANCE_M = 0.01
"""Between things that stood further apart."""

_DIRECTIONS = np.array(
    [(math.cos(angle), math.sin(angle)) for angle in np.arange(16) * math.pi / 16]
)
_EDGE_M = 0.02
_IN_SIGHT = 0.9
_REACH_M = 0.82
_NEAREST_M = 0.35
_RIVAL_M = 0.03


class Footprint:
    """What a thing covers of the plane that it stands on.

    Args:
        points: float64 (n, 3), m.
    """

    def __init__(self, points: Float) -> None:
        along = points[:, :2] @ _DIRECTIONS.T
        self.low, self.high = along.min(0), along.max(0)
        self.centre: Float = (points.min(0) + points.max(0)) / 2
        self.box = points[:, :2].min(0), points[:, :2].max(0)

    def gap(self, other: Footprint) -> float:
        """Return a lower bound of the distance of both, m; negative where they may overlap."""
        return float(np.maximum(self.low - other.high, other.low - self.high).max())


@dataclass(frozen=True)
class Support:
    """What things stand on.

    Attributes:
        low: Its corner, float64 (2,), m; infinite for floors.
        high: Its other corner.
        top: Its height, m.
    """

    low: Float
    high: Float
    top: float

    def holds(self, footprint: Footprint) -> bool:
        """Whether a footprint is on it, away from its edge."""
        low, high = footprint.box
        return bool((low >= self.low + _EDGE_M).all() and (high <= self.high - _EDGE_M).all())


def find_support(scene: Any, things: Iterable[Thing]) -> Support | None:
    """Return what most things touch that is neither a thing nor the robot, if anything is."""
    model, data = scene.model, scene.data
    bodies = {thing.body for thing in things if thing.joint is not None}
    robot = model.body_rootid[scene.robot_body]
    known = set(scene.env.obj_body_id.values()) | {int(robot)}
    touched: Counter[int] = Counter()
    heights: dict[int, list[float]] = {}
    for contact in range(data.ncon):
        pair = [int(geom) for geom in data.contact.geom[contact]]
        roots = [int(model.body_rootid[model.geom_bodyid[geom]]) for geom in pair]
        for geom, mine, other in zip(pair, roots, reversed(roots), strict=True):
            if mine not in known and other in bodies:
                touched[geom] += 1
                heights.setdefault(geom, []).append(float(data.contact.pos[contact, 2]))
    if not touched:
        return None
    geom = touched.most_common(1)[0][0]
    low, high = _extent(model, data, geom)
    return Support(low, high, float(np.median(heights[geom])))


def _extent(model: Any, data: Any, geom: int) -> tuple[Float, Float]:
    import mujoco

    if model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_PLANE:
        return np.full(2, -math.inf), np.full(2, math.inf)
    rotation = data.geom_xmat[geom].reshape(3, 3)
    middle = data.geom_xpos[geom] + rotation @ model.geom_aabb[geom, :3]
    half = np.abs(rotation) @ model.geom_aabb[geom, 3:]
    return (middle - half)[:2], (middle + half)[:2]


class Room:
    """Says whether things may stand somewhere, given where they and the others stood.

    Args:
        scene: The compiled task, settled.
        things: Its things.
        support: What they stand on, if that is known.
    """

    def __init__(self, scene: Any, things: Sequence[Thing], support: Support | None) -> None:
        self._support = support
        self._before = {thing.name: Footprint(thing.points) for thing in things}
        self.now = dict(self._before)
        self._rivals = list(_rivals(things))
        self._kept = [_site(scene, region) for region in goal_regions(scene)]
        self._base = scene.robot_base[:2]
        self._camera = scene.nominal_camera

    def fits(self, group: Group, move: Planar) -> bool:
        """Return whether a group may be moved, with all others where they are now."""
        after = {each.name: Footprint(move.points(each.points)) for each in group.things}
        others = {name: each for name, each in self.now.items() if name not in after}
        return all(self._fits(name, each, others) for name, each in after.items()) and all(
            self._keeps_apart({**self.now, **after}, *rivals) for rivals in self._rivals
        )

    def has_place(self, footprint: Footprint, clearance: float) -> bool:
        """Return whether there is a place for something that was not there before."""
        return (
            self._support is not None
            and self._support.holds(footprint)
            and self._reaches(footprint)
            and self._sees(footprint)
            and all(footprint.gap(each) >= clearance for each in (*self.now.values(), *self._kept))
        )

    def put(self, points: Mapping[str, Float]) -> None:
        """Take note of where things are now, by their corners."""
        self.now |= {name: Footprint(each) for name, each in points.items()}

    def _fits(self, name: str, after: Footprint, others: Mapping[str, Footprint]) -> bool:
        before, support = self._before[name], self._support
        on_table = support is None or support.holds(after) or not support.holds(before)
        return (
            on_table
            and (self._reaches(after) or not self._reaches(before))
            and (self._sees(after) or not self._sees(before))
            and all(
                after.gap(other) >= min(CLEARANCE_M, before.gap(self._before.get(key, other)))
                for key, other in others.items()
            )
            and all(after.gap(kept) >= min(CLEARANCE_M, before.gap(kept)) for kept in self._kept)
        )

    def _reaches(self, footprint: Footprint) -> bool:
        distance = float(np.linalg.norm(footprint.centre[:2] - self._base))
        return _NEAREST_M <= distance <= _REACH_M

    def _sees(self, footprint: Footprint) -> bool:
        """Return whether the nominal agent camera, whose image is square, shows its middle."""
        position, rotation, half_view = self._camera
        seen = rotation.T @ (footprint.centre - position)
        if seen[2] >= 0:
            return False
        return bool((np.abs(seen[:2] / -seen[2]) <= _IN_SIGHT * half_view).all())

    def _keeps_apart(
        self, now: Mapping[str, Footprint], thing: str, landmark: str, rival: str
    ) -> bool:
        """Return whether a thing is still the one beside a landmark, and not its rival."""

        def ahead(where: Mapping[str, Footprint]) -> float:
            own, other = (
                float(np.linalg.norm((where[each].centre - where[landmark].centre)[:2]))
                for each in (thing, rival)
            )
            return other - own

        return ahead(now) >= min(_RIVAL_M, ahead(self._before))


def _rivals(things: Sequence[Thing]) -> Iterable[tuple[str, str, str]]:
    """Yield things, landmarks that their places are named after, and others of the same kind."""
    for thing in things:
        for landmark in landmarks(thing, things):
            for rival in things:
                if rival.kind == thing.kind and rival is not thing:
                    yield thing.name, landmark.name, rival.name


def _site(scene: Any, region: str) -> Footprint:
    """Return what a region of table or floor covers."""
    model, data = scene.model, scene.data
    site = scene.env.sim.model.site_name2id(region)
    half = model.site_size[site, :2]
    local = np.array([(x, y, 0.0) for x in (-half[0], half[0]) for y in (-half[1], half[1])])
    rotation = data.site_xmat[site].reshape(3, 3)
    return Footprint(local @ rotation.T + data.site_xpos[site])
