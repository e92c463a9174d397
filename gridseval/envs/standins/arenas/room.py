"""What all rooms share: the shell of floor and walls, lights, cameras, tables and the skybox.

The names are the ones that LIBERO's arena classes look up (``texplane``, ``tex-wall``, ``table``,
``table_visual``, …); it sets the floor's and the walls' file by the scene's style, and moves the
cameras that a task is seen by.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from gridseval.envs.standins.canvas import Colour
from gridseval.envs.standins.mesh import Mesh, write_mesh
from gridseval.envs.standins.mjcf import Element, Numbers, coloured, element, mesh_asset, write_xml

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


def table_assets(wood: str = "martin_novak_wood_table") -> list[Element]:
    """Return the materials of the plain table and its legs, of one wood."""
    file = f"../textures/{wood}.png"
    return [
        element("texture", file=file, type="cube", name="tex-table"),
        element(
            "material",
            name="table_texture",
            texture="tex-table",
            texrepeat="1 1",
            reflectance=0,
            shininess=0,
            specular=0.2,
        ),
        element("texture", file=file, type="cube", name="tex-table-legs"),
        element(
            "material",
            name="table_legs",
            texture="tex-table-legs",
            texrepeat="1 1",
            reflectance=0.8,
            shininess=0.8,
        ),
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
    """Return the floor in a body of its own, to which LIBERO adds the regions of a task."""
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


def plain_table() -> Element:
    """Return a table on four legs; LIBERO gives it place, size and legs."""
    half: Numbers = (0.4, 0.4, 0.4)
    seen: dict[str, str | Numbers] = {"contype": 0, "conaffinity": 0, "group": "1"}
    return element(
        "body",
        element(
            "geom",
            name="table_collision",
            type="box",
            size=half,
            pos=(0, 0, 0),
            group="0",
            friction=(1, 0.005, 0.0001),
        ),
        element(
            "geom",
            name="table_visual",
            type="box",
            size=half,
            pos=(0, 0, 0),
            material="table_texture",
            **seen,
        ),
        element("site", name="table_top", pos=(0, 0, 0.4), size=0.001, rgba="0 0 0 0"),
        *(
            element(
                "geom",
                name=f"table_leg{number}_visual",
                type="cylinder",
                size=(0.05, 0.1),
                pos=(0, 0, 0),
                material="table_legs",
                **seen,
            )
            for number in range(1, 5)
        ),
        name="table",
        pos=(0, 0, 0.4),
    )


class Furniture:
    """Meshes of one folder below ``scenes/``, one per material, that are only seen.

    Args:
        scenes: The asset root's ``scenes`` folder.
        name: Folder and prefix of the names.
    """

    def __init__(self, scenes: Path, name: str) -> None:
        self._scenes, self._name = scenes, name
        self.assets: list[Element] = []
        self.geoms: list[Element] = []

    def add(
        self,
        part: str,
        mesh: Mesh,
        material: Element | Sequence[Element],
        geom: str | None = None,
        pos: Numbers = (0, 0, 0),
    ) -> None:
        """Write a mesh and note its material and its geom.

        Args:
            part: What it is; names mesh and file.
            mesh: In the coordinates of the body that the geoms go into.
            material: Its texture and material; the last one is the geom's.
            geom: The geom's name, if anybody looks it up.
            pos: Where it stands (m).
        """
        name = f"{self._name}_{part}"
        file = f"{self._name}/{part}.msh"
        write_mesh(self._scenes / file, mesh)
        parts = [material] if isinstance(material, Element) else list(material)
        self.assets += [*parts, mesh_asset(name, file)]
        self.geoms.append(
            element(
                "geom",
                name=geom,
                type="mesh",
                mesh=name,
                material=str(parts[-1].get("name")),
                pos=pos,
                contype=0,
                conaffinity=0,
                group="1",
            )
        )


def paint(name: str, colour: Colour, **attributes: str | Numbers) -> Element:
    """Return a material of one colour, red, green, blue in [0, 255]."""
    return coloured(name, (*(round(value / 255, 4) for value in colour), 1.0), **attributes)


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
