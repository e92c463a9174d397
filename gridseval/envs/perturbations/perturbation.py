"""What is changed in an episode: camera, arm, light, background, noise, as plain frozen data."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from gridseval.config import build
from gridseval.envs.perturbations.camera import CameraMove
from gridseval.envs.perturbations.language import LanguageEdit
from gridseval.envs.perturbations.noise import NOISES
from gridseval.envs.perturbations.objects import ObjectsEdit

Colour: TypeAlias = tuple[float, ...]
Part: TypeAlias = Literal["table", "floor", "wall"]
Pattern: TypeAlias = Literal["plain", "stripes", "checker", "speckle"]


@dataclass(frozen=True)
class Light:
    """One of the model's lights; what is ``None`` stays as compiled.

    Attributes:
        name: ``"light1"`` or ``"light2"`` in LIBERO's scenes, in kitchens also
            ``"light_kitchen"``; a light that a scene lacks is left out there.
        diffuse: Red, green, blue; 1 is full intensity.
        specular: Red, green, blue.
        direction: x, y, z in the world; any length but zero.
        castshadow: Whether it casts shadows.

    Raises:
        ValueError: A colour or the direction is not valid.
    """

    name: str
    diffuse: Colour | None = None
    specular: Colour | None = None
    direction: tuple[float, ...] | None = None
    castshadow: bool | None = None

    def __post_init__(self) -> None:
        for colour in (self.diffuse, self.specular):
            # Not bounded by 1: MuJoCo takes brighter ones, and scene files may have them.
            if colour is not None and not (len(colour) == 3 and math.isfinite(sum(colour))):
                raise ValueError(f"a light's colour is red, green, blue, not {colour}")
        turn = self.direction
        if turn is not None and not (len(turn) == 3 and math.isfinite(sum(turn)) and any(turn)):
            raise ValueError(f"a light's direction is not a vector: {turn}")


@dataclass(frozen=True)
class LightEdit:
    """Changes of lights.

    Attributes:
        lights: Each light at most once.
    """

    lights: tuple[Light, ...]


@dataclass(frozen=True)
class Surface:
    """What one part of the scene looks like.

    Attributes:
        part: Which part.
        pattern: How the two colours are laid out; ``plain`` shows the first only.
        colours: Two colours, each red, green, blue in [0, 1].
        cells: How often the pattern repeats along a side of the texture; at least 1.

    Raises:
        ValueError: There are not two colours, or a value is out of its range.
    """

    part: Part
    pattern: Pattern
    colours: tuple[Colour, ...]
    cells: int = 8

    def __post_init__(self) -> None:
        if len(self.colours) != 2 or self.cells < 1:
            raise ValueError("a surface needs two colours and at least one cell")
        for colour in self.colours:
            _check_colour(colour)


@dataclass(frozen=True)
class BackgroundEdit:
    """Changes of table, floor and walls.

    Attributes:
        surfaces: Each part at most once; parts that a scene lacks are left out there.
    """

    surfaces: tuple[Surface, ...]


@dataclass(frozen=True)
class Perturbation:
    """All that is changed in an episode; the default changes nothing.

    Attributes:
        camera: A move of the agent camera.
        joints: Joint angles of the arm at reset (rad), before the stored initial state is set.
        joints_true: Whether the arm really starts at ``joints``. LIBERO-Plus sets the stored state
            afterwards, so that only the controller remembers ``joints``.
        light: Changes of lights.
        background: Changes of table, floor and walls.
        noise: Number of a sensor noise, 1 to 50, on the agent camera's images.
        true_swap: Whether glass blur swaps pixels; LIBERO-Plus's copies one over the other.
        language: In which other words the instruction is said.
        objects: How far objects and fixtures may be moved, and how many are added.
        extra: Kinds of perturbation with their own edit, each with its data for JSON.

    Raises:
        ValueError: A value is out of its range.
    """

    camera: CameraMove | None = None
    joints: tuple[float, ...] | None = None
    joints_true: bool = False
    light: LightEdit | None = None
    background: BackgroundEdit | None = None
    noise: int | None = None
    true_swap: bool = False
    language: LanguageEdit | None = None
    objects: ObjectsEdit | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if self.noise is not None and not 1 <= self.noise <= NOISES:
            raise ValueError(f"there is no noise {self.noise}: 1 to {NOISES} exist")
        angles = self.joints
        if angles is not None and not (len(angles) == 7 and math.isfinite(sum(angles))):
            raise ValueError(f"the arm has seven finite joint angles, not {angles}")

    def spoken(self, instruction: str) -> str:
        """Return an instruction as policies get it."""
        return instruction if self.language is None else self.language.apply(instruction)

    def to_json(self) -> dict[str, Any]:
        """Return plain data for JSON, without what is not perturbed."""
        return {
            each.name: _plain(value)
            for each in dataclasses.fields(self)
            if (value := getattr(self, each.name)) != getattr(NOTHING, each.name)
        }

    @classmethod
    def from_json(cls, data: Any, source: str = "perturbation") -> Perturbation:
        """Return what ``to_json`` described.

        Args:
            data: Plain data.
            source: Where they come from, for errors.

        Raises:
            UsageError: The data do not describe a perturbation.
        """
        return build(cls, data, source)


NOTHING = Perturbation()
"""Changes nothing."""


def _check_colour(colour: Colour) -> None:
    if len(colour) != 3 or not all(0 <= part <= 1 for part in colour):
        raise ValueError(f"a colour is red, green, blue in [0, 1], not {colour}")


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {key: _plain(item) for key, item in vars(value).items() if item is not None}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
