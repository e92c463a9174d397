"""The two models at the root of LIBERO's folder, which no task of the suites uses.

A low wall, and the place where things are served.
"""

from __future__ import annotations

from pathlib import Path

from gridseval.assets.standins.mjcf import (
    Element,
    element,
    extent_sites,
    region,
    solid,
    visual_shape,
    write_object,
)


def build_loose(root: Path) -> None:
    """Write ``wall.xml`` and ``serving_region.xml`` into the asset root."""
    half, middle, blue = (0.15, 0.01, 0.08), (0, 0, 0.022), (0.2, 0.2, 0.8, 1)
    wall = (
        solid("box", half, middle, name="obstacle"),
        visual_shape("box", half, middle, name="visual_obj", rgba=blue),
    )
    place = (region("plate", (1, 1, 0.05), middle),)
    for name, parts in (("wall", wall), ("serving_region", place)):
        write_object(root / f"{name}.xml", [], _body(*parts), extent_sites(-0.3, 0.3, 0.3))


def _body(*parts: Element) -> Element:
    return element("body", element("body", *parts, name="base"), name="object")
