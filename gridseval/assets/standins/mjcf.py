"""MuJoCo's XML as LIBERO's loader wants it: elements, numbers and the frame around a body.

robosuite takes the first ``body`` below ``worldbody/body`` as the object, puts the free joint on
it, prefixes every name with the instance's, and calls geoms of group 0 contact geoms and those of
group 1 visual ones. The three sites beside the object tell where its bottom, top and side are.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

Numbers = float | int | Sequence[float]
Element = ET.Element

# Stiff, so that things rest on each other without sinking in, and with LIBERO's grip.
_CONTACT = {
    "solimp": "0.998 0.998 0.001",
    "solref": "0.001 1",
    "friction": "0.95 0.3 0.1",
}


def number_text(value: Numbers) -> str:
    """Return numbers as MJCF wants them, to six decimals, the same on every machine."""
    values = [value] if isinstance(value, int | float) else list(value)
    texts = (f"{float(number):.6f}".rstrip("0").rstrip(".") for number in values)
    return " ".join("0" if text == "-0" else text for text in texts)


def element(tag: str, *children: Element, **attributes: str | Numbers | None) -> Element:
    """Return an element; numbers are formatted, attributes that are ``None`` left out.

    A trailing underscore is dropped (``class_``).
    """
    found = ET.Element(tag)
    for name, value in attributes.items():
        if value is not None:
            text = value if isinstance(value, str) else number_text(value)
            found.set(name.rstrip("_"), text)
    found.extend(children)
    return found


def textured(name: str, file: str, **attributes: str | Numbers) -> list[Element]:
    """Return a 2D texture ``tex-<name>`` from a file and the material ``name`` that shows it.

    Args:
        name: Name of the material.
        file: PNG file, relative to the XML file.
        attributes: More of the material's attributes, such as ``texrepeat``, ``shininess`` or
            ``reflectance`` (in [0, 1]; it only shows on planes and box geoms).
    """
    material: dict[str, str | Numbers] = {"texuniform": "false", "reflectance": 0.5, **attributes}
    return [
        element("texture", file=file, name=f"tex-{name}", type="2d"),
        element("material", name=name, texture=f"tex-{name}", **material),
    ]


def coloured(name: str, rgba: Numbers, **attributes: str | Numbers) -> Element:
    """Return a material of one colour, red, green, blue and opacity in [0, 1]."""
    return element("material", name=name, rgba=rgba, **attributes)


def mesh_asset(name: str, file: str | None = None) -> Element:
    """Return a mesh asset, by default from ``visual/<name>.msh`` beside the XML file."""
    return element("mesh", name=name, file=file or f"visual/{name}.msh")


def visual(mesh: str, material: str, **attributes: str | Numbers) -> Element:
    """Return a geom that is only seen; without mass unless ``mass`` is given."""
    return element(
        "geom",
        type="mesh",
        mesh=mesh,
        material=material,
        contype=0,
        conaffinity=0,
        group="1",
        **{"mass": 0.0, **attributes},
    )


def visual_shape(
    type_: str, size: Numbers, pos: Numbers = (0, 0, 0), **attributes: str | Numbers
) -> Element:
    """Return a primitive geom that is only seen (give ``rgba`` or ``material``)."""
    return element(
        "geom",
        type=type_,
        size=size,
        pos=pos,
        contype=0,
        conaffinity=0,
        group="1",
        **{"mass": 0.0, **attributes},
    )


def solid(
    type_: str, size: Numbers, pos: Numbers = (0, 0, 0), **attributes: str | Numbers
) -> Element:
    """Return a geom that collides and is not seen; half sizes (m), density 100 kg/m³ by default."""
    defaults: dict[str, str | Numbers] = {**_CONTACT, "density": 100, "rgba": "0.8 0.8 0.8 0"}
    if "mass" in attributes:
        del defaults["density"]
    return element("geom", type=type_, size=size, pos=pos, group="0", **{**defaults, **attributes})


def solid_between(
    low: Sequence[float], high: Sequence[float], **attributes: str | Numbers
) -> Element:
    """Return a colliding box between two corners (m)."""
    half = [(b - a) / 2 for a, b in zip(low, high, strict=True)]
    middle = [(a + b) / 2 for a, b in zip(low, high, strict=True)]
    return solid("box", half, middle, **attributes)


def region(name: str, size: Numbers, pos: Numbers, **attributes: str | Numbers) -> Element:
    """Return an invisible box site (half sizes in m): a place that goals speak of."""
    # LIBERO reads the quaternion of a region from the file and knows no default.
    defaults: dict[str, str | Numbers] = {"quat": "1 0 0 0", "rgba": "0.8 0.8 0.8 0"}
    return element(
        "site", **{"type": "box", "name": name, "size": size, "pos": pos, **defaults, **attributes}
    )


def extent_sites(bottom: float, top: float, radius: float) -> list[Element]:
    """Return the sites by which LIBERO's samplers know an object's extent.

    Args:
        bottom: Height of the bottom (m), below 0.
        top: Height of the top (m).
        radius: How far the object reaches sideways along x and along y (m).
    """
    places = {
        "bottom_site": (0.0, 0.0, bottom),
        "top_site": (0.0, 0.0, top),
        "horizontal_radius_site": (radius, radius, 0.0),
    }
    return [
        element("site", rgba="0 0 0 0", size=0.005, pos=pos, name=name)
        for name, pos in places.items()
    ]


def write_object(
    path: Path, assets: Sequence[Element], body: Element, sites: Sequence[Element]
) -> None:
    """Write the XML file of an object or fixture.

    Args:
        path: Where; missing folders are made. The file's stem becomes the model's name.
        assets: Textures, materials and meshes.
        body: ``element("body", …, name="object")``.
        sites: Of :func:`extent_sites`.
    """
    outer = element("body", body, *sites)
    write_xml(
        path,
        element(
            "mujoco",
            # The tasks' frame counts in radians; so must a file that is opened on its own.
            element("compiler", angle="radian"),
            element("asset", *assets),
            element("worldbody", outer),
            model=path.stem,
        ),
    )


def write_xml(path: Path, root: Element) -> None:
    """Write an XML tree, indented, making missing folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ET.indent(root)
    path.write_text(ET.tostring(root, encoding="unicode") + "\n", encoding="utf-8", newline="\n")
