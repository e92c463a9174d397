"""The things of a scene: which there are, how large, and which of them move together only."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridseval.envs.arrangement.distractors import distractor_names
from gridseval.envs.arrangement.moves import Float

_BESIDE = re.compile(r"(?:^|_)(?:next_to|between|near|beside|behind|in_front_of)_")
_SIDES = frozenset({"left", "right", "front", "back", "middle", "center", "centre", "rear"})
_GENERAL = frozenset({"init", "region", "table", "floor", "target", "object", "other", "bin"})
_CENTRE_CM = 4.0
"""How far a thing may leave a region that an instruction calls the centre."""


@dataclass(frozen=True)
class Thing:
    """An object or a fixture.

    Attributes:
        name: As the BDDL file calls it.
        kind: As LIBERO calls its class.
        body: Its root body's id.
        joint: Its free joint's name; ``None`` of fixtures.
        region: Name of the region on table or floor that it starts in, maybe empty.
        points: float64 (n, 3): corners of boxes around its geoms, m, where it stands.
    """

    name: str
    kind: str
    body: int
    joint: str | None
    region: str
    points: Float

    @property
    def middle(self) -> Float:
        """Its middle as seen from above, float64 (2,), m."""
        middle: Float = (self.points.min(0) + self.points.max(0))[:2] / 2
        return middle

    @property
    def beside(self) -> bool:
        """Whether it starts at a place that is named after other things."""
        return bool(_BESIDE.search(self.region))

    @property
    def words(self) -> frozenset[str]:
        """The words that regions may name it by."""
        own = [] if self.beside else self.region.split("_")
        return frozenset(_plain([*self.kind.split("_"), *own])) - _SIDES - _GENERAL


@dataclass(frozen=True)
class Group:
    """Things that keep their places to each other.

    Attributes:
        things: One or more.
        stays: Whether the group must not be moved: the goal is a place beside one of them, or a
            fixture of it is not placed by resets.
        turns: Whether it may be turned: not if left and right would change.
        most_cm: How far it may be moved at most.
    """

    things: tuple[Thing, ...]
    stays: bool
    turns: bool
    most_cm: float

    @property
    def has_fixture(self) -> bool:
        """Whether a fixture is among them."""
        return any(thing.joint is None for thing in self.things)

    @property
    def centre(self) -> Float:
        """Where it is turned about: its fixture, or the middle of its things; float64 (2,), m."""
        axis = next((each for each in self.things if each.joint is None), None)
        chosen = self.things if axis is None else (axis,)
        centre: Float = np.mean([each.middle for each in chosen], axis=0)
        return centre


def list_things(scene: Any) -> list[Thing]:
    """Return a scene's things where they are now, without those that are added."""
    added = set(distractor_names(scene.files.distractors))
    env = scene.env
    regions = {state[1]: state[2] for state in env.parsed_problem["initial_state"] if state[2:]}
    found = []
    for name, thing in (*env.fixtures_dict.items(), *env.objects_dict.items()):
        if name not in added:
            body = env.obj_body_id[name]
            joint = None if name in env.fixtures_dict else thing.joints[-1]
            region = _local(env, regions.get(name, ""))
            points = corners(scene, body)
            found.append(Thing(name, thing.category_name, body, joint, region, points))
    return found


def corners(scene: Any, body: int) -> Float:
    """Return the corners of boxes around all geoms of a body and its parts, float64 (n, 3), m."""
    model, data = scene.model, scene.data
    geoms = np.flatnonzero(model.body_rootid[model.geom_bodyid] == body)
    signs = np.array(list(itertools.product((-1, 1), repeat=3)))
    boxes = model.geom_aabb[geoms]
    local = boxes[:, None, :3] + signs[None] * boxes[:, None, 3:]
    turned = np.einsum("gij,gnj->gni", data.geom_xmat[geoms].reshape(-1, 3, 3), local)
    points: Float = (turned + data.geom_xpos[geoms][:, None]).reshape(-1, 3)
    return points


def group_things(
    scene: Any, things: Sequence[Thing], touching: Iterable[tuple[int, int]], placed: set[int]
) -> list[Group]:
    """Return which things move together.

    What touches stays together, and so do a thing and those that its place is named after, and
    things of a kind that only their order tells apart.

    Args:
        scene: The compiled task.
        things: Its things.
        touching: Pairs of bodies that touch when the task has settled.
        placed: Bodies of the fixtures that resets place.
    """
    by_body = {thing.body: thing for thing in things}
    union = _Union(thing.name for thing in things)
    for one, other in touching:
        if one in by_body and other in by_body:
            union.join(by_body[one].name, by_body[other].name)
    stacked = {thing.name: union.root(thing.name) for thing in things}
    for thing in things:
        for landmark in landmarks(thing, things):
            union.join(thing.name, landmark.name)
    for first, second in _told_apart_by_order(scene, things, stacked):
        union.join(first.name, second.name)
    fixed = {thing.name for thing in _beside_goal(scene, things)}
    members: dict[str, list[Thing]] = {}
    for thing in things:
        members.setdefault(union.root(thing.name), []).append(thing)
    return [_group(each, fixed, placed, stacked) for each in members.values()]


def landmarks(thing: Thing, things: Sequence[Thing]) -> list[Thing]:
    """Return the things that a thing's place is named after."""
    if not thing.beside:
        return []
    return _named(thing.region, [each for each in things if each.kind != thing.kind])


def goal_regions(scene: Any) -> list[str]:
    """Return names of the regions of table or floor that a goal names."""
    known = {*scene.env.objects_dict, *scene.env.fixtures_dict}
    regions = scene.env.parsed_problem["regions"]
    named = (word for atom in scene.goal for word in atom[1:] if word in regions)
    return [name for name in named if regions[name]["target"] not in known]


def _group(
    members: list[Thing], fixed: set[str], placed: set[int], stacked: dict[str, str]
) -> Group:
    unplaced = [each for each in members if each.joint is None and each.body not in placed]
    central = any(set(each.region.split("_")) & {"center", "centre"} for each in members)
    return Group(
        tuple(members),
        stays=bool(unplaced) or any(each.name in fixed for each in members),
        turns=len({stacked[each.name] for each in members}) == 1,
        most_cm=_CENTRE_CM if central else float("inf"),
    )


def _told_apart_by_order(
    scene: Any, things: Sequence[Thing], stacked: dict[str, str]
) -> list[tuple[Thing, Thing]]:
    """Return pairs of things that an instruction tells apart by left and right, front and back."""
    words = scene.env.parsed_problem["language_instruction"]
    by_side = bool(_SIDES & {str(word).lower() for word in words})
    alone = [
        thing
        for thing in things
        if thing.joint is not None
        and not thing.beside
        and list(stacked.values()).count(stacked[thing.name]) == 1
    ]
    pairs = []
    for one, other in itertools.combinations(alone, 2):
        same_noun = one.kind.split("_")[-1] == other.kind.split("_")[-1]
        if one.kind == other.kind or (by_side and same_noun):
            pairs.append((one, other))
    return pairs


def _beside_goal(scene: Any, things: Sequence[Thing]) -> list[Thing]:
    found = []
    for region in goal_regions(scene):
        found += _named(_local(scene.env, region), things)
    return found


def _named(region: str, things: Sequence[Thing]) -> list[Thing]:
    """Return the things that a region's name means: those with the most of a word's kinds."""
    words = _plain(region.split("_"))
    found = []
    for word in words:
        meant = [thing for thing in things if word in thing.words]
        counts = {thing.name: len(thing.words & set(words)) for thing in meant}
        found += [thing for thing in meant if counts[thing.name] == max(counts.values())]
    return found


def _local(env: Any, region: str) -> str:
    """Return a region's name without the name of what it is on; empty if that is a thing."""
    known = env.parsed_problem["regions"].get(region)
    if known is None or known["target"] in (*env.objects_dict, *env.fixtures_dict):
        return ""
    return str(region).removeprefix(f"{known['target']}_")


def _plain(words: Iterable[str]) -> list[str]:
    """Return words without a plural's ending and numbers."""
    return [word.removesuffix("s") for word in words if word and not word.isdecimal()]


class _Union:
    """Sets that grow together."""

    def __init__(self, names: Iterable[str]) -> None:
        self._above = {name: name for name in names}

    def root(self, name: str) -> str:
        while self._above[name] != name:
            name = self._above[name]
        return name

    def join(self, one: str, other: str) -> None:
        first, second = sorted((self.root(one), self.root(other)))
        self._above[second] = first
