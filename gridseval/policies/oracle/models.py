"""What the scripted expert knows of LIBERO's models: ``policies/oracle.yaml`` as data classes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from gridseval.data import data_dir
from gridseval.policies.oracle.geometry import Array


@dataclass(frozen=True)
class Rim:
    """The circular wall of a hollow body, in the body's own frame (m)."""

    x: float
    y: float
    radius: float
    height: float


@dataclass(frozen=True)
class Part:
    """A part of a fixture that moves on a joint: a drawer, a knob, a door.

    Attributes:
        kind: ``drawer``, ``knob`` or ``door``.
        joint: End of the joint's name.
        grip: Where to take hold of it (m) in the fixture's frame, with the joint at zero.
    """

    kind: str
    joint: str
    grip: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Model:
    """One category of LIBERO objects or fixtures.

    Attributes:
        boxes: float64 (N, 6), low and high corners around the collision geometry, own frame (m).
        rim: Where to grasp, for hollow bodies; ``None`` for those that are grasped by their sides.
        seat: Height above the origin (m) at which something put onto the body comes to rest.
        slides: Boxes that move along the body's y axis, by the end of their joint's name.
        align: Whether what goes into it must lie along its y axis with its longer side.
        hold: Which of the boxes to grasp.
        push: For bowls and plates: how far (m) from the middle a fingertip inside meets the wall,
            and the height (m) of the floor there.
        parts: What moves, by the end of its region's name; ``self`` for the fixture's only part.
        handle: Box (6,) around the handle, whose upper bar the hand can take.
        hollow: Box (6,) of the free space inside a fixture that is open at its low y.
    """

    boxes: Array
    rim: Rim | None = None
    seat: float = 0.0
    slides: Mapping[str, Array] = field(default_factory=dict)
    align: bool = False
    hold: int = 0
    push: tuple[float, float] | None = None
    parts: Mapping[str, Part] = field(default_factory=dict)
    handle: Array | None = None
    hollow: Array | None = None

    @property
    def flat(self) -> bool:
        """Whether it is too wide to grasp, and so low that the hand pushes it over the table."""
        return self.push is not None and self.rim is None


@dataclass(frozen=True)
class Models:
    """All known categories, and how deep under the sites of regions things are put (m)."""

    categories: Mapping[str, Model]
    regions: Mapping[str, float]

    def of(self, instance: str) -> Model | None:
        """Return the model of an instance name such as ``plate_1``; ``None`` if it is unknown."""
        return self.categories.get(instance.rpartition("_")[0])

    def part_of(self, name: str) -> Part | None:
        """Return what moves under a name such as ``flat_stove_1`` or ``…_1_top_region``."""
        fixture, region = split_region(name)
        model = self.of(fixture)
        return model.parts.get(region or "self") if model else None

    def joint_of(self, name: str) -> str | None:
        """Return the whole name of the joint on which it moves; ``None`` if nothing does."""
        part = self.part_of(name)
        return f"{split_region(name)[0]}_{part.joint}" if part else None

    def region_depth(self, site: str) -> float | None:
        """Return how far (m) below a site an object's bottom belongs; ``None`` for surfaces."""
        return next((depth for end, depth in self.regions.items() if site.endswith(end)), None)


def split_region(name: str) -> tuple[str, str]:
    """Return the instance and the region of a name such as ``wooden_cabinet_1_top_region``."""
    found = re.fullmatch(r"(.+?_\d+)(?:_([a-z_]+))?", name)
    return (found[1], found[2] or "") if found else (name, "")


def load_models(path: Path | None = None) -> Models:
    """Read the table of models, by default the one that ships with gridseval."""
    path = path or data_dir("policies") / "oracle.yaml"
    table = yaml.safe_load(path.read_text(encoding="utf-8"))
    categories = {name: _model(entry) for name, entry in table["objects"].items()}
    return Models(categories, dict(table["regions"]))


def _model(entry: Mapping[str, Any]) -> Model:
    handle, hollow = (
        np.array(entry[key], dtype=np.float64) if key in entry else None
        for key in ("handle", "hollow")
    )
    return Model(
        boxes=np.array(entry["boxes"], dtype=np.float64),
        rim=Rim(*entry["rim"]) if "rim" in entry else None,
        seat=entry.get("seat", 0.0),
        slides={
            joint: np.array(boxes, dtype=np.float64)
            for joint, boxes in entry.get("slides", {}).items()
        },
        align=entry.get("align", False),
        hold=entry.get("hold", 0),
        push=tuple(entry["push"]) if "push" in entry else None,
        handle=handle,
        hollow=hollow,
        parts={
            region: Part(kind, joint, (x, y, z))
            for region, (kind, joint, (x, y, z)) in entry.get("parts", {}).items()
        },
    )
