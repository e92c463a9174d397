"""What is changed in an episode: camera, arm, light, background, noise, as plain frozen data."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from gridseval.config import build
from gridseval.envs.perturbations.camera import CameraMove

Colour: TypeAlias = tuple[float, ...]
Part: TypeAlias = Literal["table", "floor", "wall"]
Pattern: TypeAlias = Literal["plain", "stripes", "checker", "speckle"]


@dataclass(frozen=True)
class Light:
    """One of the model's lights; what is ``None`` stays as compiled.

    Attributes:
        name: ``"light1"`` or ``"light2"`` in LIBERO's scenes.
        diffuse: Red, green, blue in [0, 1].
        specular: Red, green, blue in [0, 1].
        direction: x, y, z in the world; any length but zero.
        castshadow: Whether it casts shadows.
    """

    name: str
    diffuse: Colour | None = None
    specular: Colour | None = None
    direction: tuple[float, ...] | None = None
    castshadow: bool | None = None


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
    """

    part: Part
    pattern: Pattern
    colours: tuple[Colour, ...]
    cells: int = 8


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
    """

    camera: CameraMove | None = None
    joints: tuple[float, ...] | None = None
    joints_true: bool = False
    light: LightEdit | None = None
    background: BackgroundEdit | None = None
    noise: int | None = None

    @property
    def edits_model(self) -> bool:
        """Whether the compiled model has to be edited."""
        return not (self.camera is None and self.light is None and self.background is None)

    def to_json(self) -> dict[str, Any]:
        """Return plain data for JSON, without what is not perturbed."""
        return {
            field.name: _plain(value)
            for field in dataclasses.fields(self)
            if (value := getattr(self, field.name)) != field.default
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


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {key: _plain(item) for key, item in vars(value).items() if item is not None}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
