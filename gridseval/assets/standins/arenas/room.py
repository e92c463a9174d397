"""What all rooms share: the shell of floor and walls, lights, cameras, and the skybox.

The names are the ones that LIBERO's arena classes look up (``texplane``, ``tex-wall``, ``floor``):
it sets the floor's and the walls' file by the scene's style, and moves the cameras that a task is
seen by.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gridseval.assets.standins.mjcf import Element, Numbers, element, write_xml

_WALL_HEIGHT, _THICKNESS = 1.5, 0.01
_HALF_ROOT, _COS_22, _SIN_22 = 0.707107, 0.653281, 0.270598


def write_scene(path: Path, assets: Iterable[Element], world: Iterable[Element]) -> None:
    """Write a scene: a room's own assets and bodies between the shared shell and the cameras."""
    write_xml(
        path,
        element(
            "mujoco",
            element("asset", *assets),
            element("worldbody", *world, *_lights(), *_cameras()),
            model=path.stem,
        ),
    )


def shell_assets(shininess: float = 0.1, specular: float = 0.8) -> list[Element]:
    """Return skybox, floor and wall materials.

    Args:
        shininess: Of the walls, in [0, 1].
        specular: Of the walls, in [0, 1].
    """
    return [
        element(
            "texture",
            type="skybox",
            builtin="gradient",
            rgb1=".9 .9 1",
            rgb2=".2 .3 .4",
            width=256,
            height=256,
        ),
        *_repeated("texplane", "floorplane", "tile_grigia_caldera_porcelain_floor", 0.0, 0.0),
        *_repeated("tex-wall", "walls_mat", "smooth_light_gray_plaster", shininess, specular),
    ]


def floor() -> Element:
    """Return the floor, 6 m square at height 0."""
    return element(
        "geom",
        name="floor",
        type="plane",
        size=(3, 3, 0.125),
        pos=(0, 0, 0),
        condim=3,
        group="1",
        material="floorplane",
    )


def floor_body() -> Element:
    """Return the floor in a separate body, to which LIBERO adds the regions of a task."""
    return element("body", floor(), name="floor", pos=(0, 0, 0))


def walls() -> list[Element]:
    """Return the six walls of a room whose two corners behind the robot are cut off."""
    return [
        _wall("leftcorner", (-1.25, 2.25), 1.06, (_COS_22, _COS_22, _SIN_22, _SIN_22)),
        _wall("rightcorner", (-1.25, -2.25), 1.06, (_COS_22, _COS_22, -_SIN_22, -_SIN_22)),
        _wall("left", (1.25, 3), 1.75, (_HALF_ROOT, _HALF_ROOT, 0, 0)),
        _wall("right", (1.25, -3), 1.75, (_HALF_ROOT, -_HALF_ROOT, 0, 0)),
        _wall("rear", (-2, 0), 1.5, (0.5, 0.5, 0.5, 0.5)),
        _wall("front", (3, 0), 3.0, (0.5, 0.5, -0.5, -0.5)),
    ]


def square_walls() -> list[Element]:
    """Return the four walls of the kitchen."""
    return [
        _wall("left", (0.5, 3), 2.5, (_HALF_ROOT, _HALF_ROOT, 0, 0)),
        _wall("right", (0.5, -3), 2.5, (_HALF_ROOT, -_HALF_ROOT, 0, 0)),
        _wall("rear", (-2, 0), 3.0, (0.5, 0.5, 0.5, 0.5)),
        _wall("front", (3, 0), 3.0, (0.5, 0.5, -0.5, -0.5)),
    ]


def _repeated(
    texture: str, material: str, file: str, shininess: float, specular: float
) -> list[Element]:
    """Return a texture that is laid three times along every metre, and its material."""
    return [
        element("texture", file=f"../textures/{file}.png", type="2d", name=texture),
        element(
            "material",
            name=material,
            texture=texture,
            texrepeat="3 3",
            texuniform="true",
            reflectance=0,
            shininess=shininess,
            specular=specular,
        ),
    ]


def _wall(side: str, place: tuple[float, float], half: float, quat: Numbers) -> Element:
    return element(
        "geom",
        name=f"wall_{side}_visual",
        type="box",
        size=(half, _WALL_HEIGHT, _THICKNESS),
        pos=(*place, _WALL_HEIGHT),
        quat=quat,
        material="walls_mat",
        contype=0,
        conaffinity=0,
        group="1",
    )


def _lights() -> list[Element]:
    return [
        element(
            "light",
            name=name,
            pos=pos,
            dir="0 -.15 -1",
            diffuse=".8 .8 .8",
            specular=".3 .3 .3",
            directional="false",
            castshadow="false",
        )
        for name, pos in (("light1", "1 1 4"), ("light2", "-3 -3 4"))
    ]


def _cameras() -> list[Element]:
    views: dict[str, tuple[Numbers, Numbers]] = {
        "frontview": ((1, 0, 1.45), (0.56, 0.43, 0.43, 0.56)),
        "birdview": ((-0.2, 0, 3), (0.7071, 0, 0, 0.7071)),
        "agentview": ((0.5, 0, 1.35), (0.653, 0.271, 0.271, 0.653)),
        "sideview": ((-0.0565, 1.2761, 1.488), (0.0099, 0.0069, 0.5912, 0.8064)),
    }
    return [
        element("camera", mode="fixed", name=name, pos=pos, quat=quat)
        for name, (pos, quat) in views.items()
    ]
