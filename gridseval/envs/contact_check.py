"""Whether two things touch, by geom ids."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class ContactCheck:
    """robosuite's ``check_contact`` on sets of geom ids instead of a Python loop over names.

    Args:
        scene: The compiled task.
    """

    def __init__(self, scene: Any) -> None:
        self._sim = scene.env.sim
        self._data = scene.data
        self._ids: dict[int, NDArray[np.bool_]] = {}

    def __call__(self, first: Any, second: Any) -> bool:
        """Return whether geoms of both touch."""
        in_first, in_second = self._member(first), self._member(second)
        geom = self._data.contact.geom[: self._data.ncon]
        if not len(geom):
            return False
        one, two = geom[:, 0], geom[:, 1]
        hit = (in_first[one] & in_second[two]) | (in_second[one] & in_first[two])
        return bool(hit.any())

    def _member(self, thing: Any) -> NDArray[np.bool_]:
        """Return bool (ngeom,): which geoms are contact geoms of an object."""
        if id(thing) not in self._ids:
            model = self._sim.model
            names = set(thing.contact_geoms)
            self._ids[id(thing)] = np.array(
                [model.geom_id2name(geom) in names for geom in range(model.ngeom)]
            )
        return self._ids[id(thing)]
