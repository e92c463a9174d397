"""What stands in rooms: the plain table that LIBERO resizes, and furniture that is only seen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gridseval.assets.standins.canvas import Colour
from gridseval.assets.standins.mesh import Mesh, write_mesh
from gridseval.assets.standins.mjcf import Element, Numbers, coloured, element, mesh_asset


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
            geom: The geom's name, if code looks it up.
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
