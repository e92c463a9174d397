"""What a movable object is made of, and the file it becomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gridseval.assets.standins.canvas import Canvas
from gridseval.assets.standins.mesh import Mesh, write_mesh
from gridseval.assets.standins.mjcf import (
    Element,
    element,
    extent_sites,
    mesh_asset,
    textured,
    visual,
    write_object,
)
from gridseval.assets.standins.objects.measures import Measures
from gridseval.assets.standins.solids import UPRIGHT, Block, Quaternion

Colour = tuple[float, float, float]

LYING: Quaternion = (0.5, -0.5, -0.5, -0.5)
"""Turns a thing built upright, its front towards x, into a frame whose y is up and z the front."""


PAPER_SHADE = 0.86
"""How much darker printed packages are drawn than they are, as in photographs of them."""


@dataclass(frozen=True, eq=False)
class Model:
    """A movable object, built upright around its own origin.

    Attributes:
        name: LIBERO's name of its category.
        folder: LIBERO's folder of its kind.
        mesh: What is seen.
        picture: What is printed on it.
        solids: What collides.
        frame: How the body's frame lies to the upright one.
        regions: Sites that goals speak of.
        shininess: Of the material, in [0, 1], as is ``specular``.
    """

    name: str
    folder: str
    mesh: Mesh
    picture: Canvas
    solids: Sequence[Block]
    frame: Quaternion = UPRIGHT
    regions: Sequence[Element] = ()
    shininess: float = 0.3
    specular: float = 0.3


def write_model(root: Path, model: Model, measures: Measures) -> None:
    """Write an object's XML, mesh and texture below an asset root."""
    home = root / model.folder / model.name
    mesh_name = f"{model.name}_vis"
    write_mesh(home / "visual" / f"{mesh_name}.msh", model.mesh.framed(model.frame))
    model.picture.save(home / "texture.png")
    assets = [
        *textured(model.name, "texture.png", shininess=model.shininess, specular=model.specular),
        mesh_asset(mesh_name),
    ]
    body = element(
        "body",
        _inertial(measures),
        *model.regions,
        visual(mesh_name, model.name),
        *(block.element(model.frame) for block in model.solids),
        name="object",
    )
    sites = extent_sites(measures.bottom, measures.top, measures.radius)
    write_object(home / f"{model.name}.xml", assets, body, sites)


def _inertial(measures: Measures) -> Element:
    """Return the body's mass and inertia, which its boxes would only meet by chance."""
    return element(
        "inertial",
        pos=[number / 1e3 for number in measures.center_mm],
        mass=measures.mass_g / 1e3,
        diaginertia=" ".join(f"{number * 1e-6:.3e}" for number in measures.inertia_kg_mm2),
    )
