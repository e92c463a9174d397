"""Observations in memory that a worker and the pool share.

An unlinked file stands behind it, so nothing is left over however the processes end.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gridseval.envs.spaces import CAMERAS

_STATE = (np.dtype(np.float32), (8,))
# Only for files without a name.
_MEMORY_DISK = Path("/dev/shm")  # noqa: S108


class SharedObservation:
    """Arrays of one slot's observation.

    Args:
        keys: Which of :data:`~gridseval.envs.spaces.ALL_OBSERVATION_KEYS`.
        image_px: Side of images.
        descriptor: The open file behind the memory, or ``None`` to make a new one.
    """

    def __init__(self, keys: Sequence[str], image_px: int, descriptor: int | None = None) -> None:
        image = (np.dtype(np.uint8), (image_px, image_px, 3))
        layout = {key: image if key in CAMERAS else _STATE for key in keys}
        sizes = {k: int(dtype.itemsize * np.prod(shape)) for k, (dtype, shape) in layout.items()}
        total = max(1, sum(sizes.values()))
        self.descriptor = _new_file(total) if descriptor is None else descriptor
        self._memory = mmap.mmap(self.descriptor, total)
        self._arrays: dict[str, Any] = {}
        offset = 0
        for key, (dtype, shape) in layout.items():
            count = int(np.prod(shape))
            flat = np.frombuffer(self._memory, dtype=dtype, count=count, offset=offset)
            self._arrays[key] = flat.reshape(shape)
            offset += sizes[key]

    def write(self, observation: dict[str, Any]) -> dict[str, Any]:
        """Store the arrays and return what is left of the observation."""
        for key, array in self._arrays.items():
            array[...] = observation[key]
        return {key: value for key, value in observation.items() if key not in self._arrays}

    def read(self) -> dict[str, Any]:
        """Return copies of the arrays."""
        return {key: array.copy() for key, array in self._arrays.items()}

    def close(self) -> None:
        """Close the file; the memory goes with the last array that shows it."""
        if self.descriptor >= 0:  # closed twice, the number may be another file's by then
            os.close(self.descriptor)
        self.descriptor = -1


def _new_file(size: int) -> int:
    folder = _MEMORY_DISK if _MEMORY_DISK.is_dir() else None
    with tempfile.TemporaryFile(dir=folder) as file:
        file.truncate(size)
        return os.dup(file.fileno())
