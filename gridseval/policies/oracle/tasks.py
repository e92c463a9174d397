"""From a BDDL goal to places: which object goes where, and whether it is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gridseval.policies.oracle.geometry import Array
from gridseval.policies.oracle.models import Models
from gridseval.policies.oracle.scene import Scene

_RELATIONS = ("on", "in")
_NEAR_M = 0.03


@dataclass(frozen=True)
class PickPlace:
    """Put ``thing`` (an object) on or into ``target`` (another body, or a region's site)."""

    thing: str
    target: str


def pick_and_place_goals(goal: Sequence[Sequence[str]], scene: Scene) -> tuple[PickPlace, ...]:
    """Return the parts of a goal that are picking and placing, in order; others are left out."""
    return tuple(
        PickPlace(part[1], part[2])
        for part in goal
        if len(part) == 3
        and part[0].lower() in _RELATIONS
        and part[1] in scene.boxes
        and (part[2] in scene.boxes or part[2] in scene.sites)
    )


def place_of(goal: PickPlace, scene: Scene, models: Models) -> Array:
    """Return where the origin of the goal's object belongs: float64 (3,), metres, world."""
    thing = scene.bodies[goal.thing].position
    bottom = float(scene.boxes[goal.thing].lows.min()) - thing[2]
    surface = _surface(goal.target, scene, models)
    return np.asarray(surface - np.array([0.0, 0.0, bottom]))


def is_placed(goal: PickPlace, scene: Scene, models: Models) -> bool:
    """Return whether the goal's object rests about where it belongs."""
    offset = scene.bodies[goal.thing].position - place_of(goal, scene, models)
    return bool(np.abs(offset[:2]).max() < _NEAR_M and abs(offset[2]) < 2 * _NEAR_M)


def _surface(target: str, scene: Scene, models: Models) -> Array:
    """Return the point at which the lowest point of an object comes to rest."""
    if target in scene.sites:
        depth = models.region_depth(target)
        return np.asarray(scene.sites[target] - np.array([0.0, 0.0, depth or 0.0]))
    model = models.of(target)
    seat = model.seat if model else 0.0
    return np.asarray(scene.bodies[target].position + np.array([0.0, 0.0, seat]))
