"""One slot's privileged observation, parsed, with the obstacles as boxes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridseval.policies.oracle.geometry import (
    Array,
    Boxes,
    join_boxes,
    place_boxes,
    rotation_matrix,
)
from gridseval.policies.oracle.models import Model, Models


@dataclass(frozen=True, eq=False)
class Pose:
    """A position (3,) in metres and a rotation matrix (3, 3), both in the world."""

    position: Array
    rotation: Array


@dataclass(frozen=True, eq=False)
class Scene:
    """What is where at the time of an observation.

    Attributes:
        step: Policy steps executed since the episode began.
        hand: The grip site's position and the hand's rotation.
        opening: Distance between the fingers (m), 0 to 0.08.
        bodies: Pose of every movable object and fixture by instance name.
        sites: Position (3,) of every region's site.
        boxes: Obstacles by instance name.
        joints: Position of every joint of a fixture by name (m or rad).
        holds: Whether each predicate of the goal holds; empty if the observation does not say.
        velocity: The hand's velocity (6,), or ``None`` if the observation does not say.
        response: How the arm answers its controller, float64 (6, 6), or ``None``.
        base: Where the robot stands, float64 (3,), metres, or ``None``.
    """

    step: int
    hand: Pose
    opening: float
    bodies: Mapping[str, Pose]
    sites: Mapping[str, Array]
    boxes: Mapping[str, Boxes]
    joints: Mapping[str, float]
    holds: tuple[bool, ...] = ()
    velocity: Array | None = None
    response: Array | None = None
    base: Array | None = None

    def obstacles(self, without: Collection[str]) -> Boxes:
        """Return the boxes of all bodies but the named ones."""
        return join_boxes([boxes for name, boxes in self.boxes.items() if name not in without])


def parse_scene(
    privileged: Mapping[str, Any], state: NDArray[Any], step: int, models: Models
) -> Scene:
    """Return the scene of one slot's privileged dict, its ``state`` (8,) and its step."""
    # Copies: scenes are remembered, and an environment may write its next observation in place.
    bodies = {
        name: Pose(np.array(pose[:3], np.float64), rotation_matrix(pose[3:7]))
        for name, pose in privileged["objects"].items()
    }
    joints = privileged.get("joints", {})
    boxes = {}
    for name, pose in bodies.items():
        model = models.of(name)
        if model is not None:
            boxes[name] = _boxes_of(name, model, pose, joints)
    eef = np.array(privileged["eef"], np.float64)
    return Scene(
        step=step,
        hand=Pose(eef[:3], rotation_matrix(eef[3:])),
        opening=float(state[6] - state[7]),
        bodies=bodies,
        sites={name: np.array(v[:3], np.float64) for name, v in privileged["sites"].items()},
        boxes=boxes,
        joints=dict(joints),
        holds=tuple(privileged.get("holds", ())),
        velocity=privileged.get("velocity"),
        response=privileged.get("response"),
        base=privileged.get("base"),
    )


def _boxes_of(name: str, model: Model, pose: Pose, joints: Mapping[str, float]) -> Boxes:
    parts = [place_boxes(model.boxes, pose.position, pose.rotation)]
    for joint, local in model.slides.items():
        shift = pose.rotation[:, 1] * joints.get(f"{name}_{joint}", 0.0)
        parts.append(place_boxes(local, pose.position + shift, pose.rotation))
    return join_boxes(parts)
