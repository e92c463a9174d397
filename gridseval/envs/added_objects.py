"""Objects of LIBERO-Plus's layouts, which the ``libero`` package does not know."""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import SubElement

# How upstream turns them when they are placed. The stored initial state turns them again, but each
# angle costs a random draw, and later draws place the fixtures.
_ROTATION = {
    "x": (-math.pi / 2, -math.pi / 2),
    "y": (-math.pi, -math.pi),
    "z": (math.pi, math.pi),
}


@contextlib.contextmanager
def added_objects(files: Iterable[tuple[str, Path]]) -> Iterator[None]:
    """Let ``libero`` build these kinds of objects inside the block.

    Args:
        files: Kinds, as BDDL files call them, each with its XML file.
    """
    from libero.libero.envs.base_object import OBJECTS_DICT

    classes = {kind: _object_class(kind, path) for kind, path in files}
    OBJECTS_DICT.update(classes)
    try:
        yield
    finally:
        for kind in classes:
            del OBJECTS_DICT[kind]


def _object_class(kind: str, path: Path) -> type:
    from robosuite.models.objects import MujocoXMLObject

    def construct(self: Any, name: str) -> None:
        joints = [{"type": "free", "damping": "0.0005"}]
        MujocoXMLObject.__init__(
            self, str(path), name, joints, obj_type="all", duplicate_collision_geoms=False
        )
        self.category_name = kind
        self.object_properties = {"vis_site_names": {}}
        self.rotation, self.rotation_axis = _ROTATION, None

    def subtree(self: Any) -> Any:
        if self.worldbody.find("./body/body[@name='object']") is None:
            # Their files lack a level that robosuite expects of bodies, though not of sites.
            bodies = self.worldbody.findall("./body[@name='object']")
            SubElement(self.worldbody, "body").extend(copy.deepcopy(bodies))
        return MujocoXMLObject._get_object_subtree(self)

    members = {"__init__": construct, "_get_object_subtree": subtree}
    return type(kind, (MujocoXMLObject,), members)
